"""What a type checker must accept (read by test_typing.py, never run)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import sampler
from sampler import Collector, Registration, Registry

if TYPE_CHECKING:
    from sampler.types import (
        ContextDecorator,
        Environ,
        HistogramMapping,
        Instance,
        Sample,
        Sampler,
    )


class Pool:
    checkouts = 41

    def counts(self) -> dict[str, int]:
        return {"idle": 3}


pool = Pool()


# The README's: no annotation, no import.
def sample():  # type: ignore[no-untyped-def]
    yield "checkouts", pool.checkouts
    for state, n in pool.counts().items():
        yield "connections", n, {"state": state}


SAMPLER = {
    "name": "mypool",
    "sample": sample,
    "metrics": {
        "checkouts": {"kind": "counter", "help": "Connections handed out."},
        "connections": {"kind": "gauge", "unit": "{connection}", "help": "By state."},
    },
}
registration: Registration = sampler.register(SAMPLER)
wrapped: Registration = sampler.register({**SAMPLER, "acme.owner": "x"})


# With annotations, for those who like them.
def annotated() -> Iterator[Sample]:
    yield "checkouts", 1
    yield "ratio", 0.5, {"state": "idle", "port": 8080}
    yield "nothing", None, None
    latency: HistogramMapping = {"count": 1, "sum": 0.2, "buckets": {0.5: 1}}
    yield "latency", latency
    yield "latency", {"count": 1, "buckets": {0.5: 1}}, {"route": "buy"}


ANNOTATED: Sampler = {
    "name": "mypool",
    "sample": annotated,
    "metrics": {"checkouts": {"kind": "counter", "scope": "process", "labels": ("state",)}},
    "labels": {"db": "main"},
    "start": 1.0,
    "min_interval": 5.0,
    "api": 1,
}


class Window:
    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.interval: float | None = environ["interval"]

    def __call__(self) -> Iterator[Sample]:
        yield "utilisation", 0.8

    def close(self) -> None:
        """Nothing to close."""


def factory(environ: Mapping[str, Any]) -> Instance:
    return Window(environ)


def told(environ: Environ) -> float | None:
    return environ["interval"]


WINDOWED: Sampler = {"name": "window", "factory": factory}
CLASS: Sampler = {"name": "window", "factory": Window}

registry = Registry()
registry.register(ANNOTATED)
registry.register(WINDOWED)
sampler.registry.register(ANNOTATED)
with Collector(sampler.registry, name="me", interval=10) as consumer:
    for series, value in consumer.collect():
        labels: Mapping[str, str] = series.labels
        start: float | None = series.start
        if isinstance(value, sampler.HistogramValue):
            total: int = value.count
        else:
            number: float = value


# On an event loop: a coroutine that returns samples, or an async generator of them.
async def gathered() -> list[Sample]:
    return [("tasks", 3)]


async def streamed() -> AsyncIterator[Sample]:
    yield "tasks", 3


def get_loop() -> asyncio.AbstractEventLoop | None:
    return None


GATHERED: Sampler = {"name": "web", "sample": gathered, "loop": get_loop}
STREAMED: Sampler = {"name": "web", "sample": streamed, "loop": get_loop, "min_interval": 1.0}


def instruments() -> None:
    shop = sampler.Instruments("shop")
    orders = shop.counter("orders", help="Orders placed.", labels=("route",))
    orders.inc(2, route="buy")
    orders.labels("buy").inc()
    depth = shop.gauge("depth", unit="{job}", merge="sum", scope="process")
    depth.set(3)
    depth.set_function(lambda: 3)
    wait = shop.histogram("wait", unit="s", buckets=[0.1, 1])
    plain: tuple[sampler.Gauge, sampler.Histogram] = depth, wait
    labelled: sampler.LabelledCounter = orders
    child: sampler.Counter = orders.labels("buy")
    timer: sampler.Timer = wait.time()
    raised: ContextDecorator = child.count_exceptions(ValueError)

    @depth.track_inprogress()
    def placed(number: int) -> str:
        return str(number)

    @wait.time()
    async def shipped(number: int) -> str:
        return placed(number)

    async def both() -> str:
        with wait.time():
            return await shipped(1) + placed(2)

    async def streamed(first: int) -> AsyncIterator[int]:
        yield first

    measured = wait.time()(streamed)
    numbers: AsyncIterator[int] = measured(3)
    sold = shop.counter("sold", labels=("route",), expire=60, exemplars=lambda: "trace")
    sold.inc(route=None)
    sold.remove("buy")
    sold.clear()
    exemplary: sampler.ExemplarCounter = shop.counter("exemplary", exemplars=True)
    exemplary.inc(exemplar={"trace_id": "t1"})
    shop.info("build", {"version": "1.2"}).say({"version": "1.3"})
    shop.states("door", ["open", "closed"]).enter("closed")
    late = shop.histogram("late", labels=("status",))

    async def entered() -> None:
        async with late.time() as waiting:
            waiting.labels(status=200)

    del both, plain, labelled, timer, raised, numbers, entered
