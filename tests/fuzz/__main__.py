"""Attack a program with an agent for minutes, and print what became of it.

``uv run python -m tests.fuzz --requests 100000 --replies 10000 --seed 1``

Or read configurations by the thousand, and start ``sampler run`` with some of them:

``uv run python -m tests.fuzz --configurations 10000 --through-run 200``
"""

from __future__ import annotations

import argparse

from tests.fuzz import configurations
from tests.fuzz.run import attack

ALLOWED = 0.05
"""Seconds that a pause may be longer than the longest of the control run."""


def main() -> int:
    """Run; return 0 when all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=0, help="to the page")
    parser.add_argument("--replies", type=int, default=0, help="of a gateway")
    parser.add_argument("--configurations", type=int, default=0, help="read in this process")
    parser.add_argument("--through-run", type=int, default=0, help="given to `sampler run`")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.configurations:
        print("configurations:", configurations.run(options.configurations, options.seed))
    if options.through_run:
        print(
            "exits of 'sampler run':",
            configurations.through_run(options.through_run, options.seed),
        )
    if not (options.requests or options.replies):
        if options.configurations or options.through_run:
            return 0
        parser.error("nothing to do: give --requests, --replies or --configurations")
    result = attack(options.requests, options.replies, options.seed)
    print(f"{result.requests} requests and {result.replies} replies in {result.seconds:.0f} s")
    print("the page answered:", ", ".join(f"{k} {n}" for k, n in result.statuses.items()))
    print("pushes:", ", ".join(f"{k} {n}" for k, n in result.pushes.items()))
    print(f"memory: {result.grown / 2**20:+.1f} MiB")
    print(
        f"longest pause: {result.pause * 1e3:.1f} ms; of the control run: "
        f"{result.control * 1e3:.1f} ms; of a program beside it that nobody attacks: "
        f"{result.beside * 1e3:.1f} ms"
    )
    faults = [*result.faults]
    if result.pause > max(result.control, result.beside) + ALLOWED:
        faults.append("a thread of the program stood still for too long")
    print("\n".join(faults) if faults else "no thread lost, no traceback, memory flat")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
