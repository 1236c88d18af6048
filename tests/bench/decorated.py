"""What decorating a coroutine costs beside a function, and what exemplars cost a page."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import sampler
from sampler_prometheus import WSGIApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROUNDS, CALLS, PAGES = 40, 2_000, 30
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_OPENMETRICS = {
    "REQUEST_METHOD": "GET",
    "HTTP_ACCEPT": "application/openmetrics-text; version=1.0.0",
}


def decorated() -> dict[str, float]:
    """Nanoseconds that a timer adds to a call and to an awaited one; pages in milliseconds."""
    return {**asyncio.run(_calls()), **_pages()}


async def _calls() -> dict[str, float]:
    histogram = sampler.Instruments("bench", sampler.Registry()).histogram("h", unit="s")

    def function() -> None:
        pass

    async def coroutine() -> None:
        pass

    timed, awaited = histogram.time()(function), histogram.time()(coroutine)
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, call in (("function", timed), ("plain function", function)):
            began = time.process_time()
            for _ in range(CALLS):
                call()
            taken.setdefault(name, []).append(time.process_time() - began)
        for name, later in (("coroutine", awaited), ("plain coroutine", coroutine)):
            began = time.process_time()
            for _ in range(CALLS):
                await later()
            taken.setdefault(name, []).append(time.process_time() - began)
    fast = {name: sorted(each)[ROUNDS // 4] / CALLS * 1e9 for name, each in taken.items()}
    return {name: fast[name] - fast[f"plain {name}"] for name in ("function", "coroutine")}


def _pages() -> dict[str, float]:
    """A tenth of 2,000 counters and all of 100 histograms have exemplars; a tenth is new."""
    made = {"page": _population(), "page with exemplars": _population(exemplars=True)}
    taken: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(PAGES):
        for name, (change, app) in made.items():
            change()
            began = time.process_time()
            body = app(_OPENMETRICS, lambda *_: None)
            taken[name].append(time.process_time() - began)
            body.close()  # type: ignore[attr-defined]
    for _, app in made.values():
        app.close()
    return {name: sorted(each)[PAGES // 4] * 1e3 for name, each in taken.items()}


def _population(*, exemplars: bool = False) -> tuple[Callable[[], None], WSGIApp]:
    registry = sampler.Registry()
    group, given = sampler.Instruments("bench", registry), {"exemplars": lambda: TRACE}
    events: list[Callable[[], None]] = []
    for number in range(10):
        more: Any = given if exemplars and not number else {}
        counter = group.counter(f"c{number}", labels=("route", "code"), **more)
        events += [counter.labels(f"/route/{i}", "200").inc for i in range(200)]
    more = given if exemplars else {}
    wait = group.histogram("h", unit="s", labels=("route",), buckets=(0.1, 0.5, 1, 5), **more)
    for i in range(100):
        child = wait.labels(f"/route/{i}")
        events += [lambda child=child: child.observe(0.3)]
        for value in (0.05, 0.7, 3):
            child.observe(value)
    for event in events:
        event()

    def change() -> None:
        for event in events[::10]:
            event()

    return change, WSGIApp(registry, interval=1e-9)
