"""``sampler config sample``: a file to begin with: every key, its default and its meaning."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from sampler.cli.keys import ANY, sections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent.config.options import Option
    from sampler.cli.keys import Section

_HEAD = """\
# sampler.toml: what 'sampler run' and sampler.agent.start() do. '# key = value' shows a default.
# ${NAME} in a text stands for an environment variable; 'sampler explain KEY' describes a key.

"""
_ACTIVE = "adapters.prometheus"


def sample() -> str:
    """Return a commented configuration with every key that stays, valid as it stands."""
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
        if option.replaced_by:
            continue
        for line in textwrap.wrap(option.help, 90):
            yield f"#   {line}"
        if option.default is None or option.secret:
            what = ", ".join(filter(None, (option.expected, option.range)))
            yield f"# {key}: not set; {what}"
        else:
            yield f"# {key} = {toml(option)}"


def toml(option: Option) -> str:
    """Return a key's default as TOML; a key without one has none."""
    return _toml(option.default)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
