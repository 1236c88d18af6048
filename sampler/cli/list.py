"""``sampler list``: what is installed, from where, and why something cannot be used."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from sampler._discovery import GROUP as SAMPLERS
from sampler.agent.catalogue import GROUP as ADAPTERS
from sampler.agent.catalogue import Entry, Unusable, catalogue
from sampler.agent.options import options
from sampler.cli.keys import summary
from sampler.cli.losses import losses


def show(what: str | None, *, as_json: bool = False) -> int:
    """Print the installed samplers, adapters or both."""
    groups = {"samplers": SAMPLERS, "adapters": ADAPTERS}
    found = {
        kind: [_describe(kind, entry) for entry in catalogue(group).values()]
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


def _describe(kind: str, entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.name,
        "reference": entry.reference,
        "distribution": entry.distribution,
        "version": entry.version,
        "available": True,
        "reason": "",
    }
    try:
        loaded = entry.load()
    except Unusable as unusable:
        return {**row, "available": False, "reason": unusable.reason}
    if kind == "samplers":
        row["metrics"] = sorted(loaded.get("metrics", {})) if hasattr(loaded, "get") else []
    else:
        row["help"] = summary(loaded)
        row["keys"] = {key: each.help for key, each in options(loaded).items()}
        row["losses"] = losses(loaded)
    return row


def _text(kind: str, row: dict[str, Any]) -> str:
    if not row["available"]:
        return f"unavailable: {row['reason']}"
    if kind == "adapters":
        return str(row["help"])
    return f"{len(row['metrics'])} metrics"
