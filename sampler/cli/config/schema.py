"""``sampler config schema``: a JSON Schema of ``sampler.toml``, for editors.

It accepts every file that the agent accepts. Editors know JSON Schema to different degrees: all
check ``if``, few look behind it for keys to offer, and none reads what stands beside a ``$ref``.
So the tables of adapters name their keys twice: once to check them and once, as hints, to offer
and explain them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sampler.cli.keys import ANY, sections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler.agent.config.options import Option
    from sampler.cli.keys import Section

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}

_REFERENCE = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$"}


def schema() -> str:
    """Return the schema (draft 2020-12) as JSON text, with all installed adapters."""
    found = {section.table: section for section in sections()}
    top, common = found.pop(""), found.pop(ANY)
    plain = [found.pop(table) for table in ("samplers", "bridges", "web", "relay")]
    adapters = {each.adapter: each for each in found.values() if not each.unusable}
    known = {name: _object(each, common, adapters) for name, each in adapters.items()}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sampler.toml",
        "description": top.summary,
        "type": "object",
        "properties": {
            **_properties(top),
            **{each.table: _plain(each) for each in plain},
            "adapters": {
                "type": "object",
                "description": "Where the numbers go: one table for each destination.",
                "properties": {name: _named(name, known[name]) for name in known},
                "additionalProperties": _reference(ANY),
            },
        },
        "additionalProperties": False,
        "$defs": {**known, ANY: _typed(common, known)},
    }
    return json.dumps(whole, indent=2) + "\n"


def _plain(section: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "description": section.summary,
        "properties": _properties(section),
        "additionalProperties": False,
    }


def _named(name: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of ``[adapters.graphite]``: graphite's, unless it has a ``type``."""
    return {
        "type": "object",
        "description": known["description"],
        "properties": {key: _hint(key, [name]) for key in known["properties"]},
        "if": {"required": ["type"]},
        "then": _reference(ANY),
        "else": _reference(name),
    }


def _typed(common: Section, known: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a table of any name, which must have a ``type``."""
    chain: dict[str, Any] = {}
    for name in reversed(known):
        condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
        chain = {"if": condition, "then": _reference(name)} | ({"else": chain} if chain else {})
    keys = dict.fromkeys(key for each in known.values() for key in each["properties"])
    owners = {key: [n for n, each in known.items() if key in each["properties"]] for key in keys}
    hints = {key: _hint(key, names) for key, names in owners.items() if key not in common.keys}
    return {
        "type": "object",
        "description": common.summary,
        "properties": {**_properties(common), "type": _type(common, known), **hints},
        "required": ["type"],
        **chain,
    }


def _hint(key: str, names: list[str]) -> dict[str, Any]:
    """Return a schema that describes a key of these adapters and accepts any value."""
    return {"anyOf": [*(_reference(name, "properties", key) for name in names), True]}


def _reference(*path: str) -> dict[str, str]:
    steps = (quote(step.replace("~", "~0").replace("/", "~1"), safe="~") for step in path)
    return {"$ref": "/".join(("#/$defs", *steps))}


def _object(section: Section, common: Section, types: Iterable[str]) -> dict[str, Any]:
    properties = {
        **{key: {} for key in section.undeclared or ()},
        **_properties(section),
        **_properties(common),
        "type": _type(common, types),
    }
    return {
        "type": "object",
        "description": section.summary,
        "properties": properties,
        "additionalProperties": section.undeclared is None,
    }


def _type(common: Section, types: Iterable[str]) -> dict[str, Any]:
    known = [{"enum": list(types)}, _REFERENCE, _VARIABLE]
    return {"description": common.keys["type"].help, "anyOf": known}


def _properties(section: Section) -> dict[str, Any]:
    return {key: _property(option) for key, option in section.keys.items()}


def _property(option: Option) -> dict[str, Any]:
    if option.kind is tuple:
        shape: dict[str, Any] = {"type": "array", "items": _item(option, option.items)}
    elif option.kind is dict:
        inner = {str: {"type": "string"}, dict: {"type": "object"}, object: True}[option.items]
        shape = {"type": "object", "additionalProperties": inner}
    else:
        shape = _item(option, option.kind)
        if option.kind in (int, float, bool) and not option.choices:
            shape |= {"type": [shape["type"], "string"], "pattern": _VARIABLE["pattern"]}
    if option.also:
        shape = {"anyOf": [shape, {"enum": list(option.also)}]}
    described = {"description": option.meaning, **shape}
    if option.replaced_by:
        described["deprecated"] = True
    if option.secret:
        return {**described, "writeOnly": True}
    if option.default is not None:
        default = option.default
        described["default"] = list(default) if isinstance(default, tuple) else default
    return described


def _item(option: Option, kind: type) -> dict[str, Any]:
    if option.choices:
        return {"anyOf": [{"enum": list(option.choices)}, _VARIABLE]}
    shape: dict[str, Any] = {"type": _TYPES[kind]}
    if option.minimum is not None:
        shape["minimum"] = option.minimum
    if option.maximum is not None:
        shape["maximum"] = option.maximum
    return shape
