"""A window: how much metrics rose from its first scrape to its last, and means of gauges."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from sampler.advise._names import METRICS, OWN_LABELS, label_name, one_speaks
from sampler.advise._scrape import sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampler.advise._scrape import Host, Labels, Scrape, Series

_OWN_CLOCK = "process.uptime"
_HTTP = "http.server."
"""The middleware: some of its metrics have no series before their first request."""
_LEAST = 0.5
"""Seconds of the processes' clocks below which nothing has been reported in between."""


class Window:
    """Two scrapes or more, in the order in which they were made.

    Args:
        scrapes: of one page.
    """

    def __init__(self, scrapes: Sequence[Scrape]) -> None:
        self.scrapes: tuple[Scrape, ...] = tuple(scrapes)
        self.resets: set[str] = set()
        """Metrics of which a series fell or went, as far as they were asked for."""

    @cached_property
    def fault(self) -> str:
        """Why nothing can be said of it; empty if there is no such reason."""
        moments = [scrape.at for scrape in self.scrapes]
        if len(moments) < 2:
            return f"a window is two scrapes at least, this is {len(moments)}"
        if not all(map(math.isfinite, moments)):
            return "its moments are no numbers"
        if any(b <= a for a, b in pairwise(moments)):
            return "its moments do not rise"
        if not any(scrape.values for scrape in self.scrapes):
            return "its pages have none of the metrics that are read"
        return ""

    @cached_property
    def seconds(self) -> float:
        """From the first scrape to the last."""
        return self.scrapes[-1].at - self.scrapes[0].at

    @cached_property
    def elapsed(self) -> float:
        """Seconds that the processes' numbers cover.

        A relay's page has what they reported last, so their own clocks say what lies between two
        pages. Where these are not told, or the processes are not the same, it is the scrapes'.
        """
        ages = self._ages()
        if not ages:
            return self.seconds
        passed = sum(ages) / len(ages)
        return passed if passed >= _LEAST else 0.0

    @property
    def clocks(self) -> int:
        """How many processes tell of their age in the last scrape."""
        return len(list(self._series(-1, _OWN_CLOCK)))

    def _ages(self) -> list[float]:
        first = {_key(labels): age for labels, age in self._series(0, _OWN_CLOCK)}
        last = {_key(labels): age for labels, age in self._series(-1, _OWN_CLOCK)}
        passed = [last[key] - first[key] for key in first.keys() & last.keys()]
        same = first.keys() == last.keys() and all(each >= 0 for each in passed)
        # A clock that was set moves the age; such an age says nothing.
        sound = same and all(each <= 2 * self.seconds + 60 for each in passed)
        return passed if sound else []

    def halves(self) -> tuple[Window, Window] | None:
        """Return its first and second half; None if it has no scrape in the middle."""
        if len(self.scrapes) < 3:
            return None
        middle = len(self.scrapes) // 2
        return Window(self.scrapes[: middle + 1]), Window(self.scrapes[middle:])

    def rise(self, name: str, **labels: str) -> float | None:
        """Return how much a cumulative metric rose, all series with these labels together.

        Args:
            name: of the metric; of a histogram with ``.sum`` or ``.count``.
            labels: that the series have; ``_`` stands for ``.``.

        Returns:
            None if that is not known: it was not there from the beginning, or a series fell.
        """
        rises = self._rises(name, labels)
        return None if rises is None else math.fsum(rises)

    def rises_by_process(self, name: str, own: str) -> tuple[float, ...] | None:
        """Return by how much a metric rose in each process that its labels tell apart.

        Args:
            name: of the metric.
            own: the label that the metric has itself; all others tell processes apart.
        """
        if self._rises(name, {}) is None:
            return None
        found: dict[object, float] = {}
        first = {_key(labels): value for labels, value in self._series(0, name)}
        for labels, value in self._series(-1, name):
            process = _key({k: v for k, v in labels.items() if k != label_name(own)})
            risen = value - first.get(_key(labels), 0.0)
            found[process] = found.get(process, 0.0) + risen
        return tuple(found.values())

    def mean(self, name: str, **labels: str) -> float | None:
        """Return a gauge's mean over the scrapes that have it, its series added up."""
        sums = self._sums(name, labels)
        return math.fsum(sums) / len(sums) if sums else None

    def last(self, name: str, **labels: str) -> float | None:
        """Return a gauge's newest value, its series added up."""
        sums = self._sums(name, labels)
        return sums[-1] if sums else None

    def highest(self, name: str) -> float | None:
        """Return the highest value of a gauge, of all series and scrapes."""
        values = [v for at in range(len(self.scrapes)) for _, v in self._series(at, name)]
        return max(values, default=None)

    @property
    def hosts(self) -> tuple[Host, Host] | None:
        """The host's account at both ends; None if the command did not read it, or it fell."""
        first, last = self.scrapes[0].host, self.scrapes[-1].host
        if first is None or last is None or first.cpus != last.cpus:
            return None
        rising = last.busy >= first.busy and last.idle + last.busy > first.idle + first.busy
        return (first, last) if rising and last.idle >= first.idle else None

    def _rises(self, name: str, wanted: dict[str, str]) -> list[float] | None:
        if self.fault:
            return None
        first = {_key(labels): value for labels, value in self._series(0, name, wanted)}
        last = {_key(labels): value for labels, value in self._series(-1, name, wanted)}
        if not last or not (first or self._begins_empty(name)):
            return None
        if any(last.get(key, -1.0) < value for key, value in first.items()):
            self.resets.add(name)
            return None
        # A series that is new began within the window: its metric was there before.
        return [value - first.get(key, 0.0) for key, value in last.items()]

    def _begins_empty(self, name: str) -> bool:
        """Tell whether a metric is absent from the first scrape as nothing had happened yet."""
        return name.startswith(_HTTP) and any(self._series(0, f"{_HTTP}busy.time"))

    def _sums(self, name: str, wanted: dict[str, str]) -> list[float]:
        found = [list(self._series(at, name, wanted)) for at in range(len(self.scrapes))]
        return [math.fsum(value for _, value in series) for series in found if series]

    def _series(
        self, at: int, name: str, wanted: dict[str, str] | None = None
    ) -> Iterator[tuple[dict[str, str], float]]:
        if not self.scrapes:
            return
        found = tuple(each for each in self.scrapes[at].values.get(name, ()) if sound(each[1]))
        if one_speaks(name) and len(found) > 1:
            found = self._of_one(found, name)
        for labels, value in found:
            if all(labels.get(key) == text for key, text in (wanted or {}).items()):
                yield dict(labels), value

    def _of_one(self, found: Series, name: str) -> Series:
        """Return what one process says, where several say it of the same thing."""
        if METRICS[name][0] == "counter":
            speaker = self._speakers(name)
            return tuple(each for each in found if _process(each[0]) == speaker)
        highest: dict[object, tuple[Labels, float]] = {}
        for labels, value in found:
            own = _key({k: v for k, v in labels.items() if k in OWN_LABELS})
            if own not in highest or highest[own][1] < value:
                highest[own] = labels, value
        return tuple(highest.values())

    def _speakers(self, name: str) -> object:
        """Return which process speaks for all: it is there at both ends."""
        ends = [self.scrapes[at].values.get(name, ()) for at in (0, -1)]
        first, last = ({_process(labels) for labels, _ in end} for end in ends)
        return min(first & last or first or last, default=None)


def _process(labels: Labels) -> tuple[tuple[str, str], ...]:
    """Return the labels that tell a process."""
    return _key({k: v for k, v in labels.items() if k not in OWN_LABELS})


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))
