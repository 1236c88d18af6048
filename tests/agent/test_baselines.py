"""What differences start from: baselines, hand-overs, and one point for each interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.agent import ABSENT, Block, Series, Snapshot
from sampler.agent.delivery.baselines import Baselines, IntervalBaselines, step

HITS = Series("db.hits", {}, "counter")
SIZE = Series("db.size", {}, "gauge")
NEW = Series("db.new", {}, "counter", start=1000.0)
SERIES = (HITS, SIZE, NEW)


def snapshot(time, hits, new=0, interval=10.0):
    """Return a pull of a consumer that began at 1000."""
    return Snapshot((Block("db", SERIES, [hits, 5, new], time),), time, 1000.0, {}, (), interval)


def test_a_baseline_is_known_before_anything_is_sent():
    """A first value adds nothing, unless its start is known and not before the consumer's."""
    accounted = Baselines()
    accounted.offer(snapshot(1000.0, 7, 3))
    assert accounted.since() == {HITS: 7}


def test_gauges_have_no_baseline():
    """Only cumulative series have differences."""
    accounted = Baselines()
    accounted.handed_over(snapshot(1000.0, 7, 3))
    assert accounted.since() == {HITS: 7, NEW: 3}


VALUES = st.one_of(st.integers(0, 9), st.just(ABSENT))


@given(st.lists(st.tuples(st.booleans(), VALUES, VALUES)))
def test_values_asked_for_are_those_of_their_moment(handed_over):
    """Whatever is handed over afterwards, whole or in parts, with values or without."""
    accounted = Baselines()
    accounted.offer(snapshot(1000.0, 7, 3))
    wanted, asked = {HITS: 7}, []
    for whole, *values in handed_over:
        before = accounted.since()
        asked.append((before, dict(wanted)))
        entries = snapshot(1000.0, *values)
        accounted.handed_over(entries if whole else list(entries))
        pairs = zip((HITS, NEW), values, strict=True)
        wanted |= {series: value for series, value in pairs if value is not ABSENT}
        if whole:  # and some are asked at once
            assert accounted.since() == wanted
    assert [dict(since) for since, _ in asked] == [then for _, then in asked]


def test_a_series_that_is_gone_is_forgotten():
    """A later series of its name is another one."""
    accounted = Baselines()
    accounted.offer(snapshot(1000.0, 7))
    accounted.offer(Snapshot((Block("db", (SIZE,), [5], 1010.0),), 1010.0, 1000.0, {}))
    assert accounted.since() == {}


def test_each_interval_starts_from_the_last_pull_of_the_one_before():
    """However many pulls one interval has."""
    stepped = IntervalBaselines()
    assert stepped.since(snapshot(1001.0, 7, 3)) == {HITS: 7}
    assert stepped.since(snapshot(1009.0, 9, 4)) == {HITS: 7}
    assert stepped.since(snapshot(1011.0, 12, 5)) == {HITS: 9, NEW: 4}
    assert stepped.since(snapshot(1012.0, 13, 6)) == {HITS: 9, NEW: 4}
    assert stepped.since(snapshot(1031.0, 20, 7)) == {HITS: 13, NEW: 6}


def test_an_interval_below_a_second_steps_by_seconds():
    """Stores keep times in whole seconds."""
    stepped = IntervalBaselines()
    stepped.since(snapshot(1000.1, 1, interval=0.1))
    assert stepped.since(snapshot(1000.9, 5, interval=0.1)) == {HITS: 1}
    assert stepped.since(snapshot(1001.0, 6, interval=0.1)) == {HITS: 5, NEW: 0}


@pytest.mark.parametrize(
    ("time", "interval", "began"),
    [(3.5, None, 3.0), (3.5, 0.1, 3.0), (3.5, 2.0, 2.0), (4.0, 2.0, 4.0), (3.5, 1.5, 3.0)],
)
def test_a_time_falls_into_one_interval(time, interval, began):
    """It is a second at least, and begins at a whole number of intervals."""
    assert step(time, interval) == began


def test_differences_go_on_from_what_another_destination_was_given():
    """From the interval that was encoded last, too; all of a new series counts."""
    before = IntervalBaselines()
    before.since(snapshot(1010.0, 40, 2))
    before.since(snapshot(1020.0, 70, 5))
    inheritance = before.inheritance()
    assert set(inheritance.values()) == {70, 5}
    after = IntervalBaselines()
    after.since(snapshot(1020.0, 999, 999))
    after.inherit(inheritance)
    assert after.since(snapshot(1030.0, 90, 9)) == {HITS: 70, NEW: 5}


def test_a_series_that_restarted_meanwhile_counts_whole():
    """Its value is lower than the one that the other destination was given."""
    before = IntervalBaselines()
    before.since(snapshot(1010.0, 40))
    inheritance = before.inheritance()
    after = IntervalBaselines()
    after.inherit({**inheritance, ("db.new", "counter"): None})
    assert after.since(snapshot(1030.0, 3, 9)) == {}
