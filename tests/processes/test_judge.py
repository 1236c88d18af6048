"""What makes a cell of the table red, and what does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.processes.judge import Cell, judge

COUNTS = st.integers(0, 1000)
HERE, THERE = ("instrument", "statsd"), ("pull", "statsd")


@given(before=COUNTS, counted=COUNTS, unsure=COUNTS, losable=COUNTS, got=COUNTS)
def test_what_arrives_may_lack_what_is_losable_and_exceed_by_what_is_unsure(
    before, counted, unsure, losable, got
):
    """Everything between is no fault, and everything else is one."""
    cell = Cell(counted=counted, unsure=unsure, losable=losable)
    judge(cell, {HERE: before}, {HERE: before + got}, [HERE])
    assert (cell.verdict == "red") == (not counted - losable <= got <= counted + unsure)
    assert cell.arrived == {HERE: got}
    if cell.verdict != "red":
        assert cell.lost == max(0, counted - got)


def test_a_place_that_shows_nothing_is_a_fault():
    """As a page that does not answer."""
    cell = Cell(counted=3)
    judge(cell, {}, {HERE: 3}, [HERE, THERE])
    assert cell.faults == ["none: pull in statsd"]


def test_faults_are_told_together():
    """One sentence for each number that arrived."""
    cell = Cell(counted=3)
    places = [(source, place) for source in ("pull", "histogram") for place in ("statsd", "page")]
    judge(cell, {}, dict.fromkeys(places, 2), places)
    assert cell.faults == ["2 of 3: pull, histogram in statsd, page"]


def test_a_reason_is_no_fault():
    """A cell that does not apply says why."""
    assert Cell(reason="it has no HUP").verdict == "none"
