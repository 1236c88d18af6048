"""What a pull costs in a program's life: series that come and go, other work, many samplers."""

from __future__ import annotations

import gc
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench import encoding, population, pulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.pulls import Operation

TABLES, ROWS = 10, 1_000
"""Samplers, and rows of each."""
CHURN = 0.001, 0.01, 0.1, 0.5
"""Shares of the rows that are of series never seen before; as many have gone."""
SAMPLERS = 1, 100, 1_000
WORK = 0.005
"""Seconds of other work before a cold pull."""


class Tables:
    """What an application has at the moment; some of it goes, and as much that is new comes.

    Args:
        churn: share that goes between two pulls. Of what stays a tenth has a new number.
    """

    def __init__(self, churn: float) -> None:
        self._gone = round(ROWS * churn)
        self._made = 0
        self.tables: list[dict[str, float]] = [{} for _ in range(TABLES)]
        for table in self.tables:
            self._add(table, ROWS)

    def change(self) -> None:
        """Let time pass."""
        for table in self.tables:
            for key in population.drawn.sample(list(table), self._gone):
                del table[key]
            for key in population.drawn.sample(list(table), round(len(table) * pulls.FEW)):
                table[key] = population.drawn.random()
            self._add(table, self._gone)

    def _add(self, table: dict[str, float], number: int) -> None:
        for key in range(self._made, self._made + number):
            table[f"v{key}"] = population.drawn.random()
        self._made += number


def ours_churn(churn: float) -> Operation:
    """A pull of functions that yield rows, and the text."""
    import sampler

    state, registry = Tables(churn), sampler.Registry()

    def sampler_of(table: dict[str, float]) -> Callable[[], Iterator[Any]]:
        def sample() -> Iterator[Any]:
            for key, value in table.items():
                yield "value", value, {"i": key, "s": "x"}

        return sample

    for number, table in enumerate(state.tables):
        registry.register({"name": f"s{number}", "sample": sampler_of(table)})
    return pulls.page(registry, "text/plain"), state.change


def prometheus_churn(churn: float) -> Operation:
    """prometheus_client with custom collectors."""
    import prometheus_client as peer

    state, registry = Tables(churn), peer.CollectorRegistry()
    for number, table in enumerate(state.tables):
        registry.register(_custom(number, lambda table=table: table.items()))  # type: ignore[misc]
    return lambda: peer.generate_latest(registry), state.change


def _custom(number: int, items: Callable[[], Any]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    class Custom:
        def describe(self) -> list[Any]:
            return []

        def collect(self) -> Iterator[Any]:
            family = GaugeMetricFamily(f"s{number}_value", "Help.", labels=["i", "s"])
            for key, value in items():
                family.add_metric([key, "x"], value)
            yield family

    return Custom()


def cold(make: Callable[[int, float], Operation]) -> Operation:
    """Pull 1,000 series after other work, a tenth of them new."""
    operation, change = make(1_000, pulls.FEW)
    heap: list[tuple[int, str, dict[int, int]]] = [
        (number, str(number), {number: number}) for number in range(200_000)
    ]
    gc.freeze()  # a program's own collections are not what is measured
    at = 0

    def work() -> None:
        nonlocal at
        change()
        end = time.process_time() + WORK
        while time.process_time() < end:
            for number, text, numbers in heap[at : at + 1_000]:
                numbers[number] = len(text)
            at = (at + 1_000) % len(heap)

    return operation, work


def ours_samplers(number: int) -> Operation:
    """Pull 10,000 rows of so many samplers, a tenth of them with a new value."""
    from sampler import Collector, Registry

    rows, change = _rows(number)
    registry = Registry()
    for each, some in enumerate(rows):
        registry.register({"name": f"s{each}", "sample": lambda some=some: some})
    consumer = Collector(registry, deadline=60.0, max_series=10_000)
    return consumer.collect, change


def prometheus_samplers(number: int) -> Operation:
    """The same of custom collectors, read."""
    import prometheus_client as peer

    rows, change = _rows(number)
    registry = peer.CollectorRegistry()

    def items(some: list[Any]) -> Callable[[], Any]:
        return lambda: ((labels["i"], value) for _, value, labels in some)

    for each, some in enumerate(rows):
        registry.register(_custom(each, items(some)))
    return pulls.reading(registry), change


def _rows(number: int) -> tuple[list[list[Any]], Callable[[], None]]:
    size = 10_000 // number
    rows: list[list[Any]] = [
        [("value", population.drawn.random(), {"i": str(i), "s": "x"}) for i in range(size)]
        for _ in range(number)
    ]

    def change() -> None:
        for some in rows:
            first = population.drawn.randrange(10)
            for i in range(first, size, 10):
                some[i] = (some[i][0], population.drawn.random(), some[i][2])

    return rows, change


Made = tuple["Callable[[], Operation]", int]
"""What makes an operation, and into how many parts its time is divided."""
OPERATIONS: dict[str, dict[str, Made]] = {
    **{
        f"churn {churn:.1%}": {
            "ours": (partial(ours_churn, churn), TABLES * ROWS),
            "prometheus_client": (partial(prometheus_churn, churn), TABLES * ROWS),
        }
        for churn in CHURN
    },
    "cold collect": {
        "ours": (partial(cold, pulls.ours_collect), 1_000),
        "prometheus_client": (partial(cold, pulls.prometheus_collect), 1_000),
    },
    "cold text": {
        "ours": (partial(cold, pulls.ours_text), 1_000),
        "prometheus_client": (partial(cold, pulls.prometheus_text), 1_000),
    },
    **{
        # A thousandth of the pull: with a thousand samplers, what one of them takes.
        f"samplers {number}": {
            "ours": (partial(ours_samplers, number), 1_000),
            "prometheus_client": (partial(prometheus_samplers, number), 1_000),
        }
        for number in SAMPLERS
    },
    "pickle alone": {
        "ours": (partial(encoding.ours, 10_000), 10_000),
        "pickle.dumps": (partial(encoding.dumps, 10_000), 10_000),
    },
}
"""Operation to those who can do it."""
