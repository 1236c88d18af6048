"""What a pull costs depends on what it yields, not on how its series have come about."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler._pull.known_rows import KnownRows
from sampler._pull.sample import SeriesKeys
from tests.contract.build import values

Lookups = list[str]


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    """Return what had to be looked up, in the order in which it was."""
    found: Lookups = []
    make, find = SeriesKeys.of, KnownRows.find_sample

    def of(self: SeriesKeys, metric: Any, labels: Any) -> Any:
        found.append("made a key")
        return make(self, metric, labels)

    def find_sample(self: KnownRows, metric: Any, labels: Any) -> int:
        found.append("found")
        return find(self, metric, labels)

    monkeypatch.setattr(SeriesKeys, "of", of)
    monkeypatch.setattr(KnownRows, "find_sample", find_sample)
    return found


@pytest.mark.parametrize("steps", [1, 2, 10, 50])
def test_label_values_that_appear_over_time_cost_nothing_later(
    steps: int, lookups: Lookups, registry: Registry
) -> None:
    """Several metrics grow at once, so each step puts series between others."""
    group = Instruments("g", registry)
    counters = [group.counter(f"c{i}", labels=("path",)) for i in range(5)]
    with Collector(registry) as consumer:
        for step in range(steps):
            for counter in counters:
                for j in range(50 // steps):
                    counter.labels(f"/{step}/{j}").inc()
            lookups.clear()
            consumer.collect()
            assert lookups.count("made a key") == 5 * (50 // steps)
        lookups.clear()
        assert len(consumer.collect()) == 5 * 50
        assert lookups == []


@pytest.mark.parametrize("gone", [slice(0, 1), slice(0, None, 2), slice(50, 70), slice(99, None)])
def test_series_that_go_cost_nothing_later(gone: slice, lookups: Lookups) -> None:
    """Wherever they were."""
    registry, rows = Registry(), [("n", i, {"i": str(i)}) for i in range(100)]
    registry.register({"name": "t", "sample": lambda: list(rows)})
    with Collector(registry) as consumer:
        consumer.collect()
        del rows[gone]
        consumer.collect()
        lookups.clear()
        assert len(consumer.collect()) == len(rows)
        assert lookups == []


def test_another_order_costs_nothing_from_the_second_time_on(lookups: Lookups) -> None:
    """And the series of a snapshot stay where they are."""
    registry, rows = Registry(), [("n", i, {"i": str(i)}) for i in range(100)]
    registry.register({"name": "t", "sample": lambda: list(rows)})
    with Collector(registry) as consumer:
        (before,) = consumer.collect().blocks
        for order in (rows[::-1], rows[1:] + rows[:1], rows[50:] + rows[:50]):
            rows[:] = order
            consumer.collect()
            lookups.clear()
            (after,) = consumer.collect().blocks
            assert lookups == []
            assert after.series is before.series
            assert after.values == before.values


def test_an_order_that_is_always_another_one_makes_no_keys(lookups: Lookups) -> None:
    """Beyond those that it takes to see that."""
    registry, rows = Registry(), [("n", i, {"i": str(i)}) for i in range(800)]
    registry.register({"name": "t", "sample": lambda: list(rows)})
    with Collector(registry) as consumer:
        consumer.collect()
        for pull in range(4):
            rows[:] = rows[::-1] if pull % 2 else rows[1::2] + rows[::2]
            lookups.clear()
            consumer.collect()
            assert lookups.count("made a key") <= (800 // 4 if pull == 0 else 0)


samples = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from(["", "x", "y", "z", 1])),
    unique_by=lambda each: (each[0], each[2]),
    max_size=10,
)


@given(rounds=st.lists(samples, max_size=6), counters=st.booleans())
def test_numbers_are_those_of_their_series_in_any_order(
    rounds: list[list[tuple[str, int, Any]]], counters: bool
) -> None:
    """Whatever comes, goes, and changes places; a snapshot has the order of the last change."""
    registry, state = Registry(), dict[str, Any]()
    kind = {"kind": "counter" if counters else "gauge"}
    registry.register(
        {
            "name": "t",
            "sample": lambda: [(name, n, {"l": label}) for name, n, label in state["now"]],
            "metrics": {"a": kind, "b": kind},
        }
    )
    previous: tuple[Any, ...] = ()
    shown: list[str] = []
    with Collector(registry) as consumer:
        for state["now"] in rounds:
            wanted = {
                f"t.{name}" + (f'{{l="{label}"}}' if label else ""): n
                for name, n, label in state["now"]
            }
            snapshot = consumer.collect()
            assert values(snapshot) == wanted
            assert snapshot.failures == ()
            if set(shown) != set(wanted):
                shown = list(wanted)
            (block,) = snapshot.blocks
            assert [str(series) for series in block.series] == shown
            if not counters and set(map(str, previous)) == set(wanted):
                assert block.series is previous
            previous = block.series


class Pieces:
    """What one sampler yields, by the number of its series: labelled in several ways, and not."""

    def __init__(self, count: int) -> None:
        self._labels: list[Any] = [
            (None, {"l": str(i)}, {"l": "x", "m": i}, {"n": str(i)}, {})[i % 5]
            for i in range(count)
        ]

    def sample(self, number: int, value: Any) -> tuple[Any, ...]:
        """Return a sample of one series."""
        labels = self._labels[number]
        name = f"plain{number}" if not labels else "counted" if number % 2 else "shown"
        if labels is None:
            return name, value
        return name, value, dict(labels)


COUNT = 80
rounds_of_numbers = st.lists(
    st.tuples(
        st.none() | st.integers(0, 2**32),
        st.lists(st.integers(0, COUNT - 1), max_size=3),
        st.dictionaries(
            st.integers(0, COUNT - 1),
            st.sampled_from([None, float("nan"), "no number", 0, -1, 2**64]),
            max_size=3,
        ),
        st.lists(st.integers(0, COUNT - 1), max_size=2),
    ),
    min_size=4,
    max_size=7,
)


@given(rounds=rounds_of_numbers)
def test_another_order_each_time_reads_as_the_same_one(
    rounds: Any,
) -> None:
    """Whatever is missing, repeated, refused or starts over, in all orders that come between."""
    pieces, state = Pieces(COUNT), dict[str, list[Any]]()
    registry = Registry()
    counter = {"metrics": {"counted": {"kind": "counter"}}}
    registry.register({"name": "any", "sample": lambda: iter(state["any"]), **counter})
    registry.register({"name": "same", "sample": lambda: iter(state["same"]), **counter})
    with Collector(registry) as consumer:
        for at, (seed, again, odd, missing) in enumerate(rounds):
            numbers = [n for n in range(COUNT) if n not in missing]
            if seed is not None:
                Random(seed).shuffle(numbers)
            yielded = [(n, pieces.sample(n, odd.get(n, at * 100 + n))) for n in numbers + again]
            state["any"] = [sample for _, sample in yielded]
            state["same"] = [sample for _, sample in sorted(yielded, key=lambda each: each[0])]
            found: dict[str, dict[str, Any]] = {"any": {}, "same": {}}
            for name, value in values(consumer.collect()).items():
                sampler, _, series = name.partition(".")
                found[sampler][series] = value
            assert found["any"] == found["same"]
            any_order, same_order = consumer.statistics()
            assert any_order.yielded == same_order.yielded
            assert any_order.refused == same_order.refused
