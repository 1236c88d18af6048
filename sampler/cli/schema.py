"""``sampler config schema``: a JSON Schema of ``sampler.toml``, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sampler.cli.keys import ANY, sections

if TYPE_CHECKING:
    from sampler.agent.options import Option
    from sampler.cli.keys import Section

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"


def schema() -> str:
    """Return the schema (draft 2020-12) as JSON text, of all adapters that are installed."""
    found = {section.table: section for section in sections()}
    top, samplers, common = found.pop(""), found.pop("samplers"), found.pop(ANY)
    adapters = {
        each.adapter: _object(each, common) for each in found.values() if not each.unusable
    }
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sampler.toml",
        "type": "object",
        "properties": {
            **_properties(top),
            "samplers": {
                "type": "object",
                "description": samplers.summary,
                "properties": _properties(samplers),
                "additionalProperties": False,
            },
            "adapters": _adapters(adapters),
        },
        "additionalProperties": False,
        "$defs": adapters,
    }
    return json.dumps(whole, indent=2) + "\n"


def _adapters(adapters: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of ``[adapters]``: a table is of its ``type``, else of its name."""
    types = {
        "type": "object",
        "properties": {"type": {"enum": sorted(adapters)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in adapters
        ],
    }
    named = {
        name: {**types, "if": {"not": {"required": ["type"]}}, "then": {"$ref": f"#/$defs/{name}"}}
        for name in adapters
    }
    return {
        "type": "object",
        "description": "Where the numbers go: one table for each destination.",
        "properties": named,
        "additionalProperties": {**types, "required": ["type"]},
    }


def _object(section: Section, common: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "description": section.summary,
        "properties": {**_properties(section), **_properties(common)},
        "additionalProperties": False,
    }


def _properties(section: Section) -> dict[str, Any]:
    return {key: _property(option) for key, option in section.keys.items()}


def _property(option: Option) -> dict[str, Any]:
    if option.kind is tuple:
        shape: dict[str, Any] = {"type": "array", "items": _item(option, option.items)}
    elif option.kind is dict:
        shape = {"type": "object", "additionalProperties": {"type": "string"}}
    else:
        shape = _item(option, option.kind)
        if option.kind in (int, float, bool):
            variable = {"type": "string", "pattern": f"^{_VARIABLE}$"}
            shape = {"anyOf": [shape, variable]}
    described = {"description": option.help, **shape}
    if option.default is not None:
        default = option.default
        described["default"] = list(default) if isinstance(default, tuple) else default
    if option.secret:
        described["writeOnly"] = True
    return described


def _item(option: Option, kind: type) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": _TYPES[kind]}
    if option.minimum is not None:
        shape["minimum"] = option.minimum
    if option.maximum is not None:
        shape["maximum"] = option.maximum
    if option.choices:
        known = {"enum": list(option.choices)}
        return {"anyOf": [known, {"type": "string", "pattern": _VARIABLE}]}
    return shape
