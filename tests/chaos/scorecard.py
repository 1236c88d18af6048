"""Runs the tests that carry scenarios, and makes the table of docs/reliability.md.

``uv run python -m tests.chaos.scorecard`` runs levels A and B on every Python found, ``--long``
also level C on this one, which is kept otherwise; the results go to
docs/reliability/results.json. ``--write`` then makes
the table, too; ``--table`` only makes it, from the results there are; ``--only 7,8`` runs these
scenarios at all levels, and writes nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos.marks import Marked, faults, marked
from tests.chaos.scenarios import SCENARIOS
from tests.support.machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / "docs" / "reliability" / "results.json"
PEERS = ROOT / "docs" / "reliability" / "peers.json"
BEGIN, END = "<!-- the table: made by tests.chaos.scorecard -->", "<!-- the table's end -->"
VERSIONS = ("3.11", "3.12", "3.13")
_RANK = ("passed", "skipped", "failed")  # of one test's cases, the worst is the test's outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 1 if a test failed, or a scenario has none."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.scorecard", description=__doc__)
    parser.add_argument("--long", action="store_true", help="level C, too, on this Python")
    parser.add_argument("--write", action="store_true", help="make the table")
    parser.add_argument("--table", action="store_true", help="make the table, and run nothing")
    parser.add_argument("--only", default="", metavar="N,...", help="run these scenarios only")
    options = parser.parse_args(arguments)
    tests = marked()
    if options.only:
        numbers = [int(number) for number in options.only.split(",")]
        lines = run(sys.executable, {n: tests.get(n, []) for n in numbers}, long=True)
        print(json.dumps(outcomes(lines), indent=1))
        return failed(lines)
    wrong = faults(tests)
    if not options.table:
        lines = everything(tests, long=options.long)
        new = results(lines)
        if not options.long:
            keep_long(new, json.loads(RESULTS.read_text("utf-8")), tests)
        RESULTS.write_text(json.dumps(new, indent=1) + "\n", "utf-8")
        wrong += ["a test failed: see the table"] * failed(lines)
    made = table(
        json.loads(RESULTS.read_text("utf-8")), json.loads(PEERS.read_text("utf-8")), tests
    )
    if options.write or options.table:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{made}{END}{rest.partition(END)[2]}", "utf-8")
    print(made, *wrong, sep="\n")
    return bool(wrong)


def everything(tests: Mapping[int, list[Marked]], *, long: bool) -> list[dict[str, Any]]:
    """Run all of them on each Python; return a line for each case that ran."""
    lines = run(sys.executable, tests, long=long)
    for version in VERSIONS:
        if not platform.python_version().startswith(version) and (other := interpreter(version)):
            lines += run(other, tests, long=False)
    return lines


def run(python: str, tests: Mapping[int, list[Marked]], *, long: bool) -> list[dict[str, Any]]:
    """Run the tests of scenarios on one Python; return a line for each case."""
    chosen = dict.fromkeys(test for group in tests.values() for test in group)
    names = [test.name for test in chosen if long or "long" not in test.marks]
    if not names:
        return []
    here = python == sys.executable
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lines")
        file.touch()
        order = (
            [] if here else ["uv", "run", "--quiet", "--isolated", "--python", python, "python"]
        )
        subprocess.run(
            [
                *(order or [python]),
                *("-m", "pytest", "-q", "-p", "no:cacheprovider", "--scenarios", str(file)),
                *("-m", "long or not long" if long else "not long"),
                *names,
            ],
            cwd=ROOT,
            check=False,
        )
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def interpreter(version: str) -> str:
    """Return the path of another Python, or nothing."""
    asked = ["uv", "python", "find", "--no-project", version]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in (found, *map(str, sorted(pyenv.glob(f"{version}.*/bin/python3")))):
        if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True).returncode:
            return candidate
    return ""


def results(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is committed: when, where and on what, and each test's outcome."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "pythons": sorted({line["python"] for line in lines}, key=_version),
        "scenarios": outcomes(lines),
    }


def keep_long(
    new: dict[str, Any], before: Mapping[str, Any], tests: Mapping[int, list[Marked]]
) -> None:
    """Take the outcomes of level C from an earlier run, and its date."""
    new["long"] = before.get("long", before["date"])
    for number, carried in tests.items():
        then = before["scenarios"].get(str(number), {})
        kept = {t.name: then[t.name] for t in carried if "long" in t.marks and t.name in then}
        if kept:
            new["scenarios"].setdefault(str(number), {}).update(kept)


def outcomes(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, str]]]:
    """Return scenario to test to Python to outcome; of several cases, the worst one's."""
    found: dict[int, dict[str, dict[str, str]]] = {}
    for line in lines:
        test = line["test"].partition("[")[0]
        for number in line["scenarios"]:
            by_python = found.setdefault(number, {}).setdefault(test, {})
            outcome = by_python.get(line["python"], "passed")
            by_python[line["python"]] = max(outcome, line["outcome"], key=_RANK.index)
    return {
        str(number): {
            test: dict(sorted(found[number][test].items())) for test in sorted(found[number])
        }
        for number in sorted(found)
    }


def failed(lines: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a case failed."""
    return any(line["outcome"] == "failed" for line in lines)


def table(
    done: Mapping[str, Any], peers: Mapping[str, Any], tests: Mapping[int, list[Marked]]
) -> str:
    """Return the table: what is promised, whether it holds, what proves it, what peers do."""
    long = f", level C on {done['long']}" if "long" in done else ""
    measured = (
        f"Measured {done['date']}{long} on {done['machine']}; Python {', '.join(done['pythons'])}."
    )
    rows = [
        f"{measured} Peers: {', '.join(peers['versions'])}.",
        "",
        "| n | pass | scenario | promise | test | peers |",
        "|---|---|---|---|---|---|",
    ]
    for number, (title, promise) in SCENARIOS.items():
        carried = tests.get(number, [])
        outcome = passes(done["scenarios"].get(str(number), {}), carried)
        proofs = "<br>".join(f"{test.level}: `{test.command}`" for test in carried) or "none"
        others = "<br>".join(
            f"**{peer}** {said}" for peer, said in peers["scenarios"].get(str(number), {}).items()
        )
        rows.append(f"| {number} | {outcome} | {title} | {promise} | {proofs} | {others or '-'} |")
    return "\n".join(rows) + "\n"


def passes(done: Mapping[str, Mapping[str, str]], tests: Sequence[Marked]) -> str:
    """Say whether a scenario holds: ``yes`` when each of its tests passed, and none failed."""
    said = [set(done.get(test.name, {}).values()) for test in tests]
    if any("failed" in outcome for outcome in said):
        return "**no**"
    if said and all("passed" in outcome for outcome in said):
        return "yes"
    return "in part" if any("passed" in outcome for outcome in said) else "not run"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


if __name__ == "__main__":
    sys.exit(main())
