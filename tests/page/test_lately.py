"""What a relay counts of its processes is trouble for a while: deaths, pulls that fail."""

from __future__ import annotations

from sampler.agent import Series
from sampler.page import Recorder
from sampler.page.trouble import trouble_of
from tests.page.pulls import BEGAN, snapshot


def told(time: float, **exits: int):
    """Return a snapshot of a relay that has seen so many processes end."""
    series = tuple(Series("server.process.exits", {"reason": r}, "counter") for r in exits)
    made = snapshot(BEGAN + time, (series, list(exits.values())))
    made.blocks[0].sampler = "server"
    return made


def troubles(*snapshots) -> list[tuple[str, float]]:
    """Return what is trouble after these pulls, and since when."""
    recorder = Recorder()
    for each in snapshots:
        list(recorder.encode(each, {}))
    return [(row["what"], row["since"] - BEGAN) for row in trouble_of(recorder, [], [])]


def test_workers_that_are_killed_are_counted_for_five_minutes() -> None:
    """Each from when it died."""
    pulls = [told(0, signal=7), told(10, signal=8), told(200, signal=10)]
    what = "3 processes were killed, or crashed, in the last 5 minutes"
    assert troubles(*pulls) == [(what, 10)]
    pulls.append(told(311, signal=10))
    what = "2 processes were killed, or crashed, in the last 5 minutes"
    assert troubles(*pulls) == [(what, 200)]
    pulls.append(told(501, signal=10))
    assert troubles(*pulls) == []


def test_workers_that_are_lost_are_told_apart() -> None:
    """By their own words."""
    assert troubles(told(0, signal=0, lost=0), told(10, signal=1, lost=1)) == [
        ("1 process was killed, or crashed, in the last 5 minutes", 10),
        ("1 process was lost in the last 5 minutes", 10),
    ]


def test_workers_that_end_with_a_farewell_are_no_trouble() -> None:
    """As with each deployment; neither is what died before the page was there."""
    assert troubles(told(0, exit=0, signal=4), told(10, exit=9, signal=4)) == []


def failed(time: float, **reasons: int):
    """Return a snapshot with what workers say of a sampler's failed pulls."""
    series = tuple(
        Series("sampler.pulls.failed", {"sampler": "pool", "reason": reason}, "counter")
        for reason in reasons
    )
    made = snapshot(BEGAN + time, (series, list(reasons.values())))
    made.blocks[0].sampler = "sampler"
    return made


def test_a_sampler_that_fails_in_a_worker_is_trouble_while_it_does() -> None:
    """The reason is the one that it was parked for."""
    pulls = [failed(0, parked=9, raised=1), failed(10, parked=10, raised=2)]
    assert troubles(*pulls) == [("it fails in a process that reports: raised", 10)]
    pulls.append(failed(69, parked=11, raised=2))
    assert troubles(*pulls) == [("it fails in a process that reports: raised", 10)]
    pulls.append(failed(140, parked=11, raised=2))
    assert troubles(*pulls) == []


def test_one_failed_pull_is_no_trouble() -> None:
    """It may be the last one of a worker that ends."""
    assert troubles(failed(0, raised=0), failed(10, raised=1)) == []
