"""Plays scenarios, draws their charts and writes their figures into the pages."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime

from examples.talk.frame import pages
from examples.talk.frame.chart import chart
from examples.talk.frame.stage import BusyError, busy, play
from examples.talk.scenarios import SCENARIOS
from tests.support.process import MissingServerError


def main(arguments: list[str]) -> int:
    """Play what is named, or all; return 1 if a claim did not hold, 2 if one was skipped."""
    parser = argparse.ArgumentParser(prog="python -m examples.talk", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--dry", action="store_true", help="write nothing")
    told = parser.parse_args(arguments)
    if unknown := [name for name in told.names if name not in SCENARIOS]:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    # What a scenario has started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    code, rows = 0, []
    for name in told.names or SCENARIOS:
        scenario, others = SCENARIOS[name], busy()
        print(f"{name}: {scenario.title}")
        try:
            timeline, outcome = play(scenario, others=others)
        except (BusyError, MissingServerError) as reason:
            print(f"  SKIPPED: {reason}")
            code = max(code, 2)
            continue
        for text, holds in outcome.verdicts:
            print(f"  {'held' if holds else 'DID NOT HOLD'}: {text}")
        code = code or int(not outcome.held)
        if not told.dry:
            rows.append(pages.row(scenario, outcome))
            (pages.PAGES / f"{name}.svg").write_text(chart(scenario, timeline), "utf-8")
            today = f"{datetime.now(UTC):%Y-%m-%d}"
            figures = pages.of_scenario(scenario, outcome, today, others)
            pages.fill(pages.PAGES / f"{name}.md", figures)
    if rows:
        pages.fill(pages.ESSAY, pages.table(rows, list(SCENARIOS)))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
