"""What two consumers have read of one sampler, in turns: who saw what grow, and what fell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.histogram import HistogramValue
from sampler._registry.shared_read import Restarted
from sampler.validate._breach import KEEP_THE_GONE

if TYPE_CHECKING:
    from sampler._contract.snapshot import Failure, Snapshot
    from sampler.validate._breach import Report

_EXPLAINED = frozenset({"S-06", "S-07", "S-10", "S-12", "S-13", "S-15", "S-18"})
"""Clauses whose breach says why a pull failed."""
_RESTARTED = f"{Restarted.__name__}: "


class Comparison:
    """What two consumers have read, in the order X Y, Y X, X Y ...

    Args:
        report: where breaches go.
        shared: both call one ``sample``; otherwise each has an instance of its own.
    """

    def __init__(self, report: Report, *, shared: bool) -> None:
        self._reads: dict[str, _Reads] = {}
        self._report = report
        self._shared = shared
        self._failed: Failure | None = None

    @property
    def series(self) -> int:
        """How many series there were."""
        return len(self._reads)

    @property
    def metrics(self) -> frozenset[str]:
        """Metrics of which there was a series."""
        return frozenset(reads.metric for reads in self._reads.values())

    @property
    def moved(self) -> int:
        """How many of them have changed."""
        return sum(reads.moved for reads in self._reads.values())

    @property
    def cumulative(self) -> int:
        """How many of them were counters or histograms."""
        return sum(reads.cumulative for reads in self._reads.values())

    @property
    def grown(self) -> int:
        """How many counters and histograms have grown."""
        return sum(reads.cumulative and reads.grown for reads in self._reads.values())

    def see(self, index: int, snapshot: Snapshot, began: float, ended: float) -> None:
        """Remember what a consumer has read.

        Args:
            index: of the consumer, 0 or 1.
            snapshot: what it has read.
            began: monotonic seconds before the read.
            ended: monotonic seconds after it.
        """
        self.fail(snapshot, "")
        for series, value in snapshot:
            reads = self._reads.get(key := str(series))
            if reads is None:
                metric = series.name.removeprefix(f"{self._report.sampler}.")
                reads = self._reads[key] = _Reads(metric, cumulative=series.cumulative)
            number = value.count if isinstance(value, HistogramValue) else value
            reads.add(index, number, began, ended)

    def fail(self, snapshot: Snapshot, when: str) -> None:
        """Note a pull that has failed; ``when`` is empty for one by one consumer alone."""
        for failure in snapshot.failures:
            if failure.reason == "deadline":
                self._report.add("S-18", "sample", failure.message, failure)
            elif failure.reason != "raised" or failure.message.startswith(_RESTARTED):
                continue  # sources may start over; History sees where they do it in every read
            elif when and self._failed is None:
                clause = "S-06" if self._shared else "S-07"
                self._report.add(clause, when, f"{failure.message} when {when}", failure)
            else:
                self._failed = self._failed or failure

    def falls(self) -> dict[str, int]:
        """Return how often each metric that counts fell, for one consumer."""
        falls: dict[str, int] = {}
        for reads in self._reads.values():
            if reads.cumulative and reads.falls:
                falls[reads.metric] = falls.get(reads.metric, 0) + reads.falls
        return falls

    def judge(self, *, restarts_told: bool, found: set[str]) -> None:
        """Report what the reads show together.

        Args:
            restarts_told: the source says by ``start`` when it starts over.
            found: the clauses that were reported before.
        """
        if self._failed is not None and not found & _EXPLAINED:
            message = f"a pull failed: {self._failed.message}"
            self._report.add("S-15", "pull", message, self._failed)
        for series, reads in self._reads.items():
            self._judge_series(series, reads, restarts_told=restarts_told)

    def _judge_series(self, series: str, reads: _Reads, *, restarts_told: bool) -> None:
        metric = reads.metric
        shared = "S-20" if reads.cumulative else "S-06"
        clause = shared if self._shared else "S-07"
        if reads.emptied:
            message = f"metric {metric!r}: the first reader gets everything, the next one nothing"
            self._report.add(clause, metric, message, series)
        elif reads.cumulative and reads.lost and (reads.losses > 1 or not self._shared):
            inner, outer = reads.lost  # once may be a restart of a shared source
            message = (
                f"metric {metric!r} grew by {inner:g} for one consumer while it grew by "
                f"{outer:g} for another that watched longer: they share one count"
            )
            self._report.add(clause, metric, message, series)
        elif reads.cumulative and not restarts_told and (fallen := reads.fallen):
            before, after, seconds = fallen
            message = (
                f"metric {metric!r} fell from {before:g} to {after:g} within {seconds:.2g} s: a "
                "source that starts over would be near 0, a sum over objects that go would not"
            )
            self._report.add("S-20", metric, message, series, KEEP_THE_GONE)


class _Reads:
    """What was read of one series; what is kept does not grow with the number of reads.

    Args:
        metric: its metric.
        cumulative: it is a counter or a histogram.

    Attributes:
        moved: its value has changed.
        grown: its value has risen.
        falls: how often it was lower for one consumer than before.
        lost: two increases, the inner one larger than the one around it, or None.
        losses: how many of these were seen.
    """

    __slots__ = (
        "_emptied",
        "_fall",
        "_last",
        "_own",
        "_pairs",
        "_rate",
        "_window",
        "cumulative",
        "falls",
        "grown",
        "losses",
        "lost",
        "metric",
        "moved",
    )

    def __init__(self, metric: str, *, cumulative: bool) -> None:
        self.metric: str = metric
        self.cumulative: bool = cumulative
        self.moved = self.grown = False
        self.lost: tuple[float, float] | None = None
        self.losses = self.falls = 0
        self._last: float | None = None
        self._window: tuple[tuple[int, float], ...] = ()
        self._emptied = True
        self._pairs = 0
        self._own: tuple[float, float, float] | None = None
        self._rate = 0.0
        self._fall: tuple[float, float, float] | None = None

    def add(self, index: int, value: float, began: float, ended: float) -> None:
        """Take a read; see :meth:`Comparison.see`."""
        if self._last is not None and value != self._last:
            self.moved = True
            self.grown = self.grown or value > self._last
        self._last = value
        self._window = (*self._window[-3:], (index, value))
        self._watch_pair(value)
        if lost := _lost(self._window):
            self.lost = self.lost or lost
            self.losses += 1
        if index == 0:
            self._watch_falls(value, began, ended)

    @property
    def emptied(self) -> bool:
        """Each first read of a round had a value, and each second one had 0."""
        return self._emptied and self._pairs >= 4 and not self._pairs % 2

    @property
    def fallen(self) -> tuple[float, float, float] | None:
        """A fall that no restart explains: value before, value after, and seconds between.

        A source that starts over counts from 0, so after the time between two reads it is not far
        above that. The bound is four times the largest growth per second that this consumer saw.
        """
        if self._fall is None or self._fall[1] <= 4 * self._rate * self._fall[2] + 1:
            return None
        return self._fall

    def _watch_pair(self, value: float) -> None:
        if bool(value) is bool(self._pairs % 2):
            self._emptied = False
        self._pairs += 1

    def _watch_falls(self, value: float, began: float, ended: float) -> None:
        """Compare the reads of one consumer.

        Back-to-back reads of two consumers would make the largest growth per second too large.
        A stall of this thread must not look like speed or like a short time to count in: growth is
        divided by the least time between two reads, and a fall is allowed the most.
        """
        before, self._own = self._own, (value, began, ended)
        if before is None:
            return
        least, most = began - before[2], ended - before[1]
        if value < before[0]:
            self.falls += 1
            fall = (before[0], value, most)
            if self._fall is None or _height(fall) > _height(self._fall):
                self._fall = fall
        elif value > before[0]:
            self._rate = max(self._rate, (value - before[0]) / max(least, 1e-6))


def _height(fall: tuple[float, float, float]) -> float:
    """Return the growth per second that would explain a fall."""
    return (fall[1] - 1) / fall[2]


def _lost(reads: tuple[tuple[int, float], ...]) -> tuple[float, float] | None:
    """Return two increases, the inner one larger than the one around it, or None.

    Reads are in the order X Y Y X: any growth that Y saw, X must have seen, too.
    """
    if len(reads) < 4:
        return None
    (a, first), (b, second), (c, third), (d, fourth) = reads
    if a == d and b == c and a != b and first <= fourth and second <= third:
        inner, outer = third - second, fourth - first
        if inner > outer and inner - outer > 1e-9 * max(abs(third), abs(fourth)):
            return inner, outer
    return None
