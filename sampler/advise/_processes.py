"""What a process costs: its memory, and its first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _thresholds as at
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case

MEMORY, START = "memory if grown", "start-up"
_HTTP = "http.server"


def memory(case: Case, more: int) -> Statement:
    """Say what further processes would take.

    Args:
        case: the window.
        more: processes that the plan adds; one, where it adds none.
    """
    window, processes = case.window, case.load["processes"]
    if case.void is not None:
        return undecided(MEMORY, case.void.text, case.void.decides, case.void.numbers)
    shared, own = window.last("memory.pss"), window.last("memory.unique")
    if shared is None or own is None or not processes:
        return undecided(
            MEMORY,
            "what processes share is not known; resident sizes, added up, are 1.8 to 2.9 times "
            "what they take",
            "the sampler memory, in the workers",
        )
    wanted = shared + more * own / processes
    numbers: tuple[Number, ...] = (
        Number("all processes now", shared, "By", ("memory.pss",)),
        Number("one more", own / processes, "By", ("memory.unique", "server.process.count")),
        Number(f"with {more} more", wanted, "By", ("memory.pss", "memory.unique")),
    )
    left, source = window.last("system.memory.available"), "system.memory.available"
    limit, used = (window.last(f"system.cgroup.memory.{each}") for each in ("limit", "usage"))
    if limit and used is not None and (left is None or limit - used < left):
        left, source = max(0.0, limit - used), "system.cgroup.memory.limit"
    if left is None:
        return undecided(
            MEMORY, "it is not known how much is left", "the sampler system on the page", numbers
        )
    numbers = (*numbers, Number("left", left, "By", (source,)))
    if wanted - shared > (1 - at.MEMORY_LEFT) * left:
        text = "what is left does not suffice for them"
        return Statement(MEMORY, "too little", text, numbers, remedy="threads, not processes")
    return Statement(MEMORY, "enough", "what is left suffices for them", numbers)


def start_up(case: Case) -> Statement:
    """Say what the first request of a process costs."""
    window, service = case.window, case.load["service"]
    for doubt in (case.void, case.few):
        if doubt is not None:
            return undecided(START, doubt.text, doubt.decides, doubt.numbers)
    first = window.last(f"{_HTTP}.first_request.duration")
    if first is None or service is None:
        return undecided(START, "no first request is told of", "the middleware, and a restart")
    told = (
        ("first request", first, "s", f"{_HTTP}.first_request.duration"),
        ("modules loaded since", window.last(f"{_HTTP}.modules.loaded"), "{module}", ""),
        ("Django's setup", window.highest("django.setup.duration"), "s", "django.setup.duration"),
    )
    numbers = (
        *(
            Number(name, value, unit, (metric or f"{_HTTP}.modules.loaded",))
            for name, value, unit, metric in told
            if value is not None
        ),
        *case.load.numbers("service"),
    )
    if first >= max(at.FIRST, at.FIRST_RATIO * service):
        return Statement(
            START,
            "the first request pays",
            "it took longer than others do: something is loaded when it comes",
            numbers,
            remedy="import it when the application is loaded, or send a request to each process "
            "before it gets traffic; gunicorn's --preload alone does not load it",
        )
    return Statement(
        START, "nothing to pay", "the first request took little longer than others", numbers
    )
