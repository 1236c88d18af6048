"""What was seen in the course of a scenario, and what it says of a stretch of it."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.talk.frame.load import Answer
    from examples.talk.frame.watch import Scrape

_WIDTH = 1.0
"""Seconds over which a point of a chart is taken."""
_SETTLED = 0.3
"""Part of a phase that is left out: it begins with what the last one has left."""


class Phase(NamedTuple):
    """A stretch of a scenario with one load.

    Attributes:
        name: what it is called.
        begin: when it began, in seconds of the monotonic clock.
        end: when it ended.
        whole: what is counted counts from the beginning.
    """

    name: str
    begin: float
    end: float
    whole: bool


class Window:
    """A stretch of time: what the page showed in it, and what clients saw who asked in it.

    Metrics have the page's names; labels choose among series, which are added up. None: there is
    no such thing in this stretch.
    """

    def __init__(self, scrapes: list[Scrape], answers: list[Answer]) -> None:
        self._scrapes, self._answers = scrapes, answers

    def values(self, name: str, **labels: str) -> list[float]:
        """Return what was seen of a gauge."""
        wanted = set(labels.items())
        found = []
        for scrape in self._scrapes:
            parts = [
                value
                for (metric, has), value in scrape.values.items()
                if metric == name and wanted <= set(has)
            ]
            if parts:
                found.append(sum(parts))
        return found

    def mean(self, name: str, **labels: str) -> float | None:
        """Return the mean of a gauge."""
        values = self.values(name, **labels)
        return fmean(values) if values else None

    def highest(self, name: str, **labels: str) -> float | None:
        """Return the highest value of a gauge."""
        return max(self.values(name, **labels), default=None)

    def last(self, name: str, **labels: str) -> float | None:
        """Return the last value of a gauge, or of a counter since its server began."""
        values = self.values(name, **labels)
        return values[-1] if values else None

    def increase(self, name: str, **labels: str) -> float | None:
        """Return by how much a counter has grown; a lower value begins anew."""
        values = self.values(name, **labels)
        if len(values) < 2:
            return None
        return sum(
            after - before if after >= before else after for before, after in pairwise(values)
        )

    def rate(self, name: str, **labels: str) -> float | None:
        """Return a counter's growth in a second."""
        grown = self.increase(name, **labels)
        return None if grown is None else grown / self.seconds

    def ratio(self, name: str, other: str) -> float | None:
        """Return how much of one counter's growth another one's is."""
        grown, of = self.increase(name), self.increase(other)
        return grown / of if grown is not None and of else None

    def each(self, name: str) -> float | None:
        """Return the mean of what a histogram has observed."""
        total, count = self.increase(f"{name}_sum"), self.increase(f"{name}_count")
        return total / count if total is not None and count else None

    def middle(self, name: str) -> float | None:
        """Return the median of what a histogram has observed, within its bucket."""
        bounds = {
            float(dict(labels)["le"])
            for scrape in self._scrapes
            for metric, labels in scrape.values
            if metric == f"{name}_bucket"
        }
        below, lower = 0.0, 0.0
        half = (self.increase(f"{name}_count") or 0.0) / 2
        for bound in sorted(bounds - {inf}):
            upto = self._upto(name, bound)
            if half and upto >= half:
                return lower + (bound - lower) * (half - below) / (upto - below)
            below, lower = upto, bound
        return lower if half else None

    def _upto(self, name: str, bound: float) -> float:
        """Return how many observations were not above a bound."""
        totals = [
            sum(
                value
                for (metric, labels), value in scrape.values.items()
                if metric == f"{name}_bucket" and float(dict(labels)["le"]) == bound
            )
            for scrape in (self._scrapes[0], self._scrapes[-1])
        ]
        return totals[1] - totals[0]

    @property
    def seconds(self) -> float:
        """How long it is, from the first look to the last."""
        return self._scrapes[-1].time - self._scrapes[0].time

    def waited(self, name: str = "clients", part: float = 0.5) -> float | None:
        """Return how long clients of a name waited for answers: the median, or another part."""
        took = sorted(each.seconds for each in self._answers if each.name == name)
        return took[min(int(part * len(took)), len(took) - 1)] if took else None

    def slower(self, seconds: float, name: str = "clients") -> int:
        """Return how many clients of a name waited longer for their answer."""
        return sum(each.name == name and each.seconds > seconds for each in self._answers)

    def answers(self, name: str = "clients", status: int | None = None) -> int:
        """Return how many answers clients of a name have got, or those with a status."""
        return sum(each.name == name and status in {None, each.status} for each in self._answers)


class Timeline:
    """All that was seen.

    Attributes:
        phases: its stretches, in order.
        scrapes: looks at pages.
        heard: answers to clients.
    """

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.scrapes: list[Scrape] = []
        self.heard: list[Answer] = []

    @property
    def begin(self) -> float:
        """When the first phase began."""
        return self.phases[0].begin

    @property
    def end(self) -> float:
        """When the last phase ended."""
        return self.phases[-1].end

    def window(self, phase: Phase) -> Window:
        """Return what was seen in a phase, once it was settled."""
        settled = 0.0 if phase.whole else _SETTLED * (phase.end - phase.begin)
        return self._between(phase.begin + settled, phase.end)

    def moving(self) -> Iterator[tuple[float, int, Window]]:
        """Yield second, run and the stretch before, for each look since the beginning."""
        for scrape in list(self.scrapes):
            if self.begin <= scrape.time <= self.end:
                window = self._between(scrape.time - _WIDTH, scrape.time)
                yield scrape.time - self.begin, scrape.run, window

    def _between(self, begin: float, end: float) -> Window:
        scrapes = [each for each in self.scrapes if begin <= each.time <= end]
        runs = {each.run for each in scrapes[-1:]}
        return Window(
            [each for each in scrapes if each.run in runs],
            [each for each in self.heard if begin <= each.time <= end],
        )
