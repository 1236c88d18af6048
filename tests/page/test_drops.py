"""Entries that are given up are trouble for a while."""

from __future__ import annotations

from sampler.agent import Series
from sampler.page.drops import LATELY, Drops
from tests.page.pulls import BEGAN, snapshot

DROPPED = "sampler.entries.dropped"


def told(time: float, **dropped: int):
    """Return a snapshot with an account."""
    series = tuple(Series(DROPPED, {"adapter": "g", "reason": r}, "counter") for r in dropped)
    made = snapshot(BEGAN + time, (series, list(dropped.values())))
    made.blocks[0].sampler = "sampler"
    return made


def test_what_was_dropped_before_the_first_pull_is_old() -> None:
    """A page that is opened later shows what happens while it is there."""
    drops = Drops()
    drops.note(told(0, oldest=70))
    assert drops.lately == {}


def test_what_grows_is_told_with_its_sum_until_it_is_over() -> None:
    """By adapter and reason."""
    drops = Drops()
    for time, count in ((0, 5), (10, 8), (20, 8), (30, 10)):
        drops.note(told(time, oldest=count, spool=1))
    (key,) = drops.lately
    assert key == ("g", "oldest")
    drop = drops.lately[key]
    assert (drop.entries, drop.since - BEGAN, drop.last - BEGAN) == (5, 10, 30)
    drops.note(told(31 + LATELY, oldest=10, spool=1))
    assert drops.lately == {}


def test_what_a_newer_snapshot_has_replaced_is_no_loss() -> None:
    """As of a Pushgateway that was away."""
    drops = Drops()
    drops.note(told(0, superseded=0))
    drops.note(told(10, superseded=9))
    assert drops.lately == {}
