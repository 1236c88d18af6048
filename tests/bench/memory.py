"""Bytes of a series, as `tracemalloc` counts them: idle, after pages, and when half have gone."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

from tests.bench import pulls

if TYPE_CHECKING:
    from collections.abc import Callable

    Numbers = dict[str, float]

SERIES, GROUPS = 10_000, 10
PAGES = 3
BOUNDS = tuple(0.001 * 2**n for n in range(10))
OBSERVED = tuple(0.0009 * 2**n for n in range(10))
"""An observation in each bucket but the last."""


def memory(contender: str) -> Numbers:
    """Bytes of a counter, a histogram, and a row of a function; per cent left of half of them."""
    found: Numbers = {}
    for kind in ("counter", "histogram"):
        series = {"ours": _Ours, "prometheus_client": _Prometheus}[contender](kind)
        found |= {f"{kind}{when}": number for when, number in _life(series).items()}
    if contender == "ours":
        found |= {f"row{when}": number for when, number in _life(_Rows()).items()}
    return found


def _life(series: Any) -> Numbers:
    """Make series, pull them, let more consumers come, and half of the series go."""
    found = {}
    gc.collect()
    tracemalloc.start()
    before = _bytes()
    series.make()
    found[""] = (_bytes() - before) / SERIES
    series.fill()
    for _ in range(PAGES):
        series.change()
        series.page()
    whole = _bytes() - before
    found[" after pages"] = whole / SERIES
    series.halve()
    for _ in range(PAGES):
        series.change()
        series.page()
    found[" half left"] = (_bytes() - before) / whole * 100
    tracemalloc.stop()
    for name, consumer in series.consumers().items():
        tracemalloc.start()
        series.change()  # the numbers themselves are no part of it
        before = _bytes()
        for _ in range(PAGES):
            series.change()
            consumer()
        found[f" {name}"] = (_bytes() - before) / (SERIES / 2)
        tracemalloc.stop()
    return found


def _bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class _Instruments:
    """Series of instruments of either library.

    Args:
        kind: counter or histogram.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.groups: list[Any] = []
        self.page: Callable[[], bytes]
        self.children: list[list[Any]] = []

    def make(self) -> None:
        """Make series of one label, each with a number."""
        for number in range(GROUPS):
            made = self.instrument(number)
            names = (f"value{i}" for i in range(SERIES // GROUPS))
            self.children.append([made.labels(name) for name in names])
            for i, child in enumerate(self.children[-1]):
                self.begin(child, i)

    def begin(self, child: Any, number: int) -> None:
        """Let a series have a number that is an object of its own, or an observation."""
        if self.kind == "counter":
            child.inc(1_000 + number)
        else:
            child.observe(OBSERVED[0])

    def fill(self) -> None:
        """Let a histogram have an observation in each bucket."""
        if self.kind == "histogram":
            for children in self.children:
                for child in children:
                    for value in OBSERVED[1:]:
                        child.observe(value)

    def change(self) -> None:
        """Let every value be new."""
        for children in self.children:
            for child in children:
                if self.kind == "counter":
                    child.inc()
                else:
                    child.observe(0.1)

    def instrument(self, number: int) -> Any:
        """Return a new instrument with a label."""
        raise NotImplementedError

    def consumers(self) -> dict[str, Callable[[], Any]]:
        """Return what else may pull."""
        return {}


class _Ours(_Instruments):
    def __init__(self, kind: str) -> None:
        import sampler

        super().__init__(kind)
        self.registry = sampler.Registry()
        self.page = pulls.page(self.registry, "text/plain")
        self.page()

    def instrument(self, number: int) -> Any:
        import sampler

        group = sampler.Instruments(f"group{number}", self.registry)
        self.groups.append(group)
        bounds = {"buckets": BOUNDS} if self.kind == "histogram" else {}
        return getattr(group, self.kind)("requests", labels=("k",), **bounds)

    def halve(self) -> None:
        """Let half of the groups go."""
        for group in self.groups[::2]:
            group.unregister()
        del self.groups[::2], self.children[::2]

    def consumers(self) -> dict[str, Callable[[], Any]]:
        """Return one that encodes for Graphite, and one for StatsD."""
        import sampler
        from sampler_graphite import Graphite
        from sampler_statsd import StatsD

        def encoding(adapter: Any) -> Callable[[], Any]:
            consumer = sampler.Collector(self.registry, deadline=60.0)
            return lambda: [len(each.frames) for each in adapter.encode(consumer.collect(), {})]

        return {"graphite": encoding(Graphite()), "statsd": encoding(StatsD())}


class _Prometheus(_Instruments):
    def __init__(self, kind: str) -> None:
        import prometheus_client as peer

        peer.disable_created_metrics()
        super().__init__(kind)
        self.registry = peer.CollectorRegistry()
        self.page = lambda: peer.generate_latest(self.registry)
        self.page()

    def instrument(self, number: int) -> Any:
        import prometheus_client as peer

        name = f"g{number}_requests"
        if self.kind == "counter":
            made: Any = peer.Counter(name, "", ["k"], registry=self.registry)
        else:
            made = peer.Histogram(name, "", ["k"], registry=self.registry, buckets=BOUNDS)
        self.groups.append(made)
        return made

    def halve(self) -> None:
        """Remove half of each one's children."""
        for made in self.groups:
            for i in range(0, SERIES // GROUPS, 2):
                made.remove(f"value{i}")
        for children in self.children:
            del children[::2]


class _Rows(_Ours):
    """Rows of functions, each with its own objects; the functions' own table is counted, too."""

    def __init__(self) -> None:
        super().__init__("counter")
        self.tables: list[dict[str, float]] = []

    def make(self) -> None:
        for number in range(GROUPS):
            table = {f"value{i}": 1_000.5 + i for i in range(SERIES // GROUPS)}
            self.tables.append(table)
            self.registry.register({"name": f"group{number}", "sample": _sampler(table)})

    def change(self) -> None:
        for table in self.tables:
            for key in table:
                table[key] += 1

    def halve(self) -> None:
        for number, table in enumerate(self.tables):
            kept = dict(list(table.items())[::2])
            table.clear()
            table.update(kept)  # a cleared dictionary gives its room back
            self.tables[number] = table


def _sampler(table: dict[str, float]) -> Callable[[], Any]:
    return lambda: (("requests", value, {"k": key}) for key, value in table.items())
