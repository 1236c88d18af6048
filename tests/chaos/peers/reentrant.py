"""What becomes of a pull when what is pulled uses its own registry.

The measurement takes a peer's name, and returns a sentence; it has a process of its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.chaos.peers.rigs import BRIDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STUCK = 5.0
"""Seconds that a pull is waited for."""


def acting(peer: str) -> str:
    """Scenario 21: what a sampler does while it is pulled, each in a registry of its own."""
    if peer == BRIDGE:
        from prometheus_client import REGISTRY, CollectorRegistry

        said = {
            "registering": _collected(CollectorRegistry(), _register),
            "unregistering": _collected(CollectorRegistry(), lambda r, other: r.unregister(other)),
            "collecting": _collected(CollectorRegistry(), lambda r, _: list(r.collect())),
            "registering while register() of REGISTRY collects": _collected(
                REGISTRY, _register, early=True
            ),
        }
    else:
        said = {
            "creating a counter": _observed(lambda meter, _: meter.create_counter("more")),
            "creating an observable gauge": _observed(
                lambda meter, _: meter.create_observable_gauge("more")
            ),
            "collecting": _observed(lambda _, reader: reader.collect()),
        }
    ends = ", ".join(f"{what} {end}" for what, end in said.items())
    return f"inside a pull, {ends}" + ("" if peer == BRIDGE else "; nothing unregisters")


class _Acting:
    """A collector of ``prometheus_client`` that first does something."""

    def __init__(self, name: str, act: Callable[[], object] = lambda: None) -> None:
        self._name, self._act = name, act

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        self._act()
        yield GaugeMetricFamily(self._name, "Measured.", value=1)


def _register(registry: Any, _: object) -> None:
    registry.register(_Acting("more"))


def _collected(registry: Any, act: Callable[[Any, Any], object], *, early: bool = False) -> str:
    """Say how a pull ends whose collector acts: only inside a pull, unless ``early``."""
    acts = [early]
    other = _Acting("other")

    def pull() -> None:
        registry.register(_Acting("acting", lambda: acts[0] and act(registry, other)))
        registry.register(other)
        acts[0] = True
        list(registry.collect())

    return _end(pull)


def _observed(act: Callable[[Any, Any], object]) -> str:
    """Say how a pull ends whose callback acts; the SDK would only log its error."""
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("acting")
    errors: list[str] = []

    def observe(_: Any) -> Iterable[Observation]:
        try:
            act(meter, reader)
        except Exception as error:
            errors.append(f"ends with {type(error).__name__}")
        yield Observation(1)

    meter.create_observable_gauge("acting", [observe])
    end = _end(reader.collect)
    return errors[0] if errors else end


def _end(pull: Callable[[], object]) -> str:
    ends = []

    def run() -> None:
        try:
            pull()
            ends.append("ends")
        except BaseException as error:
            ends.append(f"ends with {type(error).__name__}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(STUCK)
    return ends[0] if ends else f"does not end within {STUCK:g} s"
