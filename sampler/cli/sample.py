"""``sampler config sample``: every key, its default and its meaning, from one source."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent.catalogue import Unusable, catalogue
from sampler.agent.config import Delivery, Program, Samplers
from sampler.agent.options import Option, options

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# sampler.toml: what 'sampler run' and sampler.agent.start() do. Lines with '#' show defaults.

"""


def sample() -> str:
    """Return a commented configuration that holds every key there is, and is accepted as it is."""
    lines = [*_keys(Program, set()), "", "[samplers]", *_keys(Samplers, set()), ""]
    common = set(options(Delivery))
    for name, entry in catalogue().items():
        try:
            cls = entry.load()
        except Unusable as unusable:
            lines += [f"# [adapters.{name}]  # {unusable.reason}", ""]
            continue
        active = "" if name == "prometheus" else "# "
        summary = (cls.__doc__ or "").strip().partition("\n")[0].replace("``", "")
        lines += [f"# {summary}", f"{active}[adapters.{name}]", *_keys(cls, common), ""]
    lines += ["# Every [adapters.NAME] table also takes:", *_keys(Delivery, set())]
    return _HEAD + "\n".join(lines) + "\n"


def _keys(cls: Any, without: set[str]) -> Iterator[str]:
    for field in attrs.fields(cls) if attrs.has(cls) else ():
        described = options(cls).get(field.name)
        if described is None or field.name in without:
            continue
        for line in textwrap.wrap(described.help, 90):
            yield f"#   {line}"
        yield f"# {field.name} = {_toml(described.default, described)}"


def _toml(value: Any, described: Option) -> str:
    if value is None:
        return {str: '"..."', tuple: '["process"]', float: "5.0", int: "1"}[described.kind]
    return json.dumps(list(value) if isinstance(value, tuple) else value)
