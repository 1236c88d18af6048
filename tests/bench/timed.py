"""Every benchmark that is a time, for pyperf; one name is ``group/operation/.../contender``."""

from __future__ import annotations

import os
import time
import timeit
from functools import partial
from typing import TYPE_CHECKING

import pyperf

from tests.bench import hot, life, more_peers, pulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ONLY = "BENCH_ONLY"
"""The environment's variable with the beginnings of names to run, separated by commas."""
SMALL = "BENCH_SMALL"
"""The environment's variable that leaves out the largest size."""
BEST = "BENCH_BEST"
"""The environment's variable with the seconds of `pace` at best."""
PATIENCE = 1.0
"""Seconds in which a value is taken again while the machine's speed changes."""
SAMPLES = 50_000
"""As many are pulled for each value, at least."""


def pace() -> float:
    """Return the CPU seconds of a fixed loop: how fast the machine is now."""
    began = time.process_time()
    for number in range(50_000):
        _numbers[number & 255] = number + 0.5
    return time.process_time() - began


_numbers: dict[int, float] = {}


def best() -> float:
    """Return what `pace` was at best, in this run."""
    return float(os.environ[BEST])


def paced(loops: int, measure: Callable[[int], float]) -> float:
    """Return what ``measure`` does, scaled to the machine at its fastest.

    One that others share is slower by a half for seconds at a time; what `pace` takes before and
    after tells by how much. Where the two differ, the value is taken again.
    """
    until = time.monotonic() + PATIENCE
    while True:
        before, seconds, after = pace(), measure(loops), pace()
        if abs(before - after) < 0.1 * after or time.monotonic() > until:
            return seconds * 2 * best() / (before + after)


def repeated(operation: Callable[[], Any], change: Callable[[], None], loops: int) -> float:
    """Time an operation in CPU seconds of the whole process; what is changed is not timed.

    Pulls sleep on purpose, so that wall time would count what costs nothing.
    """
    total = 0.0
    for _ in range(loops):
        change()
        began = time.process_time()
        operation()
        total += time.process_time() - began
    return total


def made(make: Callable[[], pulls.Operation], loops: int) -> float:
    """Time an operation that is made only where it is timed, and once in a process."""
    if make not in _kept:
        _kept[make] = make()
        _kept[make][0]()  # the first one names every series
    return repeated(*_kept[make], loops)


_kept: dict[Callable[[], pulls.Operation], pulls.Operation] = {}


def in_turns(
    operations: dict[str, pulls.Operation], rounds: int, loops: int = 1
) -> dict[str, float]:
    """Return medians of the seconds of each, all of them timed in turns."""
    taken: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(rounds):
        for name, operation in operations.items():
            taken[name].append(paced(loops, partial(repeated, *operation)) / loops)
    return {name: sorted(each)[len(each) // 2] for name, each in taken.items()}


def wanted(name: str) -> bool:
    """Tell whether a benchmark is to run."""
    only = os.environ.get(ONLY, "")
    return not only or any(name.startswith(begin) for begin in only.split(","))


def main() -> None:
    """Run what is wanted."""
    runner = pyperf.Runner(program_args=("-m", "tests.bench.timed"))
    runner.argparser.set_defaults(inherit_environ=[ONLY, SMALL, BEST, "PYTHONPATH"])
    runner.parse_args()
    for operation, statement in hot.STATEMENTS.items():
        need = hot.needs(statement)
        for contender, (_, able) in more_peers.CONTENDERS.items():
            name = f"hot/{operation}/{contender}"
            if not wanted(name) or need not in able.split():
                continue
            bound = f"{need} = CONTENDERS[{contender!r}][0]()[{need!r}]"
            setup = f"from tests.bench.more_peers import CONTENDERS\n{bound}"
            runner.bench_time_func(name, paced, timeit.Timer(statement, setup).timeit)
    if wanted("hot/nothing"):
        runner.bench_time_func("hot/nothing", paced, timeit.Timer().timeit)
    for name, (make, parts, loops) in _operations():
        if wanted(name):
            # Known, it need not be tried out, which takes a process each.
            runner.args.loops = loops
            runner.bench_time_func(name, paced, partial(made, make), inner_loops=parts)


def _operations() -> Iterator[tuple[str, tuple[Callable[[], pulls.Operation], int, int]]]:
    """Yield what a pull is timed with: how it is made, parts of its time, and repetitions."""
    sizes = pulls.SIZES[:-1] if os.environ.get(SMALL) else pulls.SIZES
    # One's sizes follow each other, as a machine's speed changes within minutes.
    for operation, contenders in pulls.OPERATIONS.items():
        for share in pulls.shares(operation):
            for contender, make in contenders.items():
                for size in sizes:
                    if pulls.worthwhile(operation, contender, size, share):
                        name = f"pull/{operation}/{size}/{share:g}/{contender}"
                        loops = max(1, SAMPLES // size)
                        yield name, (partial(make, size, share), size, loops)
    for operation, able in life.OPERATIONS.items():
        for contender, (making, parts) in able.items():
            loops = SAMPLES // (1_000 if operation.startswith("cold") else 10_000)
            yield f"life/{operation}/{contender}", (making, parts, loops)


if __name__ == "__main__":
    main()
