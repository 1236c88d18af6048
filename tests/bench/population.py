"""The same series in ours and in the peers: half counters with labels, gauges, histograms.

A thousand samples, as Prometheus counts them, are 500 counters with two labels, 200 gauges, 100
gauges with a function and 14 histograms of eleven bounds; more come in groups of a thousand.
Where all change, so do the numbers that the functions return; a histogram gets one observation.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.bench.hot import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

COUNTERS, GAUGES, FUNCTIONS, HISTOGRAMS = 500, 200, 100, 14
OBSERVATIONS = 50
"""That each histogram begins with, so that most of its buckets are filled."""
drawn = random.Random(1)


def ours(samples: int, *, exponential: bool = False) -> tuple[Any, list[Callable[[], None]]]:
    """Return a registry, and what changes each of its series."""
    import sampler

    registry, changes = sampler.Registry(), []
    for number in range(samples // 1000):
        group = sampler.Instruments(f"group{number}", registry)
        requests = group.counter("requests", help="Requests.", labels=("route", "code"))
        depth = group.gauge("depth", help="Depth.", labels=("queue",))
        heat = group.gauge("heat", help="Heat.", labels=("room",))
        bounds = None if exponential else BOUNDS
        wait = group.histogram("wait", unit="s", labels=("op",), buckets=bounds)
        changes += counting(requests.labels(f"/r/{i}", "200").inc for i in range(COUNTERS))
        changes += [setter(depth.labels(f"q{i}").set) for i in range(GAUGES)]
        for i in range(FUNCTIONS):
            function, renew = _function()
            heat.labels(f"r{i}").set_function(function)
            changes.append(renew)
        changes += [observer(wait.labels(f"o{i}").observe) for i in range(HISTOGRAMS)]
    return registry, begin(changes)


def prometheus(samples: int) -> tuple[Any, list[Callable[[], None]]]:
    """Return a registry of prometheus_client, and what changes each of its series."""
    import prometheus_client as peer

    peer.disable_created_metrics()
    registry, changes = peer.CollectorRegistry(), []
    for n in range(samples // 1000):
        names = ["route", "code"]
        requests = peer.Counter(f"group{n}_requests", "Requests.", names, registry=registry)
        depth = peer.Gauge(f"group{n}_depth", "Depth.", ["queue"], registry=registry)
        heat = peer.Gauge(f"group{n}_heat", "Heat.", ["room"], registry=registry)
        wait = peer.Histogram(
            f"group{n}_wait_seconds", "Wait.", ["op"], registry=registry, buckets=BOUNDS
        )
        changes += counting(requests.labels(f"/r/{i}", "200").inc for i in range(COUNTERS))
        changes += [setter(depth.labels(f"q{i}").set) for i in range(GAUGES)]
        for i in range(FUNCTIONS):
            function, renew = _function()
            heat.labels(f"r{i}").set_function(function)
            changes.append(renew)
        changes += [observer(wait.labels(f"o{i}").observe) for i in range(HISTOGRAMS)]
    return registry, begin(changes)


def opentelemetry(samples: int, reader: Any = None) -> tuple[Any, list[Callable[[], None]]]:
    """Return a reader of OpenTelemetry's, and what changes each of its series.

    Args:
        samples: how many.
        reader: another than one that keeps what it read.
    """
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = reader or InMemoryMetricReader()
    provider = MeterProvider([reader], exemplar_filter=AlwaysOffExemplarFilter())
    changes: list[Callable[[], None]] = []

    def observed(functions: list[Callable[[], float]]) -> Callable[[Any], Iterator[Any]]:
        def heat(_: Any) -> Iterator[Any]:
            for room, function in zip(rooms, functions, strict=True):
                yield Observation(function(), room)

        return heat

    rooms = [{"room": f"r{i}"} for i in range(FUNCTIONS)]
    for n in range(samples // 1000):
        meter = provider.get_meter(f"group{n}")
        requests, depth = meter.create_counter("requests"), meter.create_gauge("depth")
        functions, renewals = zip(*(_function() for _ in rooms), strict=True)
        meter.create_observable_gauge("heat", [observed(list(functions))])
        changes += renewals
        wait = meter.create_histogram("wait", explicit_bucket_boundaries_advisory=BOUNDS)
        for i in range(COUNTERS):
            route = {"route": f"/r/{i}", "code": "200"}
            changes += counting([lambda n=1, route=route, add=requests.add: add(n, route)])
        for i in range(GAUGES):
            queue = {"queue": f"q{i}"}
            changes.append(setter(lambda v, queue=queue, set_=depth.set: set_(v, queue)))
        for i in range(HISTOGRAMS):
            op = {"op": f"o{i}"}
            changes.append(observer(lambda v, op=op, add=wait.record: add(v, op)))
    provider_of[id(reader)] = provider
    return reader, begin(changes)


def histograms(who: str, samples: int) -> tuple[Any, list[Callable[[], None]]]:
    """Return a registry of as many samples of histograms only, and what changes each.

    Args:
        who: ours or prometheus_client.
        samples: lines of a page, about.
    """
    changes: list[Callable[[], None]] = []
    children = [f"o{i}" for i in range(samples // 100 // (len(BOUNDS) + 3))]
    registry: Any
    if who == "ours":
        import sampler

        registry = sampler.Registry()
    else:
        import prometheus_client as peer

        peer.disable_created_metrics()
        registry = peer.CollectorRegistry()
    for number in range(100):
        if who == "ours":
            group = sampler.Instruments(f"group{number}", registry)
            wait: Any = group.histogram("wait", unit="s", labels=("op",), buckets=BOUNDS)
        else:
            name = f"group{number}_wait_seconds"
            wait = peer.Histogram(name, "Wait.", ["op"], registry=registry, buckets=BOUNDS)
        changes += [observer(wait.labels(child).observe) for child in children]
    return registry, changes


provider_of: dict[int, Any] = {}
"""Keeps providers alive as long as their readers."""


def changing(changes: list[Callable[[], None]], share: float) -> Callable[[], None]:
    """Return what changes a share of the series, others each time."""

    def change() -> None:
        for each in drawn.sample(changes, round(len(changes) * share)):
            each()

    return change


def counting(incs: Iterable[Callable[..., None]]) -> list[Callable[[], None]]:
    """Begin counters with numbers of several digits; return the same, which add one."""
    kept = list(incs)
    for inc in kept:
        inc(drawn.randrange(10**6))
    return kept


def setter(set_: Callable[[float], None]) -> Callable[[], None]:
    """Return what sets a gauge to something new."""
    return lambda: set_(drawn.random() * 100)


def observer(observe: Callable[[float], None]) -> Callable[[], None]:
    """Begin a histogram with observations; return what makes one more."""
    for _ in range(OBSERVATIONS):
        observe(drawn.expovariate(2.0))
    return lambda: observe(drawn.expovariate(2.0))


def _function() -> tuple[Callable[[], float], Callable[[], None]]:
    """Return a gauge's function, and what makes it return something new."""
    value = 0.0

    def renew() -> None:
        nonlocal value
        value = drawn.random() * 100

    return lambda: value, renew


def begin(changes: list[Callable[[], None]]) -> list[Callable[[], None]]:
    """Give each series a value; return the same changes."""
    for change in changes:
        change()
    return changes
