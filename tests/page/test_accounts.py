"""A row for each sampler: what the account of all processes says of its pulls."""

from __future__ import annotations

from sampler.agent import Series
from sampler.page import Recorder
from sampler.page.accounts import samplers_of
from tests.page.pulls import BEGAN, snapshot


def pull(time: float, duration: float | None = None, **reasons: int):
    """Return a relay's snapshot with what processes say of the pulls of one sampler."""
    series = [
        Series("sampler.pulls.failed", {"sampler": "pool", "reason": reason}, "counter")
        for reason in reasons
    ]
    values: list[float] = list(reasons.values())
    if duration is not None:
        series.append(Series("sampler.pull.duration", {"sampler": "pool"}, "gauge", "s"))
        values.append(duration)
    made = snapshot(BEGAN + time, (tuple(series), values))
    made.blocks[0].sampler = "sampler"
    return made


def row(*pulls) -> dict:
    """Return the sampler's row after these pulls of an interval of 10 s."""
    recorder = Recorder()
    for each in pulls:
        list(recorder.encode(each, {}))
    rows = samplers_of(pulls[-1], recorder.failures, {}, recorder.failed)
    return next(each for each in rows if each["name"] == "pool")


def test_a_sampler_is_paused_while_pulls_are_left_out() -> None:
    """For how long its process knows."""
    pulls = [pull(0, parked=4, raised=2), pull(10, parked=5, raised=2)]
    found = row(*pulls)
    assert (found["paused"], found["paused_for"]) == (True, None)
    assert found["last_failure"] == "raised, in a process that reports (its log says more)"
    found = row(*pulls, pull(20, parked=5, raised=2), pull(30, parked=5, raised=2))
    assert (found["paused"], found["failing"]) == (True, True)  # a report may be late
    found = row(*pulls, pull(20, parked=5, raised=2), pull(36, parked=5, raised=2))
    assert (found["paused"], found["failing"]) == (False, False)


def test_a_failure_of_long_ago_is_said_to_be_one() -> None:
    """The process may have ended since."""
    found = row(pull(0, 0.1, raised=1), pull(10, 0.1, raised=2), pull(90, 0.2, raised=2))
    assert found["last_failure"] == "raised, in a process, earlier (its log says more)"
    assert (found["failing"], found["failures"], found["duration"]) == (False, 2, 0.2)


def test_the_reason_is_the_newest_that_is_no_pause() -> None:
    """Otherwise the most frequent one."""
    found = row(pull(0, raised=9, deadline=0, hung=0), pull(10, raised=9, deadline=1, hung=30))
    assert found["last_failure"].startswith("deadline, in a process that reports")
    found = row(pull(0, raised=9, deadline=3, parked=50))
    assert found["last_failure"].startswith("raised, in a process, earlier")


def test_a_sampler_without_a_failure_has_none() -> None:
    """Reasons are told from zero on."""
    found = row(pull(0, 0.1, raised=0, parked=0))
    assert (found["last_failure"], found["failing"], found["paused"]) == (None, False, False)
