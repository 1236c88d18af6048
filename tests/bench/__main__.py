"""Measure everything beside the peers, and print the table.

``uv run --group bench python -m tests.bench --fast`` takes 31 minutes on two slow cores; without
``--fast`` there are twice as many processes. ``--write`` puts data, table and chart into
``docs/bench/``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pyperf

from tests.bench import report, timed, web_table
from tests.bench.chart import chart
from tests.bench.effects import EFFECTS, SELDOM, measured
from tests.support.machine import machine

DOCS = Path(__file__).parents[2] / "docs" / "bench"
PAGE = DOCS.parent / "performance.md"
TALK = DOCS.parent / "talk.md"


def main() -> int:
    """Run; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="fewer processes")
    parser.add_argument("--small", action="store_true", help="leave 100,000 series out")
    parser.add_argument("--million", action="store_true", help="a million series, too")
    parser.add_argument("--only", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--write", action="store_true", help="write to docs/bench/")
    parser.add_argument("--rewrite", action="store_true", help="only write tables and charts anew")
    options = parser.parse_args()
    if options.rewrite:
        rewrite()
        return 0
    best = min(timed.pace() for _ in range(2_000))
    numbers = times(options.only, best, fast=options.fast, small=options.small)
    os.environ[timed.BEST] = str(best)
    numbers |= effects(options.only, million=options.million)
    about = f"CPython {platform.python_version()}, {machine()}"
    print(report.page(about, numbers))
    if options.write:
        write(about, numbers, options.only)
    return 0


def times(only: str, best: float, *, fast: bool, small: bool) -> dict[str, float]:
    """Run pyperf; return nanoseconds by name, medians with the loop's own cost taken off."""
    environ = {
        **os.environ,
        timed.ONLY: only,
        timed.SMALL: "1" if small else "",
        timed.BEST: str(best),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "times.json")
        subprocess.run(
            [
                *(sys.executable, "-m", "tests.bench.timed", "--quiet", "-o", str(file)),
                *("-p", "2" if fast else "4", "-n", "5", "-w", "1", "--min-time", "0.05"),
            ],
            check=True,
            env=environ,
            stdout=sys.stderr,
        )
        if not file.exists():
            return {}
        suite = pyperf.BenchmarkSuite.load(str(file))
    medians = {each.get_name(): each.median() * 1e9 for each in suite}
    loop = medians.pop("hot/nothing", 0.0)
    return {
        name: value - loop if name.startswith("hot/") else value for name, value in medians.items()
    }


def effects(only: str, *, million: bool) -> dict[str, float]:
    """Measure what is no time of a call alone."""
    numbers: dict[str, float] = {}
    for name, (_, contenders) in EFFECTS.items():
        for contender in contenders:
            wanted = not only or f"{name}/{contender}".startswith(tuple(only.split(",")))
            if wanted and (million or name not in SELDOM):
                found = measured(name, contender)
                numbers |= found
                for key, value in found.items():
                    print(f"{key}: {value:.4g}", file=sys.stderr)
    return numbers


def write(about: str, numbers: dict[str, float], only: str) -> None:
    """Put data, table and chart where the documentation finds them; some in place of the same."""
    rounded = {name: round(value, 3) for name, value in numbers.items()}
    file = DOCS / f"python{platform.python_version().rpartition('.')[0]}.json"
    if only:
        old = json.loads(file.read_text())["numbers"]
        kept = {n: old[n] for n in old if not n.startswith(tuple(only.split(",")))}
        rounded = kept | rounded
    file.write_text(json.dumps({"machine": about, "numbers": rounded}, indent=1) + "\n")
    rewrite()


def rewrite() -> None:
    """Make of the data tables, charts, and the documentation's list of what is missed."""
    runs = {}
    for file in sorted(DOCS.glob("*.json")):
        data = json.loads(file.read_text())
        about, numbers = data["machine"], data["numbers"]
        file.with_suffix(".md").write_text(report.page(about, numbers))
        file.with_suffix(".svg").write_text(chart(numbers, about))
        runs[file.stem.removeprefix("python")] = numbers
    _fill(PAGE, report.MISSED, report.missed(runs))
    _fill(TALK, web_table.MARKS, web_table.table(runs["3.11"]))


def _fill(page: Path, marks: tuple[str, str], text: str) -> None:
    """Put a text between two marks of a page."""
    begin, end = marks
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}{text}{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
