"""What fails first as load grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.advise import _thresholds as at
from sampler.advise._load import ratio
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.advise._guards import Case

ABOUT = "next limit"


@attrs.frozen
class _Limit:
    what: str
    factor: float
    """How many times the load it bears."""
    metrics: tuple[str, ...]


def next_limit(case: Case) -> Statement:
    """Say which limit is reached first when load grows and its kind stays the same."""
    load = case.load
    for doubt in (case.void, case.few, case.host):
        if doubt is not None:
            return undecided(ABOUT, doubt.text, doubt.decides, doubt.numbers)
    limits = sorted(_limits(case), key=lambda limit: limit.factor)
    if not limits:
        return undecided(
            ABOUT,
            "no limit is told of",
            "the samplers process, system, and of the server",
        )
    numbers = tuple(
        Number(f"load that {each.what} bear, to this load", each.factor, "1", each.metrics)
        for each in limits
    )
    first, unknown = limits[0], []
    if load["threads"] is None:
        unknown.append("threads")
    if load["busiest"] is None:
        unknown.append("the busiest process")
    text = f"they bear {first.factor:.2g} times this load, if it stays of one kind"
    if unknown:
        text += f"; not told: {' and '.join(unknown)}"
    reached = case.waits and first.factor <= 1 / at.THREADS_FULL
    if case.waits and not reached:
        return undecided(
            ABOUT,
            "requests wait already, and no limit that is told of is reached",
            "where they wait: the backlog, the proxy, a lock or a pool in the application",
            numbers,
        )
    verdict = f"{first.what}, now" if reached else f"{first.what} first"
    return Statement(ABOUT, verdict, text, numbers)


def _limits(case: Case) -> Iterator[_Limit]:
    load, window = case.load, case.window
    cpu, used, cpus = load["cpu"], load["used"], load["cpus"]
    utilisation, busiest = load["utilisation"], load["busiest"]
    if (bears := ratio(1.0, utilisation)) is not None:
        yield _Limit("threads", bears, load.metrics["utilisation"])
    if (bears := ratio(1.0, busiest)) is not None:
        yield _Limit("cores of single processes", bears, ("process.cpu.time",))
    if cpu and used is not None and cpus is not None:
        room = min(cpus - max(0.0, used - cpu), load["limit"] or cpus)
        sources = ("process.cpu.time", *load.metrics.get("used", ("system.cpu.time",)))
        if (bears := ratio(max(0.0, room), cpu)) is not None:
            yield _Limit("CPUs of the host", bears, sources)
    length, limit = window.mean("listener.backlog.length"), window.mean("listener.backlog.limit")
    if length and limit and length >= 1:
        yield _Limit(
            "places in the backlog",
            limit / length,
            ("listener.backlog.limit", "listener.backlog.length"),
        )
