"""Plays the overloads, asks, does what is advised and asks again.

Run as ``python -m tests.advise.overloads``; each line is a play. Where the host is busy with
something else, it is waited for a while, and how busy it was is said.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from examples.talk.frame.stage import busy
from tests.advise.overloads.cases import OVERLOADS
from tests.advise.overloads.overload import CAPACITY, Overload, named, play, wrong

IDLE = 0.3
"""Part of the host that others may use when a play begins."""
PATIENCE = 120.0
"""Seconds for which an idle host is waited for."""


def main(arguments: list[str]) -> int:
    """Play what is named, or all, so many times; return 1 if the bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.advise.overloads", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--patience", type=float, default=PATIENCE)
    told = parser.parse_args(arguments)
    tree = ["git", "rev-parse", "HEAD:sampler/advise"]
    print("sampler/advise is", subprocess.check_output(tree, text=True).strip())
    causes, errors, left = 0, 0, 0
    for overload in OVERLOADS:
        if told.names and overload.name not in told.names:
            continue
        found = [_once(overload, told.patience) for _ in range(told.runs)]
        causes += all(cause for cause, _, _ in found)
        errors += sum(bad for _, bad, _ in found)
        left += sum(not removed for _, _, removed in found)
    print(f"causes named in every run: {causes}; wrong: {errors}; not removed: {left}")
    return int(errors > 0 or left > 0 or causes < 7)


def _once(overload: Overload, patience: float) -> tuple[bool, int, bool]:
    """Play once, and again with what was advised; return what came of it."""
    until = time.monotonic() + patience
    while (used := busy()) > IDLE and time.monotonic() < until:
        pass
    played = play(overload, overload.workers, overload.threads)
    bad, cause = wrong(overload, played), named(overload, played)
    verdict = played.statements[CAPACITY].verdict
    print(
        f"{overload.name}: {'named' if cause else 'NOT NAMED'}; {verdict}; "
        f"{played.answers:.0f}/s, {played.waiting * 1000:.0f} ms; host {used:.0%} in use before"
        + "".join(f"; WRONG: {each}" for each in bad),
        flush=True,
    )
    removed = True
    if played.plan is not None:
        workers, threads = played.plan
        after = play(overload, workers, threads)
        removed = not after.overloaded or played.full or after.full
        print(
            f"  with {workers} x {threads}: {'removed' if removed else 'NOT REMOVED'}, "
            f"{after.statements[CAPACITY].verdict}; "
            f"{after.answers:.0f}/s, {after.waiting * 1000:.0f} ms",
            flush=True,
        )
    return cause, len(bad), removed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
