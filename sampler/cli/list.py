"""``sampler list``: what is installed, from where, and why something cannot be used."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from sampler._contract.declaration import short
from sampler._registry.announcements import SAMPLERS, misnamed
from sampler._runtime.printable import counted
from sampler.agent.config.plugins import GROUP as ADAPTERS
from sampler.agent.config.plugins import (
    Plugin,
    UnusablePlugin,
    installed_plugins,
    left_out_plugins,
)
from sampler.cli.exits import OK
from sampler.cli.keys import section
from sampler.cli.layout import WIDTH


def show(what: str | None, *, as_json: bool = False) -> int:
    """Print the installed samplers, adapters or both."""
    groups = {"samplers": SAMPLERS, "adapters": ADAPTERS}
    found = {
        kind: [
            *(_describe(kind, plugin) for plugin in installed_plugins(group).values()),
            *(_row(each.plugin, unusable=each.reason) for each in left_out_plugins(group)),
        ]
        for kind, group in groups.items()
        if what in (None, kind)
    }
    if as_json:
        print(json.dumps(found if what is None else found[what], indent=2))
        return OK
    for kind, rows in found.items():
        print(f"{kind}:")
        for row in rows:
            origin = f"{row['distribution']} {row['version']}"
            start = f"  {row['name']:<11} {origin:<18} "
            text = start + _text(kind, row)
            if row["available"]:  # else it ends with a command to copy, which stays on one line
                text = textwrap.fill(text, WIDTH, subsequent_indent=" " * 33)
            print(text)
    return OK


def _describe(kind: str, plugin: Plugin) -> dict[str, Any]:
    return _row(plugin) | (_sampler(plugin) if kind == "samplers" else _adapter(plugin))


def _row(plugin: Plugin, *, unusable: str = "") -> dict[str, Any]:
    return {
        "name": plugin.name,
        "reference": plugin.reference,
        "distribution": plugin.distribution or "",  # malformed metadata has none
        "version": plugin.version or "",
        "available": not unusable,
        "reason": unusable,
    }


def _sampler(plugin: Plugin) -> dict[str, Any]:
    try:
        loaded = plugin.load()
        group = getattr(loaded, "registration", None)  # of instruments
        mapping = loaded if group is None else group.sampler
        metrics = {"metrics": sorted(map(str, mapping.get("metrics") or ()))}
        if wrong := misnamed(plugin.name, str(mapping.get("name"))):
            return {"available": False, "reason": f"not collected: {wrong}", **metrics}
        return metrics
    except UnusablePlugin as unusable:
        return {"available": False, "reason": unusable.reason}
    except Exception as error:  # foreign code
        return {"available": False, "reason": f"is not a sampler: {short(error)}"}


def _adapter(plugin: Plugin) -> dict[str, Any]:
    found = section(plugin)
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
        return counted(len(row["metrics"]), "metric")
    words = ", ".join(row["unsupported"])
    return f"{row['help']} Does not carry: {words}.".strip() if words else row["help"]
