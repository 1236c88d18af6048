"""Two consumers pull one sampler for a while: they find what a single pull cannot show."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from sampler._contract.histogram import HistogramValue
from sampler._pull.collector import Collector
from sampler._registry.registry import Registry, state_of
from sampler.validate._breach import Breach, Report
from sampler.validate._validator import mapping_of, validator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from sampler import Instruments
    from sampler._contract.snapshot import Snapshot

    Read: TypeAlias = "tuple[int, float]"
    """The index of the consumer that read, and the value."""

_ROUNDS = 6
_TOGETHER = 4


@attrs.frozen
class Examination:
    """The result of :func:`examine`.

    Attributes:
        sampler: the sampler's name.
        breaches: the breaches found, each once.
        pulls: pulls made.
        series: how many series the sampler had.
        moved: how many of them changed meanwhile; those that did not prove little.
        seconds: how long it took.
    """

    sampler: str
    breaches: tuple[Breach, ...]
    pulls: int
    series: int
    moved: int
    seconds: float

    @property
    def conforms(self) -> bool:
        """True when no breach was found."""
        return not self.breaches


def examine(
    sampler: Mapping[str, Any] | Instruments,
    *,
    seconds: float = 1.0,
    deadline: float = 5.0,
    exercise: Callable[[], Any] = lambda: None,
    progress: Callable[[float], Any] | None = None,
) -> Examination:
    """Pull a sampler for a while as two consumers would, in turns and at the same time.

    Args:
        sampler: the mapping, or a group of instruments.
        seconds: how long, at least; a sampler with ``min_interval`` is asked less often.
        deadline: seconds that a call may take.
        exercise: called between pulls, to make the metric source do something.
        progress: called from time to time with the part that is done, from 0 to 1.
    """
    began = time.monotonic()
    breaches: list[Breach] = []
    sampler = mapping_of(sampler)
    checked = validator(sampler, breaches.append, deadline=deadline)
    if checked is sampler:  # no registry would take it
        return Examination(breaches[0].sampler, tuple(breaches), 0, 0, 0, 0.0)
    registry = Registry()
    registration = registry.register(checked)
    declaration = state_of(registration).declaration
    report = Report(registration.name, breaches.append)
    comparison = _Comparison(report, shared=declaration.factory is None)
    pause = max(seconds / _ROUNDS, declaration.min_interval or 0.0)
    rounds = max(2, int(seconds / pause))
    pair = [Collector(registry, name=f"validate-{i}", deadline=deadline) for i in (0, 1)]
    with pair[0], pair[1]:
        for turn in range(rounds):
            exercise()
            for index in (turn % 2, 1 - turn % 2):
                comparison.see(index, pair[index].collect())
            if progress is not None:
                progress((turn + 1) / rounds)
            if turn + 1 < rounds:
                time.sleep(pause)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(_TOGETHER):
                for snapshot in pool.map(Collector.collect, pair):
                    comparison.fail(snapshot, "S-06", "called at the same time from two threads")
    comparison.judge()
    took = time.monotonic() - began
    once = tuple({(breach.clause, breach.about): breach for breach in reversed(breaches)}.values())
    pulls = 2 * (rounds + _TOGETHER)
    return Examination(
        registration.name, once[::-1], pulls, len(comparison.reads), comparison.moved, took
    )


class _Comparison:
    """What two consumers have read, in order.

    Args:
        report: where breaches go.
        shared: both call one ``sample``; otherwise each has an instance of its own.

    Attributes:
        reads: what was read of each series.
    """

    def __init__(self, report: Report, *, shared: bool) -> None:
        self.reads: dict[str, list[Read]] = {}
        self._cumulative: dict[str, str] = {}
        self._metrics: dict[str, str] = {}
        self._report = report
        self._shared = shared

    @property
    def moved(self) -> int:
        """How many series have changed."""
        return sum(len({value for _, value in reads}) > 1 for reads in self.reads.values())

    def see(self, index: int, snapshot: Snapshot) -> None:
        """Remember what a consumer has read."""
        self.fail(snapshot, "S-15", "")
        for series, value in snapshot:
            number = value.count if isinstance(value, HistogramValue) else value
            self.reads.setdefault(str(series), []).append((index, number))
            self._metrics[str(series)] = series.name
            if series.cumulative:
                self._cumulative[str(series)] = series.name

    def fail(self, snapshot: Snapshot, clause: str, when: str) -> None:
        """Report a pull that has failed, unless the validator has seen why."""
        for failure in snapshot.failures:
            if failure.reason == "deadline":
                self._report.add("S-18", "sample", failure.message, failure)
            elif failure.reason == "raised" and when:
                self._report.add(clause, when, f"{failure.message} when {when}", failure)

    def judge(self) -> None:
        """Report reads that take away from other reads."""
        for series, reads in self.reads.items():
            metric = self._metrics[series]
            if self._emptied(reads):
                clause = "S-20" if series in self._cumulative else "S-06"
                clause = clause if self._shared else "S-07"
                message = (
                    f"metric {metric!r}: the first reader gets everything, the next one nothing"
                )
                self._report.add(clause, metric, message, series)
            elif series in self._cumulative and (lost := _lost(reads)):
                inner, outer = lost
                message = (
                    f"metric {metric!r} grew by {inner:g} for one consumer while it grew by "
                    f"{outer:g} for another that watched longer: they share one count"
                )
                clause = "S-20" if self._shared else "S-07"
                self._report.add(clause, metric, message, series)

    @staticmethod
    def _emptied(reads: list[Read]) -> bool:
        """Tell whether each first read of a round has a value, and each second one has 0."""
        if len(reads) < 4 or len(reads) % 2:
            return False
        firsts, seconds = reads[::2], reads[1::2]
        return all(value for _, value in firsts) and not any(value for _, value in seconds)


def _lost(reads: list[Read]) -> tuple[float, float] | None:
    """Return two increases, the inner one larger than the one around it, or None.

    Reads are in the order X Y Y X: any growth that Y saw, X must have seen, too.
    """
    for i in range(len(reads) - 3):
        (a, first), (b, second), (c, third), (d, fourth) = reads[i : i + 4]
        if a == d and b == c and a != b and first <= fourth and second <= third:
            inner, outer = third - second, fourth - first
            if inner > outer and inner - outer > 1e-9 * max(abs(third), abs(fourth)):
                return inner, outer
    return None
