"""M-01 to M-06 of the draft, on the relay itself: what the tests of its model do, done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import HistogramValue
from sampler._contract.values import fell
from tests.pep.relay_model import Total
from tests.pep.test_processes import SEEDS, STEPS, deploy, host, serve
from tests.relay import rig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.pep.relay_model import Entry


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
            self._set(who, worker, entry)
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
    def totals(self) -> dict[str, Total]:
        """The same as :meth:`collect`, now."""
        return self.collect(self.relay.now)

    def _entries(self) -> Iterable[tuple[Any, Any]]:
        return [entry for block in self.relay.members.collect(self.reader) for entry in block]

    def _set(self, who: str, worker: rig.Worker, entry: Entry) -> None:
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
            series = worker.restart(series, value, entry.start or self.relay.now)
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
    """In whatever order they begin, report, fall silent and end."""
    run = serve(steps, Relay, before=before)
    assert run.merged == run.truth


@pytest.mark.clause("M-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_one_process_reports_for_the_host(seed):
    """Each that takes over loses what came between two reports; with one start, none does."""
    assert 0.9 < host(Relay(began=0.0), seed) < 1
    assert host(Relay(began=0.0), seed, start=-5.0) == 1


@pytest.mark.clause("M-06")
def test_a_histogram_that_lost_bounds_ends_when_all_have_them_again():
    """Its reader loses nothing."""
    read, truth, lives, last = deploy(Relay(began=0.0))
    assert read == truth
    assert lives == 2
    assert [bound for bound, _ in last[2]] == [0.5, 5.0]
