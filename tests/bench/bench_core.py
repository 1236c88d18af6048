"""What a pull costs: per sample, against prometheus_client, and per round beside a busy thread.

Run: ``uv run python tests/bench/bench_core.py``. Read the ratios: absolute times are this
machine's, and both sides of a ratio are measured in the same run, turn by turn.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from sampler import Collector, Registry
from sampler._worker import Crew, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SAMPLERS, SAMPLES, ROUNDS = 100, 100, 15


def without_labels() -> Iterable[Any]:
    """Yield a hundred metrics without labels."""
    for name in NAMES:
        yield name, 1


def reused() -> Iterable[Any]:
    """Yield one metric with mappings made once."""
    for labels in MADE:
        yield "value", 1, labels


def one_label() -> Iterable[Any]:
    """Yield one metric with a new mapping of one label each."""
    for number in TEXTS:
        yield "value", 1, {"number": number}


def three_labels() -> Iterable[Any]:
    """Yield one metric with a new mapping of three labels each."""
    for number in TEXTS:
        yield "value", 1, {"number": number, "state": "idle", "zone": "a"}


NAMES = [f"value{n}" for n in range(SAMPLES)]
TEXTS = [str(n) for n in range(SAMPLES)]
MADE = [{"number": text} for text in TEXTS]
STYLES: dict[str, tuple[Callable[[], Iterable[Any]], int]] = {
    "no labels": (without_labels, 0),
    "reuses mappings": (reused, 1),
    "new mapping, 1 label": (one_label, 1),
    "new mapping, 3 labels": (three_labels, 3),
}


class Peer:
    """The same hundred values as a custom collector of prometheus_client."""

    def __init__(self, name: str, labels: int) -> None:
        self._name = name
        self._labels = labels

    def collect(self) -> Iterable[Any]:
        """Yield families as its documentation shows."""
        if not self._labels:
            for name in NAMES:
                yield GaugeMetricFamily(f"{self._name}_{name}", "Help.", value=1)
            return
        names = ["number", "state", "zone"][: self._labels]
        family = GaugeMetricFamily(f"{self._name}_value", "Help.", labels=names)
        for number in TEXTS:
            family.add_metric([number, "idle", "a"][: self._labels], 1)
        yield family


class Busy:
    """CPU-bound threads of the application."""

    def __init__(self, number: int = 1) -> None:
        self._stop = False
        self._threads = [threading.Thread(target=self._spin) for _ in range(number)]

    def _spin(self) -> None:
        while not self._stop:
            pass

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join()


def timed(call: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def filled(sample: Callable[[], Iterable[Any]]) -> Registry:
    """Return a registry of a hundred samplers."""
    registry = Registry()
    for n in range(SAMPLERS):
        registry.register({"name": f"s{n}", "sample": sample})
    return registry


def per_sample() -> None:
    """Print nanoseconds per sample, the minimum of the rounds, beside the peer's."""
    print(f"\nns per sample, {SAMPLERS} samplers of {SAMPLES}, minimum of {ROUNDS} rounds")
    print(f"{'':<24}{'sampler alone':>14}{'collect':>10}{'prometheus':>12}{'ratio':>8}")
    scale = 1e9 / (SAMPLERS * SAMPLES)
    for style, (sample, labels) in STYLES.items():
        peers = CollectorRegistry()
        for n in range(SAMPLERS):
            peers.register(Peer(f"s{n}", labels))  # type: ignore[arg-type]
        with Collector(filled(sample), deadline=60.0) as consumer:
            snapshot = consumer.collect()
            assert len(snapshot) == SAMPLERS * SAMPLES
            assert sum(len(f.samples) for f in peers.collect()) == SAMPLERS * SAMPLES

            def alone(sample: Callable[[], Iterable[Any]] = sample) -> None:
                for _ in range(SAMPLERS):
                    for _ in sample():
                        pass

            def peer(peers: CollectorRegistry = peers) -> None:
                for family in peers.collect():
                    for _ in family.samples:
                        pass

            calls = (alone, consumer.collect, peer)
            rounds = [[timed(call) for call in calls] for _ in range(ROUNDS)]
            bare, ours, theirs = (min(column) * scale for column in zip(*rounds, strict=True))
        print(f"{style:<24}{bare:>14.0f}{ours:>10.0f}{theirs:>12.0f}{ours / theirs:>8.2f}")


def per_round() -> None:
    """Print milliseconds per round beside a CPU-bound thread: one hand-off, against one each."""
    print(f"\nms per round of {SAMPLERS} samplers beside one CPU-bound thread (median of 7)")
    registry = filled(lambda: [("value", 1)])
    calls = [lambda: list(without_labels())] * SAMPLERS
    crew = Crew("bench")
    with Collector(registry, deadline=60.0) as consumer:
        consumer.collect()

        def each_its_own() -> None:
            for call in calls:
                crew.run([Job(call)], 60.0)

        quiet = min(timed(consumer.collect) for _ in range(ROUNDS))
        with Busy():
            ours = sorted(timed(consumer.collect) for _ in range(7))[3]
            theirs = sorted(timed(each_its_own) for _ in range(3))[1]
    crew.close()
    print(f"  idle machine               {quiet * 1e3:>8.2f}")
    print(f"  one hand-off per round     {ours * 1e3:>8.2f}")
    print(f"  one hand-off per sampler   {theirs * 1e3:>8.2f}   ({theirs / ours:.0f} times)")


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}")
    per_sample()
    per_round()
