"""aioprometheus, and pytheus with its backend in Rust where that installs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tests.bench import hot, population
from tests.bench.hot import BOUNDS, nothing
from tests.bench.population import COUNTERS, FUNCTIONS, GAUGES, HISTOGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.hot import Operations
    from tests.bench.pulls import Operation

RUST = "pytheus, Rust"
HAS_RUST = find_spec("pytheus_backend_rs") is not None
"""There are wheels for 3.11 and 3.12 only."""


def pytheus() -> Operations:
    """Pytheus, each number an atomic of Rust's."""
    peer = _pytheus()
    counter = peer.Counter("c", "c", registry=None)
    labelled = peer.Counter("l", "l", required_labels=["route"], registry=None)
    gauge = peer.Gauge("g", "g", registry=None)
    histogram = peer.Histogram("h", "h", registry=None, buckets=BOUNDS)
    return {
        "inc": counter.inc,
        "child_inc": labelled.labels(route="buy").inc,
        "inc_labels": lambda: labelled.labels(route="buy").inc(),
        "set": gauge.set,
        "observe": histogram.observe,
        "time": histogram.time,
        "decorated": histogram(nothing),
    }


def aioprometheus() -> Operations:
    """aioprometheus, which takes the labels with each call."""
    import aioprometheus as peer

    registry = peer.Registry()
    counter, labelled = (peer.Counter(name, name, registry=registry) for name in "cl")
    gauge = peer.Gauge("g", "g", registry=registry)
    histogram = peer.Histogram("h", "h", registry=registry, buckets=BOUNDS)
    none: dict[str, str] = {}
    buy = {"route": "buy"}
    return {
        "inc": lambda n=1: counter.add(none, n),
        "child_inc": lambda: labelled.inc(buy),
        "inc_labels": lambda: labelled.inc({"route": "buy"}),
        "set": lambda value: gauge.set(none, value),
        "observe": lambda value: histogram.observe(none, value),
        "decorated": peer.timer(histogram, none)(nothing),
    }


CONTENDERS = {
    **hot.CONTENDERS,
    "aioprometheus": (aioprometheus, "inc child_inc inc_labels set observe decorated"),
}
"""All of `hot.CONTENDERS`, and these."""
if HAS_RUST:
    CONTENDERS[RUST] = pytheus, "inc child_inc inc_labels set observe time decorated"


def pytheus_text(size: int, share: float) -> Operation:
    """Pytheus' page."""
    peer = _pytheus()
    from pytheus.exposition import generate_metrics
    from pytheus.registry import CollectorRegistry

    registry, changes = CollectorRegistry(), []
    for n in range(size // 1000):

        def made(kind: Any, name: str, *labels: str, n: int = n, **options: Any) -> Any:
            name = f"group{n}_{name}"
            return kind(name, "Help.", required_labels=labels, registry=registry, **options)

        requests = made(peer.Counter, "requests", "route", "code")
        # It has no gauges with a function: these are set.
        depth = made(peer.Gauge, "depth", "queue")
        wait = made(peer.Histogram, "wait_seconds", "op", buckets=BOUNDS)
        changes += population.counting(
            requests.labels(route=f"/r/{i}", code="200").inc for i in range(COUNTERS)
        )
        changes += [
            population.setter(depth.labels(queue=f"q{i}").set) for i in range(GAUGES + FUNCTIONS)
        ]
        changes += [
            population.observer(wait.labels(op=f"o{i}").observe) for i in range(HISTOGRAMS)
        ]
    population.begin(changes)
    return lambda: generate_metrics(registry).encode(), population.changing(changes, share)


def aioprometheus_text(size: int, share: float) -> Operation:
    """aioprometheus' renderer."""  # noqa: D403 - its name
    import aioprometheus as peer
    from aioprometheus.renderer import render

    registry, changes = peer.Registry(), []
    for n in range(size // 1000):

        def made(kind: Any, name: str, n: int = n, **options: Any) -> Any:
            return kind(f"group{n}_{name}", "Help.", registry=registry, **options)

        requests, depth = made(peer.Counter, "requests"), made(peer.Gauge, "depth")
        wait = made(peer.Histogram, "wait_seconds", buckets=BOUNDS)
        for i in range(COUNTERS):
            route = {"route": f"/r/{i}", "code": "200"}
            changes += population.counting(
                [lambda n=1, route=route, add=requests.add: add(route, n)]
            )
        for i in range(GAUGES + FUNCTIONS):  # it has no gauges with a function either
            queue = {"queue": f"q{i}"}
            set_ = depth.set
            changes.append(population.setter(lambda v, queue=queue, set_=set_: set_(queue, v)))
        for i in range(HISTOGRAMS):
            op = {"op": f"o{i}"}
            changes.append(population.observer(lambda v, op=op, add=wait.add: add(op, v)))
    population.begin(changes)
    accepted = ("text/plain",)
    return lambda: render(registry, accepted), population.changing(changes, share)


TEXT: dict[str, Callable[[int, float], Operation]] = {"aioprometheus": aioprometheus_text}
"""As of `pulls.OPERATIONS`."""
if HAS_RUST:
    TEXT[RUST] = pytheus_text


def _pytheus() -> Any:
    """Return its module of metrics, with the backend set for those that are made now."""
    from pytheus import metrics
    from pytheus.backends import load_backend
    from pytheus_backend_rs import SingleProcessAtomicBackend

    load_backend(SingleProcessAtomicBackend)
    return metrics
