"""One series of the merged ones: what its processes add up to, and its lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.histogram import HistogramValue
from sampler._contract.values import in_range
from sampler.relay.exemplars import series_of
from sampler.relay.histograms import HistogramTotal, cells_of, grown

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from sampler._contract.snapshot import Series, Value
    from sampler.relay.messages import Row

_MOST_LIVES = 8
"""Ended lives that are kept for readers that have not seen their last value."""


class Place:
    """A merged series.

    Args:
        key: its labels, in its metric.
        series: what readers see; of a cumulative one it is another object after a restart.

    Attributes:
        total: the sum of what a counter's processes have counted.
        histogram: the same of a histogram; None for others.
        users: how many rows of processes' tables lead here.
        dead: it is no part of the merged series any more, as its metric is declared otherwise.
        ended: lives that are over: a serial number, the series, and its last value.
        final: what is said once more of a gauge without users, if anything is.
    """

    __slots__ = ("dead", "ended", "final", "histogram", "key", "series", "total", "users")

    def __init__(self, key: Hashable, series: Series) -> None:
        self.key: Hashable = key
        self.series: Series = series
        self.users: int = 0
        self.dead: bool = False
        self.ended: list[tuple[int, Series, Value]] = []
        self.final: Value | None = None
        self.total: float = 0
        self.histogram: HistogramTotal | None = None
        if series.metric.histogram:
            self.histogram = HistogramTotal()

    def _grow(self, increment: float) -> None:
        """Add to a counter's sum."""
        self.total += increment

    def read(self) -> Value:
        """Return the sum."""
        return self.total if self.histogram is None else self.histogram.read()

    def overflows(self) -> bool:
        """Tell whether the sum is beyond the contract's numbers."""
        return not in_range(self.read())

    def restart(self, serial: int, now: float, values: Iterable[HistogramValue] = ()) -> None:
        """End this life of a cumulative series, and begin another at 0.

        Args:
            serial: of this restart, among all of the relay.
            now: epoch seconds.
            values: what a histogram's processes said last.
        """
        if not self.overflows():
            self.ended = [*self.ended[1 - _MOST_LIVES :], (serial, self.series, self.read())]
        self.series = self.series.restarted(now)
        self.total = 0
        if self.histogram is not None:
            self.histogram = HistogramTotal()
            for value in values:
                self.histogram.know(value)


SAME_START = 1.0
"""Seconds by which two starts of one series differ at most (M-05)."""


class SharedPlace(Place):
    """A series of the scope ``server`` or ``host``: one process' values stand (M-05).

    Attributes:
        reporters: the processes that report it, in the order in which they began to.
    """

    __slots__ = ("_begun", "_relay_start", "_standing", "reporters")

    def __init__(self, key: Hashable, series: Series, relay_start: float) -> None:
        super().__init__(key, series)
        self.reporters: dict[Any, None] = {}
        self._relay_start = relay_start
        self._standing: tuple[Any, float | None, Value] | None = None
        self._begun: tuple[float, Value] | None = None
        """The start and value at which this relay has begun, until somebody claims more."""

    def elected(self, process: object) -> bool:
        """Tell whether it is this process whose values stand."""
        return next(iter(self.reporters), None) is process

    def claim(self, process: object, start: float | None, base: Value) -> None:
        """Know where another relay's count has ended: with a value of this process.

        What has been counted between that and the beginning of this relay's count is nobody's.

        Args:
            process: the one that spoke for all until then.
            start: when the value was zero, if its source says so.
            base: the value.
        """
        if self._standing is None:
            self._standing = process, start, base
        elif self._begun is not None and _same(start, self._begun[0]):
            first, self._begun = self._begun[1], None
            if not _later(base, first):
                self.add(first, base)

    def report(
        self, process: object, start: float | None, value: Value, old: Value | None
    ) -> None:
        """Take a cumulative value of the elected process.

        Args:
            process: which one.
            start: when the value was zero, if its source says so.
            value: the value.
            old: what the process said before; None: nothing, and all of it counts.
        """
        by, since, stood = self._standing or (None, None, None)
        if by is process:
            before = old
        elif stood is not None and _same(start, since):
            if _later(stood, value):  # read before what stands, and reported after it
                return
            before = stood
        elif start is not None and start >= self._relay_start:
            before = None
        else:
            before = value
            if stood is None and start is not None:
                self._begun = start, value
        self._standing = process, start, value
        self.add(value, before)

    def add(self, value: Any, before: Any) -> None:
        """Add what came between two values of one process; after a reset, all of the later."""
        if self.histogram is not None:
            more: HistogramValue = value if before is None else grown(value, before)
            self.histogram.know(value)
            self.histogram.add(more.bounds, cells_of(more.counts), more.count, more.sum)
        else:
            self._grow(value if before is None or value < before else value - before)


def place_of(row: Row, labels: dict[str, str], start: float | None, relay_start: float) -> Place:
    """Return a place for a series as a process declares it.

    Args:
        row: the declaration.
        labels: sorted by name, with what tells processes apart.
        start: epoch seconds at which its sum is 0; None for a gauge.
        relay_start: epoch seconds at which the relay began.
    """
    series, key = series_of(row, labels, start), tuple(labels.items())
    if row.scope in ("server", "host"):
        return SharedPlace(key, series, relay_start)
    return Place(key, series)


class Reader:
    """A consumer of the merged series: it sees the last value of each life of a series."""

    def __init__(self, born: int) -> None:
        self._born = born
        self._seen: dict[Place, int] = {}
        self._gauges: Mapping[Place, Value] = {}
        self._waits: list[Place] = []

    def missing(self, merged: Mapping[Place, Value]) -> list[Place]:
        """Return merged gauges that it has read, and that have no value among those of now."""
        before, waits = self._gauges, self._waits
        self._gauges, self._waits = merged, []
        if not waits and before.keys() <= merged.keys():
            return []
        return [place for place in (*before, *waits) if place not in merged]

    def waits_for(self, place: Place) -> None:
        """Know that a gauge without a value has not ended."""
        self._waits.append(place)

    def unseen(self, place: Place) -> tuple[Series, Value] | None:
        """Return the earliest life that is over and whose end it has not seen."""
        seen = self._seen.get(place, self._born)
        for serial, series, value in place.ended:
            if serial > seen:
                self._seen[place] = serial
                return series, value
        return None

    def has_seen(self, place: Place, serial: int) -> None:
        """Note that it has seen the end of a life."""
        self._seen[place] = serial


def _same(start: float | None, other: float | None) -> bool:
    """Tell whether two processes mean one start, each by the clock as it was when it looked."""
    return start is not None and other is not None and abs(start - other) < SAME_START


def _later(one: Value, other: Value) -> bool:
    """Tell whether ``one`` was read after ``other``, in one life of a series."""
    if isinstance(one, HistogramValue) and isinstance(other, HistogramValue):
        return one.count > other.count
    return bool(one > other)  # type: ignore[operator]  # one series has one kind
