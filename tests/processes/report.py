"""What the results of a run say: a few lines, and ``docs/processes.md``."""

from __future__ import annotations

import datetime as dt
import json
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes.row import EVENTS
from tests.processes.rows import ROWS
from tests.support.machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "processes.md"
RESULTS = DOCS / "processes" / "results.json"
BEGIN, END = "<!-- the tables: made by tests.processes -->", "<!-- the tables' end -->"
WIRINGS = {
    "run": "Under `sampler run --`",
    "start": "Started by the application",
}
AT_ONCE = 2
"""How many rows are lived at a time."""
_PACKAGES = ("gunicorn", "gevent", "uwsgi", "uvicorn", "granian", "hypercorn", "celery", "rq")
_SIGNS = {"ok": "ok", "none": "·"}


def keep(result: dict[str, Any]) -> None:
    """Put a row's result into the file; its cells take the places of those of the same events."""
    before: list[dict[str, Any]] = []
    if RESULTS.exists():
        before = json.loads(RESULTS.read_text("utf-8"))["rows"]
    rows = {(each["row"], each["wiring"]): each for each in before if each["row"] in ROWS}
    this = result["row"], result["wiring"]
    cells = {cell["event"]: cell for cell in rows.get(this, {"cells": []})["cells"]}
    cells |= {cell["event"]: {**cell, "commit": commit()} for cell in result["cells"]}
    whole = len(result["cells"]) >= len(cells)  # else only some of its events were lived
    seconds = result["seconds"] if whole else max(result["seconds"], rows[this]["seconds"])
    ordered = [cells[event] for event in EVENTS if event in cells]
    rows[this] = {**result, "seconds": seconds, "cells": ordered}
    order = list(ROWS)
    kept = sorted(rows.values(), key=lambda each: (each["wiring"], order.index(each["row"])))
    versions = {name: metadata.version(name) for name in _PACKAGES}
    said = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"CPython {platform.python_version()}, {machine()}",
        "versions": versions,
        "rows": kept,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(said, indent=1) + "\n", "utf-8")


@cache
def commit() -> str:
    """Return the commit that is lived, with a plus where the code is another by now."""
    git = ("git", "-C", str(DOCS.parent))
    here = subprocess.check_output([*git, "rev-parse", "--short=9", "HEAD"], text=True).strip()
    changed = subprocess.call([*git, "diff", "--quiet", "HEAD", "--", "sampler", "adapters"])
    return f"{here}+" if changed else here


def write() -> None:
    """Make the tables of the page from the results."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    made = tables(json.loads(RESULTS.read_text("utf-8")))
    PAGE.write_text(f"{before}{BEGIN}\n{made}{END}{rest.partition(END)[2]}", "utf-8")


def summary(results: Iterable[dict[str, Any]]) -> str:
    """Return how many cells have each verdict."""
    found = Counter(cell["verdict"] for each in results for cell in each["cells"])
    return (
        f"{found.total()} cells: {found['ok']} ok, {found['lost']} lost what they may, "
        f"{found['red']} red, {found['none']} do not apply"
    )


def tables(said: dict[str, Any]) -> str:
    """Return the part of the page that a run makes."""
    versions = ", ".join(f"{name} {version}" for name, version in said["versions"].items())
    minutes = sum(each["seconds"] for each in said["rows"]) / AT_ONCE / 60
    lived = f"Lived {said['date']} on {said['machine']}, {AT_ONCE} rows at a time"
    lines = [f"{lived}, in {minutes:.0f} minutes: {versions}."]
    for wiring, title in WIRINGS.items():
        results = [each for each in said["rows"] if each["wiring"] == wiring]
        if results:
            lines += ["", f"## {title}", "", f"{summary(results)}.", "", *_table(results)]
            lines += [*_red(results), *_reasons(results), *_commits(results)]
    lines += ["", "## Commands", "", *_commands()]
    return "\n".join(lines) + "\n"


def _table(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield f"| | {' | '.join(EVENTS.values())} |"
    yield f"|---|{'---|' * len(EVENTS)}"
    for each in results:
        cells = {cell["event"]: cell for cell in each["cells"]}
        signs = (_sign(cells[event]) if event in cells else "" for event in EVENTS)
        yield f"| {each['row']} | {' | '.join(signs)} |"


def _sign(cell: dict[str, Any]) -> str:
    verdict = cell["verdict"]
    if verdict == "lost":
        sign = f"-{cell['lost']:g} of {cell['losable']}"
    else:
        sign = _SIGNS.get(verdict, f"**{verdict}**")
    return f"{sign} °" if cell.get("apart") else sign


def _red(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    found = [
        f"* {each['row']}, {EVENTS[cell['event']]}: {'. '.join(cell['faults'])}"
        for each in results
        for cell in each["cells"]
        if cell["verdict"] == "red"
    ]
    if found:
        yield from ("", "Red:", "", *found)


def _reasons(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield why events do not apply, each reason once."""
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in results:
        for cell in each["cells"]:
            if cell["reason"]:
                rows[cell["reason"], each["row"]].append(EVENTS[cell["event"]])
    merged: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (reason, row), events in rows.items():
        merged[reason, ", ".join(events)].append(row)
    total = len(list(results))
    yield from ("", "Does not apply:", "")
    for (reason, events), names in merged.items():
        whose = "every row" if len(names) == total else ", ".join(names)
        yield f"* {events}: {reason} ({whose})"


def _commits(results: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield on which commits the cells were lived."""
    lived: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in results:
        for cell in each["cells"]:
            if cell["verdict"] != "none":
                at = lived[cell.get("commit", "an older one")]
                at[each["row"]].append(EVENTS[cell["event"]])
    if len(lived) == 1:
        yield from ("", f"Lived on commit {next(iter(lived))}.")
        return
    yield from ("", "Lived on these commits:", "")
    whole = Counter(row for rows in lived.values() for row in rows)
    most = max(lived, key=lambda each: len(lived[each]))
    for each, rows in lived.items():
        named = (
            row if whole[row] == 1 else f"{row} ({', '.join(events)})"
            for row, events in rows.items()
        )
        yield f"* {each}: {'everything else' if each == most else '; '.join(named)}"


def _commands() -> Iterator[str]:
    yield "| row | command |"
    yield "|---|---|"
    for row in ROWS.values():
        plugin = f"python3{sys.version_info[1]}"  # of whichever Python lives the row
        words = ("python3*" if word == plugin else word for word in row.command)
        words = (word for word in words if word not in ("{options}", "{written}"))
        names = {"port": "PORT", "folder": ".", "python": "python", "uwsgi": "uwsgi"}
        yield f"| {row.name} | `{' '.join(words).format(**names)}` |"
