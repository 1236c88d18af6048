"""``sampler config sample``: every key, its default and its meaning, as a file to begin with."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from sampler.cli.keys import ANY, sections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent.options import Option
    from sampler.cli.keys import Section

_HEAD = """\
# sampler.toml: what 'sampler run' and sampler.agent.start() do. Lines with '#' show defaults.

"""
_ACTIVE = "adapters.prometheus"
_EXAMPLES = {str: '"..."', tuple: '["..."]', float: "5.0", int: "1"}


def sample() -> str:
    """Return a commented configuration that holds every key there is, and is accepted as it is."""
    lines: list[str] = []
    for section in sections():
        lines += [*_table(section), ""]
    return _HEAD + "\n".join(lines)


def _table(section: Section) -> Iterator[str]:
    if section.unusable:
        yield f"# [{section.table}]  # {section.unusable}"
        return
    if section.table == ANY:
        yield "# Every [adapters.NAME] table also takes:"
    elif section.adapter:
        yield f"# {section.summary}"
        yield f"[{section.table}]" if section.table == _ACTIVE else f"# [{section.table}]"
    elif section.table:
        yield f"[{section.table}]"
    for key, option in section.keys.items():
        for line in textwrap.wrap(option.help, 90):
            yield f"#   {line}"
        yield f"# {key} = {toml(option)}"


def toml(option: Option) -> str:
    """Return a key's default as TOML; an example where there is none."""
    value: Any = option.default
    if value is None:
        return _EXAMPLES[option.kind]
    if isinstance(value, dict):
        return "{}"
    return json.dumps(list(value) if isinstance(value, tuple) else value)
