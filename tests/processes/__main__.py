"""Live the lives, two rows at a time, and say what is red.

``uv run --group servers python -m tests.processes`` lives every row in both wirings; ``--only``
names rows by the beginnings of their names. ``--write`` puts the results into
``docs/processes/results.json`` and makes ``docs/processes.md``; ``--page`` only makes that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import Any

from attrs import asdict

from tests.processes import procfs, report
from tests.processes.home import FOLDERS, ROOT
from tests.processes.judge import Cell
from tests.processes.row import EVENTS
from tests.processes.rows import ROWS

WIRINGS = ("start", "run")
LIMIT = 240.0
"""Seconds for a row in one wiring."""


def main() -> int:
    """Run; return 1 if a cell is red."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
    parser.add_argument("--only", default="", metavar="ROW,...", help="beginnings of names")
    parser.add_argument("--wiring", default=",".join(WIRINGS), help="start, run, bare")
    parser.add_argument("--events", default="", metavar="EVENT,...", help="these events only")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a row")
    parser.add_argument("--write", action="store_true", help="write results and page")
    parser.add_argument("--page", action="store_true", help="make the page, and run nothing")
    parser.add_argument("--log", default=os.devnull, help="where what programs say goes")
    options = parser.parse_args()
    if options.page:
        report.write()
        return 0
    rows = [name for name in ROWS if name.startswith(tuple(options.only.split(",")))]
    lives = [(name, wiring) for name in rows for wiring in options.wiring.split(",")]
    begun = time.monotonic()
    results = []
    with Path(options.log).open("ab") as log, ThreadPoolExecutor(report.AT_ONCE) as rows_at_once:
        lived = rows_at_once.map(
            lambda life: live_row(*life, options.events, log, options.limit), lives
        )
        for result in lived:
            results.append(result)
            if options.write:
                report.keep(result)
    if options.write:
        report.write()
    print(report.summary(results), f"{time.monotonic() - begun:.0f} s", sep="\n")
    return any(cell["verdict"] == "red" for result in results for cell in result["cells"])


def live_row(
    name: str, wiring: str, events: str, log: Any, limit: float = LIMIT
) -> dict[str, Any]:
    """Live a row in a process of its own, which is ended when it takes too long.

    Returns:
        The row, the wiring, its seconds, and its cells.
    """
    begun = time.monotonic()
    events = events or ",".join(EVENTS)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.live", name, wiring, events],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    end = Timer(limit, process.kill)
    end.start()
    said, _ = process.communicate()
    end.cancel()
    cells = [json.loads(line) for line in said.splitlines()]
    if process.returncode:
        _end_all(f"{process.pid}_")
        cells += [
            asdict(Cell(faults=[f"the row ended with {process.returncode}"]))
            | {"event": event, "verdict": "red"}
            for event in events.split(",")
            if event not in {cell["event"] for cell in cells}
        ]
    seconds = round(time.monotonic() - begun, 1)
    for cell in cells:
        if cell["verdict"] == "red":
            print(f"{name} ({wiring}), {cell['event']}: {'; '.join(cell['faults'])}", flush=True)
    print(f"{name} ({wiring}): {seconds:g} s", flush=True)
    return {"row": name, "wiring": wiring, "seconds": seconds, "cells": cells}


def _end_all(mark: str) -> None:
    """End what a row that was ended has left behind."""
    procfs.kill_all(mark)
    for folder in FOLDERS.glob(f"sampler-life-{mark}*"):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
