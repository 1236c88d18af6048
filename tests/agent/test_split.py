"""What is divided between two ways adds up, whichever is taken and whatever gets lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import ABSENT, Block, HistogramValue, Instruments, Registry, Series, Snapshot
from sampler._contract.values import fell
from sampler.agent import (
    DELIVERED,
    AdapterSettings,
    Agent,
    Batch,
    Outcome,
    ProgramSettings,
    SamplersSettings,
    Settings,
    Unavailable,
)
from sampler.agent.delivery.split import Split
from tests.support.waiting import wait_for

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


class Gone:
    """An adapter whose endpoint is gone."""

    stamped = False

    def __init__(self) -> None:
        self.there = False
        self.sent: list[float] = []

    def encode(self, snapshot: Snapshot, since: Any) -> list[Batch]:
        del since
        values = [value for series, value in snapshot if series.name == "shop.orders"]
        return [Batch((b"x",), len(snapshot), note=values)]

    def send(self, batch: Batch, timeout: float) -> Outcome:
        del timeout
        if not self.there:
            raise Unavailable("it is gone")
        self.sent += batch.note or ()
        return DELIVERED

    def withdraw(self, turn: int) -> dict[Series, Any]:
        del turn
        return {}


def test_a_reload_without_stand_ins_leaves_no_increment_with_them() -> None:
    """What they have got is none of the adapter's; all that comes later is."""
    registry = Registry()
    orders = Instruments("shop", registry=registry).counter("orders")
    gone, other = Gone(), Gone()
    other.there = True
    settings = AdapterSettings("gone", "gone", gone, 0.1, 1.0)
    beside = AdapterSettings("other", "other", other, 0.1, 1.0, stands_in_for="gone")
    program, only = ProgramSettings(interval=0.1), SamplersSettings(enable=("shop",))
    agent = Agent(Settings("one", program, only, (settings, beside)), registry)
    agent.start()
    try:
        orders.inc(5)
        wait_for(lambda: other.sent and other.sent[-1] == 5, what="the one that stands in")
        agent.reload(Settings("two", program, only, (settings,)))
        orders.inc(3)
        gone.there = True
        wait_for(lambda: gone.sent and gone.sent[-1] == 3, what="the one that is back")
    finally:
        agent.stop()
    assert (gone.sent[-1], other.sent[-1]) == (3, 5)
