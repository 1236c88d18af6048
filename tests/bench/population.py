"""The same series in ours and in the peers: half counters with labels, gauges, histograms.

A thousand samples, as Prometheus counts them, are 500 counters with two labels, 200 gauges, 100
gauges with a function and 14 histograms of eleven bounds; more come in groups of a thousand.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.bench.hot import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNTERS, GAUGES, FUNCTIONS, HISTOGRAMS = 500, 200, 100, 14
_random = random.Random(1)


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
        changes += [requests.labels(f"/r/{i}", "200").inc for i in range(COUNTERS)]
        changes += [_setter(depth.labels(f"q{i}").set) for i in range(GAUGES)]
        for i in range(FUNCTIONS):
            heat.labels(f"r{i}").set_function(_constant())
        changes += [_observer(wait.labels(f"o{i}").observe) for i in range(HISTOGRAMS)]
    return registry, _begun(changes)


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
        changes += [requests.labels(f"/r/{i}", "200").inc for i in range(COUNTERS)]
        changes += [_setter(depth.labels(f"q{i}").set) for i in range(GAUGES)]
        for i in range(FUNCTIONS):
            heat.labels(f"r{i}").set_function(_constant())
        changes += [_observer(wait.labels(f"o{i}").observe) for i in range(HISTOGRAMS)]
    return registry, _begun(changes)


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

    def heat(_: Any) -> Iterator[Any]:
        for i in range(FUNCTIONS):
            yield Observation(values[i], rooms[i])

    values = [_random.random() for _ in range(FUNCTIONS)]
    rooms = [{"room": f"r{i}"} for i in range(FUNCTIONS)]
    for n in range(samples // 1000):
        meter = provider.get_meter(f"group{n}")
        requests, depth = meter.create_counter("requests"), meter.create_gauge("depth")
        meter.create_observable_gauge("heat", [heat])
        wait = meter.create_histogram("wait", explicit_bucket_boundaries_advisory=BOUNDS)
        for i in range(COUNTERS):
            route = {"route": f"/r/{i}", "code": "200"}
            changes.append(lambda route=route, add=requests.add: add(1, route))
        for i in range(GAUGES):
            queue = {"queue": f"q{i}"}
            changes.append(_setter(lambda v, queue=queue, set_=depth.set: set_(v, queue)))
        for i in range(HISTOGRAMS):
            op = {"op": f"o{i}"}
            changes.append(_observer(lambda v, op=op, add=wait.record: add(v, op)))
    provider_of[id(reader)] = provider
    return reader, _begun(changes)


provider_of: dict[int, Any] = {}
"""Keeps providers alive as long as their readers."""


def changing(changes: list[Callable[[], None]], share: float) -> Callable[[], None]:
    """Return what changes a share of the series, others each time."""

    def change() -> None:
        for each in _random.sample(changes, round(len(changes) * share)):
            each()

    return change


def _setter(set_: Callable[[float], None]) -> Callable[[], None]:
    return lambda: set_(_random.random() * 100)


def _observer(observe: Callable[[float], None]) -> Callable[[], None]:
    return lambda: observe(_random.expovariate(2.0))


def _constant() -> Callable[[], float]:
    value = _random.random()
    return lambda: value


def _begun(changes: list[Callable[[], None]]) -> list[Callable[[], None]]:
    for change in changes:
        change()
    return changes
