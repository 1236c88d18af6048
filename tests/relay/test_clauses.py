"""M-01 to M-07 of the draft, on the relay itself: what the tests of its model do, done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import HistogramValue
from sampler._contract.values import fell
from tests.pep.relay_model import Entry, Total
from tests.pep.test_processes import (
    NEW,
    SEEDS,
    STEPS,
    deploy,
    host,
    renamed,
    serve,
    steps_of,
    succession,
)
from tests.relay import rig

if TYPE_CHECKING:
    from collections.abc import Iterable


class Relay:
    """The relay, as its model is used."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.relay = rig.Relay(began)
        self.reader = self.relay.members.reader()
        self.workers: dict[str, rig.Worker] = {}
        self.series: dict[tuple[str, str], Any] = {}

    def report(self, who: str, began: float, entries: Iterable[Entry]) -> None:
        """Let a process report what a consumer of its own has pulled."""
        worker = self.workers.get(who)
        begins = worker is None
        worker = self.workers.setdefault(who, rig.Worker(began, instance=who))
        for entry in entries:
            self._set(who, worker, began, entry)
            if begins and began > self.began and entry.kind != "gauge" and not entry.shared:
                series = self.series[who, entry.series]
                now, worker.values[series] = worker.values[series], _none(entry)
                worker.pull(began)  # a consumer pulls once when it begins (C-01)
                worker.values[series] = now
        self.relay.report(worker, self.relay.now + 1.0)

    def end(self, who: str) -> None:
        """Know that a process has ended."""
        if (worker := self.workers.pop(who, None)) is not None:
            self.relay.end(worker)
            self.series = {key: each for key, each in self.series.items() if key[0] != who}

    def collect(self, now: float) -> dict[str, Total]:
        """Return the merged cumulative series."""
        self.relay.now = now
        return {
            series.name: Total(_shown(value), series.start)
            for series, value in self._entries()
            if series.cumulative
        }

    def gauges(self) -> dict[tuple[str, str], float]:
        """Return gauges by series and process."""
        return {
            (series.name, series.labels.get("process", "")): value
            for series, value in self._entries()
            if not series.cumulative
        }

    @property
    def refused(self) -> int:
        """How many values were refused."""
        return self.relay.members.refused

    @property
    def totals(self) -> dict[str, Total]:
        """The same as :meth:`collect`, now."""
        return self.collect(self.relay.now)

    def _entries(self) -> Iterable[tuple[Any, Any]]:
        return [entry for block in self.relay.members.collect(self.reader) for entry in block]

    def _set(self, who: str, worker: rig.Worker, began: float, entry: Entry) -> None:
        value = HistogramValue(*entry.value) if entry.kind == "histogram" else entry.value
        series = self.series.get((who, entry.series))
        if series is None:
            series = worker.add(
                entry.series,
                value,
                entry.kind,
                start=entry.start,
                scope=entry.scope,
                merge=entry.merge,
            )
        elif entry.kind != "gauge" and (
            series.start != entry.start or fell(value, worker.values[series])
        ):
            since = max(entry.start or self.relay.now, began)  # it was pulled since then
            series = worker.restart(series, value, since)
        worker.values[series] = value
        self.series[who, entry.series] = series


def _none(entry: Entry) -> Any:
    if entry.kind == "counter":
        return 0
    return HistogramValue(0, 0, tuple((bound, 0) for bound, _ in entry.value[2]))


def _shown(value: Any) -> Any:
    if isinstance(value, HistogramValue):
        return value.count, value.sum, value.buckets
    return value


@pytest.mark.clause("M-01", "M-02")
@given(STEPS, st.integers(0, 3))
def test_a_merged_counter_is_what_all_processes_have_counted(steps, before):
    """Since the relay began, in whatever order they begin, report, fall silent and end."""
    run = serve(steps, Relay, before=before)
    assert run.merged == run.truth


@pytest.mark.clause("M-01")
def test_a_merged_series_starts_with_the_relay():
    """Whatever starts its processes report; what they counted before is not in it."""
    relay = Relay(began=10.0)
    relay.report("old", 5.0, [Entry("n", 7, start=1.0)])
    relay.report("new", 12.0, [Entry("n", 2, start=12.0)])
    assert relay.collect(now=13.0) == {"n": Total(2, 10.0)}


@pytest.mark.clause("M-01")
def test_a_source_that_starts_over_counts_whole():
    """A lower value, and another start, are restarts within a process (C-17)."""
    relay = Relay(began=10.0)
    for value, start in ((7, 1.0), (9, 1.0), (3, 1.0), (8, 20.0)):
        relay.report("one", 5.0, [Entry("n", value, start=start)])
    assert relay.collect(now=21.0)["n"].value == 2 + 3 + 8


@pytest.mark.clause("M-03")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_last_report_completes_the_sum(seed):
    """Nothing of a process that has ended is missing then."""
    run = serve(steps_of(seed), Relay)
    assert run.merged == run.truth


@pytest.mark.clause("M-04")
def test_gauges_combine_over_the_processes_that_have_not_ended():
    """By their ``merge``, a silent one included; without it each keeps its own."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5), ("c", 4)):
        entries = [
            Entry(each, level, "gauge", merge=each if each != "own" else None)
            for each in ("sum", "max", "min", "own")
        ]
        relay.report(who, 1.0, entries)
    combined = {("sum", ""): 12, ("max", ""): 5, ("min", ""): 3}
    assert relay.gauges() == {**combined, ("own", "a"): 3, ("own", "b"): 5, ("own", "c"): 4}
    relay.end("b")
    combined = {("sum", ""): 7, ("max", ""): 4, ("min", ""): 3}
    assert relay.gauges() == {**combined, ("own", "a"): 3, ("own", "c"): 4}


@pytest.mark.clause("M-04")
def test_a_merged_gauge_is_read_once_more_after_its_last_process():
    """Nobody has anything: a sum is 0. The others are what the last process said last."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5)):
        entries = [Entry(each, level, "gauge", merge=each) for each in ("sum", "max", "min")]
        relay.report(who, 1.0, entries)
    read = [relay.gauges()["sum", ""]]
    relay.end("a")
    read.append(relay.gauges()["sum", ""])
    last = [Entry(each, 4, "gauge", merge=each) for each in ("sum", "max", "min")]
    relay.report("b", 1.0, last)
    relay.end("b")
    assert relay.gauges() == {("sum", ""): 0, ("max", ""): 4, ("min", ""): 4}
    assert read == [8, 5]
    assert relay.gauges() == {}


@pytest.mark.clause("M-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_one_process_is_elected_to_report_for_the_host(seed):
    """Each that takes over loses what came between two reports; with one start, none does."""
    assert 0.9 < host(Relay(began=0.0), seed) < 1
    assert host(Relay(began=0.0), seed, start=-5.0) == 1


@pytest.mark.clause("M-05")
def test_a_successor_with_nearly_the_same_start_counts_nothing_twice():
    """A second later it is another series."""
    assert succession(Relay(began=0.0), later=0.9) == 12
    assert succession(Relay(began=0.0), later=-0.9) == 12
    assert succession(Relay(began=0.0), later=1.0) == 22


@pytest.mark.clause("M-05")
def test_the_gauge_of_a_host_is_its_reporters():
    """That which reported first of those that have not ended."""
    relay = Relay(began=0.0)
    for who, level in (("a", 3), ("b", 5), ("c", 4), ("b", 6)):
        relay.report(who, 1.0, [Entry("load", level, "gauge", scope="host")])
    assert relay.gauges() == {("load", ""): 3}
    relay.end("a")
    assert relay.gauges() == {("load", ""): 6}


@pytest.mark.clause("M-06")
def test_a_histogram_begins_anew_once_all_have_the_bounds_it_lost():
    """While both are there it has what both know; its reader loses nothing."""
    read, truth, lives, last = deploy(Relay(began=0.0))
    assert read == truth
    assert lives == 2
    assert [bound for bound, _ in last[2]] == list(NEW)


@pytest.mark.clause("M-07")
def test_what_a_newer_process_declares_stands():
    """What the old one goes on to report of it is refused."""
    relay = renamed(Relay(began=0.0))
    assert relay.gauges() == {("jobs", ""): 3}
    assert relay.collect(now=9.0) == {}
    assert relay.refused == 1
