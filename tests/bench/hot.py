"""What an application pays for each event: one callable an operation, for ours and each peer."""

from __future__ import annotations

import socket
import warnings
from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter
from typing import Any

Operations = dict[str, Callable[..., Any]]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of the histograms of all that have bounds: prometheus_client's default."""
STATEMENTS = {
    "inc": "inc()",
    "inc by n": "inc(2.5)",
    "child inc": "child_inc()",
    "labels and inc": "labels('buy').inc()",
    "inc with labels": "inc_labels()",
    "gauge set": "set(3.5)",
    "observe": "observe(0.3)",
    "timer": "with time(): pass",
    "decorator": "decorated()",
}
"""Operation to the statement that is timed."""


def nothing() -> None:
    """Stand for what a decorator times."""


def ours() -> Operations:
    """Ours, with exponential histograms, which are the default."""
    import sampler

    group = sampler.Instruments("bench", sampler.Registry())
    counter, gauge = group.counter("c"), group.gauge("g")
    labelled, histogram = group.counter("l", labels=("route",)), group.histogram("h", unit="s")
    return {
        "inc": counter.inc,
        "child_inc": labelled.labels("buy").inc,
        "labels": labelled.labels,
        "inc_labels": lambda: labelled.inc(route="buy"),
        "set": gauge.set,
        "observe": histogram.observe,
        "time": histogram.time,
        "decorated": histogram.time()(nothing),
    }


def prometheus() -> Operations:
    """prometheus_client."""
    import prometheus_client as peer

    registry = peer.CollectorRegistry()
    counter = peer.Counter("c", "c", registry=registry)
    labelled = peer.Counter("l", "l", ["route"], registry=registry)
    gauge = peer.Gauge("g", "g", registry=registry)
    histogram = peer.Histogram("h", "h", registry=registry, buckets=BOUNDS)
    return {
        "inc": counter.inc,
        "child_inc": labelled.labels("buy").inc,
        "labels": labelled.labels,
        "inc_labels": lambda: labelled.labels(route="buy").inc(),
        "set": gauge.set,
        "observe": histogram.observe,
        "time": histogram.time,
        "decorated": histogram.time()(nothing),
    }


def opentelemetry() -> Operations:
    """OpenTelemetry's SDK, without exemplars."""
    from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    provider = MeterProvider([InMemoryMetricReader()], exemplar_filter=AlwaysOffExemplarFilter())
    meter = provider.get_meter("bench")
    counter, labelled = meter.create_counter("c"), meter.create_counter("l")
    gauge, histogram = meter.create_gauge("g"), meter.create_histogram("h")
    attributes = {"route": "buy"}
    return {
        "inc": lambda n=1: counter.add(n),
        "child_inc": lambda: labelled.add(1, attributes),
        "inc_labels": lambda: labelled.add(1, {"route": "buy"}),
        "set": gauge.set,
        "observe": histogram.record,
    }


def statsd() -> Operations:
    """The statsd package: a datagram each."""
    import statsd as peer

    client = peer.StatsClient("127.0.0.1", _sink())
    return {
        "inc": lambda n=1: client.incr("c", n),
        "child_inc": lambda: client.incr("l.buy"),
        "set": lambda value: client.gauge("g", value),
        "observe": lambda value: client.timing("h", value),
        "time": lambda: client.timer("h"),
        "decorated": client.timer("h")(nothing),
    }


def pipeline() -> Operations:
    """The statsd package, fifty to a datagram."""
    import statsd as peer

    pipe = peer.StatsClient("127.0.0.1", _sink()).pipeline()
    left = [50]

    def full() -> None:
        left[0] -= 1
        if not left[0]:
            pipe.send()
            left[0] = 50

    def inc(n: float = 1) -> None:
        pipe.incr("c", n)
        full()

    def set_(value: float) -> None:
        pipe.gauge("g", value)
        full()

    def observe(value: float) -> None:
        pipe.timing("h", value)
        full()

    return {"inc": inc, "child_inc": inc, "set": set_, "observe": observe}


def datadog() -> Operations:
    """Datadog's client, buffered."""
    from datadog.dogstatsd import DogStatsd

    client = DogStatsd("127.0.0.1", _sink(), disable_buffering=False, disable_telemetry=True)
    tags = ["route:buy"]
    return {
        "inc": lambda n=1: client.increment("c", n),
        "child_inc": lambda: client.increment("l", tags=tags),
        "inc_labels": lambda: client.increment("l", tags=["route:buy"]),
        "set": lambda value: client.gauge("g", value),
        "observe": lambda value: client.histogram("h", value),
        "time": lambda: client.timed("h"),
        "decorated": client.timed("h")(nothing),
    }


def pyformance() -> Operations:
    """Pyformance, which has no labels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources
        from pyformance import MetricsRegistry

    registry = MetricsRegistry()
    counter, gauge, histogram = registry.counter("c"), registry.gauge("g"), registry.histogram("h")
    timer = registry.timer("t")
    return {
        "inc": counter.inc,
        "set": gauge.set_value,
        "observe": histogram.add,
        "time": timer.time,
    }


class _Bare:
    """The least that counts, without a check of what is counted; numbers begin as ours do."""

    __slots__ = ("children", "counts", "limits", "sum", "value")

    def __init__(self) -> None:
        from sampler._contract.bounds import UPPERS

        self.value: float = 0
        self.limits = UPPERS
        self.counts = [0] * (len(UPPERS) + 1)  # faster than a dictionary, and 4 kB larger
        self.sum: float = 0
        self.children: dict[tuple[str, ...], _Bare] = {}

    def inc(self, n: float = 1) -> None:
        self.value += n

    def set(self, value: float) -> None:
        self.value = value

    def labels(self, *values: str) -> _Bare:
        return self.children[values]

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.limits, value)] += 1
        self.sum += value

    def time(self) -> _BareTimer:
        timer = _new(_BareTimer)  # less than an __init__ on 3.11
        timer.bare = self
        return timer

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        observe = self.observe

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                observe(perf_counter() - began)

        return timed


class _BareTimer:
    """The least that times a block."""

    __slots__ = ("bare", "began")

    bare: _Bare
    began: float

    def __enter__(self) -> None:
        self.began = perf_counter()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.bare.observe(perf_counter() - self.began)


_new = object.__new__


def floor() -> Operations:
    """Bare methods: what each operation takes at least, over the buckets that ours has."""
    bare, labelled = _Bare(), _Bare()
    labelled.children["buy",] = bare
    return {
        "inc": bare.inc,
        "child_inc": bare.inc,
        "labels": labelled.labels,
        "set": bare.set,
        "observe": bare.observe,
        "time": bare.time,
        "decorated": bare.timed(nothing),
    }


CONTENDERS: dict[str, tuple[Callable[[], Operations], str]] = {
    "ours": (ours, "inc child_inc labels inc_labels set observe time decorated"),
    "prometheus_client": (
        prometheus,
        "inc child_inc labels inc_labels set observe time decorated",
    ),
    "opentelemetry": (opentelemetry, "inc child_inc inc_labels set observe"),
    "statsd": (statsd, "inc child_inc set observe time decorated"),
    "statsd pipeline": (pipeline, "inc child_inc set observe"),
    "datadog": (datadog, "inc child_inc inc_labels set observe time decorated"),
    "pyformance": (pyformance, "inc set observe time"),
    "floor": (floor, "inc child_inc labels set observe time decorated"),
}
"""Contender to what makes its operations, and their names."""


def needs(statement: str) -> str:
    """Return the name that a statement uses."""
    return statement.removeprefix("with ").split("(", 1)[0]


_sockets: list[socket.socket] = []


def _sink() -> int:
    """Return a port of the loopback at which datagrams end unread."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    _sockets.append(sink)
    port: int = sink.getsockname()[1]
    return port
