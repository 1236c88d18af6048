"""Live the lives, two rows at a time, and say what is red.

``uv run --group servers python -m tests.processes`` lives every row in both wirings; ``--only``
names rows by the beginnings of their names. ``--write`` puts the results into
``docs/processes/results.json`` and makes ``docs/processes.md``; ``--page`` only makes that.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.processes import report
from tests.processes.rows import ROWS

ROOT = Path(__file__).parents[2]
WIRINGS = ("start", "run")
_AT_ONCE = 2
_LIMIT = 240.0  # seconds for a row in one wiring


def main() -> int:
    """Run; return 1 if a cell is red."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
    parser.add_argument("--only", default="", metavar="ROW,...", help="beginnings of names")
    parser.add_argument("--wiring", default=",".join(WIRINGS), help="start, run, bare")
    parser.add_argument("--events", default="", metavar="EVENT,...", help="these events only")
    parser.add_argument("--write", action="store_true", help="write results and page")
    parser.add_argument("--page", action="store_true", help="make the page, and run nothing")
    parser.add_argument("--json", default="", help="where the results go as they are")
    parser.add_argument("--log", default=os.devnull, help="where what programs say goes")
    options = parser.parse_args()
    if options.page:
        report.write()
        return 0
    rows = [name for name in ROWS if name.startswith(tuple(options.only.split(",")))]
    lives = [(name, wiring) for name in rows for wiring in options.wiring.split(",")]
    begun = time.monotonic()
    with Path(options.log).open("ab") as log, ThreadPoolExecutor(_AT_ONCE) as rows_at_once:
        results = list(rows_at_once.map(lambda life: row(*life, options.events, log), lives))
    seconds = time.monotonic() - begun
    if options.write:
        report.keep(results, seconds)
        report.write()
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    print(report.summary(results), f"{seconds:.0f} s", sep="\n")
    return any(cell["verdict"] == "red" for result in results for cell in result["cells"])


def row(name: str, wiring: str, events: str, log: Any) -> dict[str, Any]:
    """Live a row in a process of its own, which is ended when it takes too long.

    Returns:
        The row, the wiring, its seconds, and its cells.
    """
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.live", name, wiring, events],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # which ends what it has started, too
        said, _ = process.communicate()
    cells = [json.loads(line) for line in said.splitlines()]
    seconds = round(time.monotonic() - begun, 1)
    for cell in cells:
        if cell["verdict"] == "red":
            print(f"{name} ({wiring}), {cell['event']}: {'; '.join(cell['faults'])}", flush=True)
    print(f"{name} ({wiring}): {seconds:g} s", flush=True)
    return {"row": name, "wiring": wiring, "seconds": seconds, "cells": cells}


if __name__ == "__main__":
    sys.exit(main())
