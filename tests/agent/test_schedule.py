"""When pulls happen."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from sampler.agent.schedule import Schedule, Ticker, phase
from tests.support.waiting import wait_for


class Clocks:
    """A wall clock that jumps and a monotonic one that does not."""

    def __init__(self, wall: float) -> None:
        self.wall = wall
        self.clock = 0.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.clock += seconds


def schedule(clocks: Clocks, interval: float, part: float = 0.0) -> Schedule:
    return Schedule(interval, part, wall=lambda: clocks.wall, clock=lambda: clocks.clock)


@given(
    interval=st.floats(0.1, 3600),
    wall=st.floats(1.6e9, 1.8e9),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(-1e5, 1e5)), max_size=20),
)
def test_every_gap_is_at_most_one_and_a_half_intervals(interval, wall, steps) -> None:
    """Whatever the wall clock does, the next tick is ahead, soon, and never twice at once."""
    clocks = Clocks(wall)
    ticks = schedule(clocks, interval)
    last = None
    for late, jump in steps:
        due = ticks.next()
        assert clocks.clock < due <= clocks.clock + 1.5 * interval + 1e-3
        if last is not None:
            assert due - last >= interval / 2 - 1e-3
        last = due
        clocks.pass_by(due - clocks.clock + late * interval)
        clocks.wall += jump


@given(interval=st.sampled_from([0.5, 1, 10, 60]), part=st.floats(0, 0.5))
def test_ticks_fall_on_whole_intervals_of_the_wall_clock(interval, part) -> None:
    """A tick's wall time is a whole number of intervals plus the phase."""
    clocks = Clocks(1_700_000_003.7)
    ticks = schedule(clocks, interval, part * interval)
    for _ in range(5):
        due = ticks.next()
        clocks.pass_by(due - clocks.clock)
        rest = (clocks.wall - part * interval) % interval
        assert min(rest, interval - rest) < 1e-5
    assert ticks.skipped == 0


def test_a_tick_that_overruns_skips_and_never_bursts() -> None:
    """After 3.2 intervals of work the missed ticks are counted and the next is a whole one."""
    clocks = Clocks(1_700_000_000.0)
    ticks = schedule(clocks, 10.0)
    first = ticks.next()
    clocks.pass_by(first - clocks.clock + 32.0)
    assert ticks.next() == first + 40.0
    assert ticks.skipped == 3


def test_waking_a_little_early_does_not_tick_twice() -> None:
    """A wake-up just before the moment counts as that moment."""
    clocks = Clocks(1_700_000_001.0)
    ticks = schedule(clocks, 10.0)
    due = ticks.next()
    clocks.pass_by(due - clocks.clock - 0.01)
    assert ticks.next() - due >= 9.9


@given(st.dictionaries(st.sampled_from(["service", "host", "instance"]), st.text()))
def test_an_identity_always_has_the_same_phase_in_the_first_half(identity) -> None:
    """The phase is stable and leaves half an interval for a late tick."""
    assert 0.0 <= phase(identity) < 0.5
    assert phase(identity) == phase(dict(identity))


def test_a_ticker_begins_at_once_and_stops_for_good() -> None:
    """The first tick does not wait for the wall clock, and none follows stop()."""
    ticked = threading.Event()
    ticker = Ticker("test", Schedule(3600.0), ticked.set)
    ticker.start()
    wait_for(ticked.is_set, what="the first tick")
    import time

    assert ticker.stop(time.monotonic() + 5)
    wait_for(lambda: ticker.ticks == 1, what="the tick to be counted")


def test_a_failing_tick_does_not_end_the_ticker(caplog) -> None:
    """A defect in one tick is logged and the next one comes."""
    calls = []

    def tick() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError

    ticker = Ticker("test", Schedule(0.1), tick)
    ticker.start()
    wait_for(lambda: len(calls) >= 2, what="a second tick")
    import time

    assert ticker.stop(time.monotonic() + 5)
    assert "has failed: ZeroDivisionError" in caplog.text
