"""Events of ours, of the least that does it, and of two peers, timed in turns.

Each benchmark of `timed` has processes of its own, minutes from those that it is compared with; on
a machine whose speed changes, that is too long for a ratio near one.
"""

from __future__ import annotations

import timeit

from tests.bench import hot
from tests.bench.more_peers import CONTENDERS, RUST

WHO = "ours", "floor", "prometheus_client", RUST
OPERATIONS = "inc", "labels and inc", "inc with labels", "observe", "timer", "decorator"
ROUNDS, SECONDS = 60, 0.01


def side_by_side() -> dict[str, float]:
    """Nanoseconds of an event, without the loop's own, while the machine is fast: a quartile."""
    return {
        f"{operation}/{who}": number
        for operation in OPERATIONS
        for who, number in _times(hot.STATEMENTS[operation]).items()
    }


def _times(statement: str) -> dict[str, float]:
    need = hot.needs(statement)
    timers = {"": timeit.Timer()}
    for who in WHO:
        make, able = CONTENDERS.get(who, (dict, ""))
        if need in able.split():
            timers[who] = timeit.Timer(statement, f"{need} = made", globals={"made": make()[need]})
    loops = {who: _loops(timer) for who, timer in timers.items()}
    taken: dict[str, list[float]] = {who: [] for who in timers}
    for _ in range(ROUNDS):
        for who, timer in timers.items():
            taken[who].append(timer.timeit(loops[who]) / loops[who] * 1e9)
    fast = {who: sorted(each)[ROUNDS // 4] for who, each in taken.items()}
    loop = fast.pop("")
    return {who: number - loop for who, number in fast.items()}


def _loops(timer: timeit.Timer) -> int:
    return max(1, round(SECONDS / (timer.timeit(2_000) / 2_000)))
