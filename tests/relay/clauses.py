"""The relay, as the draft's model of one is used: whole snapshots in, merged series out.

Each process is what it is in life: a consumer's snapshots, an adapter's baselines, and messages of
the wire, which the relay's session reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent import Block, HistogramValue, Series, Snapshot
from sampler.agent.delivery.baselines import Baselines
from sampler.relay.frames import FrameReader, frame
from sampler.relay.members import Members
from sampler.relay.messages import VERSION, Hello, Kind
from sampler.relay.session import Session
from sampler.relay.tables import Slices, Tables
from tests.pep.relay_model import Total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.pep.relay_model import Entry

_PREFIX = "model."


class Worker:
    """A process of the relay.

    Args:
        relay: where it reports.
        name: its instance.
        began: when its consumer did.
    """

    def __init__(self, relay: RealRelay, name: str, began: float) -> None:
        hello = Hello(VERSION, name, "service", name, "worker", 10.0)
        self.member = relay.members.welcome(hello, 1)
        self.began = began
        self._session = Session(relay.members, self.member)
        self._own_time = began > relay.began
        self._series: dict[str, tuple[Entry, Series]] = {}
        self._block: tuple[Series, ...] = ()
        self._baselines = Baselines()
        self._slices = Slices()
        self._tables = Tables({})
        self._reader = FrameReader()

    def report(self, entries: Iterable[Entry]) -> None:
        """Send what has been pulled."""
        known = list(entries)
        series = tuple(self._of(entry) for entry in known)
        if series != self._block:
            self._block = series
        values = [_value(entry) for entry in known]
        snapshot = Snapshot((Block("model", self._block, values, 0.0),), 0.0, self.began, {})
        self._baselines.offer(snapshot)
        pairs = self._slices.of(snapshot.blocks)
        frames = list(self._tables.update([each for _, each in pairs], self._baselines.since()))
        frames += [part.values(block, place)[0] for place, (block, part) in enumerate(pairs)]
        for kind, body in self._reader.feed(b"".join((*frames, frame(Kind.SYNC)))):
            self._session.receive(kind, body)
        self._baselines.handed_over(snapshot)

    def _of(self, entry: Entry) -> Series:
        """Return the series of an entry; a consumer makes another one after a restart (C-17)."""
        before, series = self._series.get(entry.series, (None, None))
        if before is None or series is None or _restarted(before, entry):
            start = entry.start
            if start is None and self._own_time and not entry.shared:
                start = self.began  # as an instrument's
            if before is not None:  # it was pulled since the consumer began
                start = max(start or 0.0, self.began)
            series = Series(
                f"{_PREFIX}{entry.series}",
                {},
                entry.kind,
                scope=entry.scope,
                merge=entry.merge,
                start=start if entry.kind != "gauge" else None,
            )
        self._series[entry.series] = entry, series
        return series


class RealRelay:
    """See :class:`tests.pep.relay_model.Relay`."""

    def __init__(self, began: float) -> None:
        self.began = self._now = began
        self.members = Members(began, lambda: self._now)
        self._reader = self.members.reader()
        self._workers: dict[str, Worker] = {}

    def report(self, who: str, began: float, entries: Iterable[Entry]) -> None:
        """Take what a process that began at ``began`` has pulled."""
        if who not in self._workers:
            self._workers[who] = Worker(self, who, began)
        self._workers[who].report(entries)

    def end(self, who: str) -> None:
        """Know that a process has ended."""
        worker = self._workers.pop(who, None)
        if worker is not None:
            self.members.end(worker.member, "signal")

    def collect(self, now: float) -> dict[str, Total]:
        """Return the merged cumulative series, for the relay's own reader."""
        self._now = now
        found = {}
        for series, value in self._entries():
            if series.cumulative:
                assert series.start is not None
                shown = (
                    (value.count, value.sum, tuple(value.buckets))
                    if (isinstance(value, HistogramValue))
                    else value
                )
                found[series.name.removeprefix(_PREFIX)] = Total(shown, series.start)
        return found

    @property
    def totals(self) -> dict[str, Total]:
        """The merged cumulative series."""
        return self.collect(self._now)

    @property
    def refused(self) -> int:
        """How many series were refused."""
        return self.members.refused

    def gauges(self) -> dict[tuple[str, str], float]:
        """Return gauges by series and process; no process is named where they are combined."""
        return {
            (series.name.removeprefix(_PREFIX), series.labels.get("process", "")): value
            for series, value in self._entries()
            if not series.cumulative
        }

    def _entries(self) -> list[tuple[Series, Any]]:
        return [entry for block in self.members.collect(self._reader) for entry in block]


def _value(entry: Entry) -> Any:
    if entry.kind != "histogram":
        return entry.value
    count, total, buckets = entry.value
    return HistogramValue(count, total, buckets)


def _restarted(before: Entry, after: Entry) -> bool:
    if (before.kind, before.start) != (after.kind, after.start):
        return True
    return after.kind == "counter" and after.value < before.value
