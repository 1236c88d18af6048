"""``sampler list``: what is installed, from where, and why something cannot be used."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from sampler._contract.declaration import short
from sampler._registry.discovery import GROUP as SAMPLERS
from sampler.agent.config.plugins import GROUP as ADAPTERS
from sampler.agent.config.plugins import Plugin, UnusablePlugin, installed_plugins
from sampler.cli.keys import section


def show(what: str | None, *, as_json: bool = False) -> int:
    """Print the installed samplers, adapters or both."""
    groups = {"samplers": SAMPLERS, "adapters": ADAPTERS}
    found = {
        kind: [_describe(kind, entry) for entry in installed_plugins(group).values()]
        for kind, group in groups.items()
        if what in (None, kind)
    }
    if as_json:
        print(json.dumps(found if what is None else found[what], indent=2))
        return 0
    for kind, rows in found.items():
        print(f"{kind}:")
        for row in rows:
            origin = f"{row['distribution']} {row['version']}"
            start = f"  {row['name']:<11} {origin:<18} "
            text = start + _text(kind, row)
            if row["available"]:  # a remedy is to be copied: it stays on its line
                text = textwrap.fill(text, 80, subsequent_indent=" " * 33)
            print(text)
    return 0


def _describe(kind: str, entry: Plugin) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.name,
        "reference": entry.reference,
        "distribution": entry.distribution or "",  # malformed metadata has none
        "version": entry.version or "",
        "available": True,
        "reason": "",
    }
    return row | (_sampler(entry) if kind == "samplers" else _adapter(entry))


def _sampler(entry: Plugin) -> dict[str, Any]:
    try:
        loaded = entry.load()
        return {"metrics": sorted(map(str, loaded.get("metrics") or ()))}
    except UnusablePlugin as unusable:
        return {"available": False, "reason": unusable.reason}
    except Exception as error:  # whatever the object is
        return {"available": False, "reason": f"is no sampler: {short(error)}"}


def _adapter(entry: Plugin) -> dict[str, Any]:
    found = section(entry)
    if found.unusable:
        return {"available": False, "reason": found.unusable}
    return {
        "help": found.summary,
        "keys": {
            **dict.fromkeys(found.undeclared or (), ""),
            **{key: option.help for key, option in found.keys.items()},
        },
        "unsupported": dict(found.unsupported),
    }


def _text(kind: str, row: dict[str, Any]) -> str:
    if not row["available"]:
        return f"unavailable: {row['reason']}"
    if kind == "samplers":
        return f"{len(row['metrics'])} metrics"
    lost = f" Does not carry: {', '.join(row['unsupported'])}." if row["unsupported"] else ""
    return f"{row['help']}{lost}".strip()
