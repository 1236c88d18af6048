"""What speed and size come from, counted instead of timed: calls, bytes, hand-offs, and turns.

Only public names are used, so the same file shows how an earlier commit differs.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any, Self

import prometheus_client
import pytest

import sampler
from sampler_graphite import Graphite
from sampler_prometheus import WSGIApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANY = 4_000
BOUNDS = tuple(2.0**i for i in range(-9, 1))


class Events:
    """Counts what threads call that start in its block, and how much between two turns of others.

    Attributes:
        calls: of Python functions and of built-in ones.
        longest: most of them that one thread made between two pauses.
        handed_over: how often something was put into a queue.
    """

    def __init__(self) -> None:
        self.calls = self.longest = self.handed_over = 0
        self._since: dict[int, int] = {}

    def __enter__(self) -> Self:
        threading.setprofile(self._take)
        sys.setprofile(self._take)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def during(self, work: Callable[[], object]) -> Self:
        """Count from zero while ``work`` runs."""
        self.calls = self.longest = self.handed_over = 0
        self._since.clear()
        work()
        return self

    def _take(self, frame: Any, event: str, arg: Any) -> None:
        del frame
        if event not in ("call", "c_call"):
            return
        self.calls += 1
        name = getattr(arg, "__name__", "") if event == "c_call" else ""
        self.handed_over += name == "put"
        thread = threading.get_ident()
        since = 0 if name in ("sleep", "acquire", "get") else self._since.get(thread, 0) + 1
        self._since[thread] = since
        self.longest = max(self.longest, since)


PAGES: list[Page] = []
"""Those of the test that runs."""


class Page:
    """A page with everything that is kept for it; its worker thread starts in the first pull."""

    def __init__(self, registry: sampler.Registry) -> None:
        self.app = WSGIApp(registry, interval=1e-6, deadline=60.0)
        PAGES.append(self)

    def __call__(self) -> int:
        """Make and read a page; return its bytes."""
        body = self.app({"REQUEST_METHOD": "GET"}, lambda *_: None)
        size = sum(map(len, body))
        body.close()  # type: ignore[attr-defined]
        return size


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """The peer writes no ``_created`` here; pages that are made here are closed."""
    prometheus_client.disable_created_metrics()
    yield
    prometheus_client.enable_created_metrics()
    while PAGES:
        PAGES.pop().app.close()
    gc.collect()


def rows(count: int, first: int = 0) -> list[tuple[str, float, dict[str, str]]]:
    return [("value", 1.5, {"i": f"v{i}"}) for i in range(first, first + count)]


def calls_after(steps: int) -> int:
    """Return the calls of a pull after ten instruments got a hundred children in so many steps."""
    registry = sampler.Registry()
    group = sampler.Instruments("grown", registry)
    counters = [group.counter(f"c{i}", labels=("route",)) for i in range(10)]
    number = itertools.count()
    with Events() as events, sampler.Collector(registry, deadline=60.0) as consumer:
        for _ in range(steps):
            texts = [f"r{next(number)}" for _ in range(100 // steps)]
            for counter, text in itertools.product(counters, texts):
                counter.labels(text).inc()
            consumer.collect()
        consumer.collect()
        return events.during(consumer.collect).calls


def test_how_labels_appeared_does_not_matter_to_later_pulls() -> None:
    """In one step, or in a hundred."""
    assert calls_after(100) <= 1.1 * calls_after(1)


def test_a_series_that_comes_costs_its_own_part() -> None:
    """A pull and a page in which ten of 10,000 series have taken the place of others."""
    registry = sampler.Registry()
    tables = [rows(1000) for _ in range(10)]
    for number, table in enumerate(tables):
        registry.register({"name": f"s{number}", "sample": lambda table=table: table})
    number = itertools.count(5_000)

    def churned(changes: int) -> int:
        for table in tables[:changes]:
            table[500] = rows(1, next(number))[0]
        return events.during(page).calls

    with Events() as events:
        page = Page(registry)
        page()
        idle = churned(0)
        churned(10)
        assert churned(10) - idle <= 10 * 400


def test_a_sampler_costs_few_calls() -> None:
    """In a round of a thousand, with one sample each, which is handed over once."""
    registry = sampler.Registry()
    for number in range(1000):
        registry.register({"name": f"s{number}", "sample": lambda: [("value", 1.5)]})
    with Events() as events, sampler.Collector(registry, deadline=60.0) as consumer:
        consumer.collect()
        consumer.collect()
        events.during(consumer.collect)
        assert events.calls <= 65 * 1000
        assert events.handed_over == 1


def test_others_have_their_turns_while_the_first_page_is_made() -> None:
    """However many series are new."""
    registry = sampler.Registry()
    for number in range(20):
        registry.register({"name": f"s{number}", "sample": lambda: rows(1000)})
    with Events() as events:
        assert events.during(Page(registry)).longest <= 20_000


def used(work: Callable[[], object]) -> int:
    """Return the bytes that are in use after ``work`` and were not before."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    work()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


class Ours:
    """Ten instruments with some hundred children each."""

    def __init__(self, kind: str) -> None:
        self.registry = sampler.Registry()
        self._groups = [sampler.Instruments(f"a{i}", self.registry) for i in range(10)]
        bounds = {"buckets": BOUNDS} if kind == "histogram" else {}
        self._makers = [
            getattr(g, kind)("requests", labels=("k",), **bounds) for g in self._groups
        ]
        self.page = Page(self.registry)

    def child(self, number: int) -> Any:
        return self._makers[number % 10].labels(f"value{number}")

    def halve(self) -> None:
        for group in self._groups[:5]:
            group.unregister()
        del self._groups[:5], self._makers[:5]


class Peer:
    """One instrument of prometheus_client with as many children."""

    def __init__(self, kind: str) -> None:
        registry = prometheus_client.CollectorRegistry()
        bounds = {"buckets": BOUNDS} if kind == "histogram" else {}
        self._metric = getattr(prometheus_client, kind.capitalize())(
            "requests", "", ["k"], registry=registry, **bounds
        )
        self.page = lambda: prometheus_client.generate_latest(registry)

    def child(self, number: int) -> Any:
        return self._metric.labels(f"value{number}")

    def halve(self) -> None:
        for number in range(0, MANY, 2):
            self._metric.remove(f"value{number}")


def fill(series: Ours | Peer) -> None:
    """Record something in each child, and make three pages."""
    for number in range(MANY):
        child = series.child(number)
        if hasattr(child, "observe"):
            for bound in BOUNDS:
                child.observe(bound)
        else:
            child.inc(number + 1000)
    for _ in range(3):
        series.page()


def halve(series: Ours | Peer) -> None:
    """Let half of the children go, and make two pages."""
    series.halve()
    series.page()
    series.page()


def traced(work: Callable[[], None]) -> None:
    tracemalloc.start()
    try:
        work()
    finally:
        tracemalloc.stop()


def sizes(series: Ours | Peer) -> tuple[float, float]:
    """Return bytes a child after three pages, and the share that half of them leave."""
    found: list[int] = []

    def measure() -> None:
        series.page()
        found.append(used(lambda: fill(series)))
        found.append(used(lambda: halve(series)))

    traced(measure)
    full, less = found
    return full / MANY, (full + less) / full


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_a_child_takes_no_more_than_a_peers(kind: str) -> None:
    """With everything that is kept of it after pages; nothing is kept of those that have gone."""
    ours, left = sizes(Ours(kind))
    theirs, _ = sizes(Peer(kind))
    assert ours <= theirs
    assert left <= 0.55


@pytest.mark.parametrize(("kind", "most"), [("counter", 300), ("histogram", 900)])
def test_a_further_consumer_takes_little(kind: str, most: int) -> None:
    """One that pushes to Graphite, after three pushes."""
    series = Ours(kind)
    fill(series)
    adapter = Graphite(prefix="")
    consumer = sampler.Collector(series.registry, deadline=60.0)

    def pushes() -> None:
        for _ in range(3):
            for _ in adapter.encode(consumer.collect(), {}):
                pass

    found: list[int] = []
    with consumer:
        traced(lambda: found.append(used(pushes)))
    assert found[0] / MANY <= most
