"""What is divided between two ways adds up, whichever is taken and whatever gets lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import ABSENT, Block, HistogramValue, Series, Snapshot
from sampler._contract.values import fell
from sampler.agent.delivery.split import Split

BEGAN = 100.0
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["stay", "first", "second"]),
        st.sampled_from(["confirmed", "counted", "lost", "unsent", "unread"]),
        st.integers(0, 5),
    ),
    max_size=30,
)


def value_of(kind: str, counted: int) -> Any:
    """Return the value of a series that has counted so much."""
    if kind == "counter":
        return counted
    if kind == "seconds":
        return counted * 0.1
    return HistogramValue(counted, counted * 0.1, ((1.0, counted // 2), (2.0, counted)))


def number(value: Any) -> float:
    """Return how much a value is."""
    return value.count if isinstance(value, HistogramValue) else value


class Ways:
    """Two ways, and what is at their ends."""

    def __init__(self, kind: str, start: float | None) -> None:
        self.kind = kind
        metric = "histogram" if kind == "histogram" else "counter"
        self.series = Series("shop.n", {}, metric, start=start)
        self.split = Split()
        self.counted = 0
        self.at_first: Any = value_of(kind, 0)
        self.at_second: Any = value_of(kind, 0)
        self.handed: dict[Series, Any] = {}
        self.since: dict[Series, Any] = {}
        self.times = 0

    def tick(self, way: str, outcome: str, more: int) -> None:
        """Count, pull, and let what goes the first way end so."""
        self.counted += more
        value = ABSENT if outcome == "unread" else value_of(self.kind, self.counted)
        snapshot = self._snapshot(value)
        if way == "second" and not self.split.second:
            self.split.take_second(self.handed, self.since)
        elif way == "first" and self.split.second:
            self.split.take_first()
        ((_, first),) = list(self.split.first_part(snapshot)) or [(None, None)]
        if first is not None:
            assert not fell(first, self.at_first)
            if outcome in ("confirmed", "counted"):
                self.at_first = first
            if outcome != "unsent":
                self.handed = {self.series: first}
            if outcome == "confirmed":
                self.since = {self.series: first}
        if self.split.second:
            for series, second in self.split.second_part(snapshot, {}):
                assert series.start is not None
                assert series.start >= BEGAN
                assert not fell(second, self.at_second)
                self.at_second = second
        assert self.total() <= number(value_of(self.kind, self.counted)) + 1e-9

    def total(self) -> float:
        """Return what both ends have."""
        return number(self.at_first) + number(self.at_second)

    def _snapshot(self, value: Any) -> Snapshot:
        self.times += 1
        block = Block("shop", (self.series,), [value], BEGAN + self.times)
        return Snapshot((block,), BEGAN + self.times, BEGAN, {})


@pytest.mark.parametrize("kind", ["counter", "seconds", "histogram"])
@given(STEPS)
def test_no_increment_is_lost_or_twice(kind: str, steps: list[tuple[str, str, int]]) -> None:
    """At no time is there more than was counted, and at last all of it is."""
    ways = Ways(kind, BEGAN)
    for step in steps:
        ways.tick(*step)
    ways.tick("first", "confirmed", 0)
    assert ways.total() == pytest.approx(number(value_of(kind, ways.counted)))


def test_a_series_that_begins_on_the_second_way_begins_with_a_baseline_or_whole() -> None:
    """As its start says (C-16)."""
    for start, wanted in ((BEGAN + 1, 7), (BEGAN - 1, 2), (None, 2)):
        split, old = Split(), Series("shop.a", {}, "counter", start=BEGAN)
        new = Series("shop.b", {}, "counter", start=start)
        split.take_second({}, {})
        for value in (5, 7):
            blocks = (Block("shop", (old, new), [1, value], BEGAN + 2),)
            snapshot = Snapshot(blocks, BEGAN + 2, BEGAN, {})
            assert dict(split.first_part(snapshot))[new] == 0
            parts = {s.name: v for s, v in split.second_part(snapshot, {})}
        assert parts == {"shop.a": 1, "shop.b": wanted}


def test_what_one_process_says_for_all_waits() -> None:
    """It goes the first way only; gauges go both."""
    host = Series("machine.jobs", {}, "counter", scope="host")
    level = Series("shop.level", {})
    blocks = (Block("machine", (host,), [7], BEGAN), Block("shop", (level,), [3], BEGAN))
    snapshot = Snapshot(blocks, BEGAN, BEGAN, {})
    split = Split()
    split.take_second({}, {})
    assert dict(split.first_part(snapshot)) == {host: 7, level: 3}
    assert dict(split.second_part(snapshot, {})) == {level: 3}


def test_another_collector_goes_on() -> None:
    """As after a reload: its series are others, of the same names."""
    before, after = Split(), Split()
    old, new = (Series("shop.n", {"a": "b"}, "counter", start=BEGAN) for _ in range(2))

    def at(series: Series, value: int) -> Snapshot:
        return Snapshot((Block("shop", (series,), [value], BEGAN),), BEGAN, BEGAN, {})

    before.take_second({}, {old: 4})
    before.first_part(at(old, 10))
    before.second_part(at(old, 10), {})
    after.inherit(before)
    assert [value for _, value in after.first_part(at(new, 12))] == [6]


def test_until_the_second_way_is_taken_nothing_is_copied() -> None:
    """A snapshot is what it was."""
    snapshot = Snapshot((), BEGAN, BEGAN, {})
    assert Split().first_part(snapshot) is snapshot
