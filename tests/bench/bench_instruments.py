"""Instruments beside prometheus_client, in one run: python tests/bench/bench_instruments.py."""

from __future__ import annotations

from statistics import median
from timeit import Timer
from typing import TYPE_CHECKING

import prometheus_client as peer

from sampler import Instruments, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 9, 50_000


def nanoseconds(call: Callable[[], object]) -> float:
    """Time one call, the loop's own cost included."""
    return median(Timer(call).timeit(CALLS) for _ in range(ROUNDS)) / CALLS * 1e9


def main() -> None:
    """Print nanoseconds a call and the ratio."""
    group = Instruments("bench", Registry())
    registry = peer.CollectorRegistry()
    ours = group.counter("c"), group.counter("l", labels=("a",)), group.histogram("h")
    theirs = (
        peer.Counter("c", "c", registry=registry),
        peer.Counter("l", "l", ["a"], registry=registry),
        peer.Histogram("h", "h", registry=registry),
    )

    def timed(histogram: object) -> Callable[[], None]:
        def run() -> None:
            with histogram.time():
                pass

        return run

    rows = {
        "inc()": (ours[0].inc, theirs[0].inc),
        "labels().inc()": (
            lambda: ours[1].labels("x").inc(),
            lambda: theirs[1].labels("x").inc(),
        ),
        "observe()": (lambda: ours[2].observe(0.3), lambda: theirs[2].observe(0.3)),
        "with time()": (timed(ours[2]), timed(theirs[2])),
    }
    print(f"{'':<16}{'ours':>9}{'peer':>9}{'ratio':>8}")
    for name, (mine, other) in rows.items():
        a, b = nanoseconds(mine), nanoseconds(other)
        print(f"{name:<16}{a:>6.0f} ns{b:>6.0f} ns{b / a:>7.1f}x")


if __name__ == "__main__":
    main()
