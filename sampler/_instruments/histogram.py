"""The histogram instrument, with exponential or given buckets."""

from __future__ import annotations

from itertools import accumulate, repeat

from sampler._contract.bounds import SCALE, UPPERS, bisect_left, bisect_right
from sampler._contract.histogram import HistogramValue, Lineage, histogram_at
from sampler._instruments import free_threading
from sampler._instruments.home import number_for, reduced, refuse, shown
from sampler._instruments.timers import Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sampler._contract.snapshot import FixedLabels
    from sampler._instruments.home import Home

_INFINITE = float("inf")
_MOST = 1.7976931348623157e308  # the highest finite float
_EXPONENTIAL = (*UPPERS, _MOST)
_HIGH = 2**63
_ZERO = -1  # the bucket of what is exactly 0, among exponential ones
_TRIES = 100  # to read a histogram that is written all the time
_new = object.__new__


class Histogram:
    """Counts observations by size; made by :meth:`Instruments.histogram`.

    Attributes:
        texts: label values, in the order of the metric's label names.
    """

    __slots__ = (
        "_bounds",
        "_counts",
        "_home",
        "_labels",
        "_last",
        "_limits",
        "_lineage",
        "_sum",
        "texts",
    )

    _exemplified = False
    """It keeps no exemplars."""

    def __init__(
        self, texts: tuple[str, ...] = (), bounds: tuple[float, ...] | None = None
    ) -> None:
        """Make one.

        Args:
            texts: label values.
            bounds: inclusive upper bounds, rising; None for exponential ones.
        """
        self.texts: tuple[str, ...] = texts
        self._labels: FixedLabels | None = None
        self._home: Home | None = None
        self._bounds: tuple[float, ...] = bounds or ()
        # What can be observed lies between the first and the last: NaN sorts before them, infinity
        # after them, and neither has a bucket, so the check costs nothing.
        self._limits = _EXPONENTIAL if bounds is None else (-_MOST, *bounds, _MOST)
        self._last: HistogramValue | None = None
        self._lineage: Lineage | None = None
        self._counts: dict[int, int] = {}
        self._sum: int | float = 0

    def _alike(self, texts: tuple[str, ...]) -> Histogram:
        """Return a new one with these label values and the same bounds, which it shares."""
        other = Histogram(texts)
        other._bounds, other._limits = self._bounds, self._limits
        return other

    def observe(self, value: float) -> None:
        """Count an observation, in the metric's unit.

        What is not finite or not a number is refused and counted; so is what is negative, where
        the bounds are exponential.
        """
        if type(value) is not float and type(value) is not int:
            if (number := number_for(self._home, value)) is not None:
                self.observe(number)
            return
        index = bisect_left(self._limits, value)
        try:
            self._counts[index] += 1
            self._sum += value
        except KeyError:
            self._observe_first(index, value)
        except OverflowError:  # an integer that no float can hold
            self._lose_sum()

    def time(self) -> Timer:
        """Return a context manager, or decorator, that observes how many seconds it lasts."""
        timer = _new(Timer)  # an __init__ would cost more than both readings of the clock
        timer._histogram = self
        timer._began = 0.0
        return timer

    def read(self) -> HistogramValue:
        """Return the observations so far; the same object until there is another."""
        last = self._last
        if last is not None and last.sum == self._sum and last.count == sum(self._counts.values()):
            return last
        observed, counts = self._consistent_copy()
        total: float | None = observed
        if not -_HIGH <= observed < _HIGH:  # an integer becomes a float; a sum can be unknown, too
            total = float(observed) if -_MOST <= observed <= _MOST else None
        exponential = self._limits is _EXPONENTIAL
        bounds, at = _edges(counts) if exponential else (self._bounds, self._filled(counts))
        if self._lineage is None:
            self._lineage = Lineage()
        count, scale = sum(counts.values()), SCALE if exponential else None
        value = histogram_at(bounds, at, count, total, scale, lineage=self._lineage)
        self._last = value
        return value

    def restart(self) -> None:
        """Start at zero, as a forked child does."""
        self._lineage = self._last = None
        self._counts = {}
        self._sum = 0

    def _kept(self) -> tuple[dict[int, int], int | float]:
        """Return a copy of the counts by bucket, and the sum, as of one moment."""
        total, counts = self._consistent_copy()
        return counts, total

    def _forget(self, counts: dict[int, int], total: float) -> None:
        """Start at zero, but for what was observed beyond these."""
        before, self._counts = self._counts, {}
        summed, self._sum = self._sum, 0
        self._lineage = self._last = None
        more = {index: n - counts.get(index, 0) for index, n in before.items()}
        self._add({index: n for index, n in more.items() if n}, summed - total)

    def _absorb(self, other: Histogram) -> None:
        """Take over the observations of another one with the same bounds, which starts over."""
        counts, other._counts = other._counts, {}
        total, other._sum = other._sum, 0
        other._lineage = other._last = None
        self._add(counts, total)

    def _lose_sum(self) -> None:
        """Know no sum any more: it is beyond what a float can hold."""
        self._sum = _INFINITE

    def _add(self, counts: dict[int, int], total: float) -> None:
        for index, n in counts.items():
            self._counts.setdefault(index, 0)
            self._counts[index] += n
        if counts:
            self._sum += total

    def __repr__(self) -> str:
        value = self.read()
        return shown(self, f"count {value.count}, sum {value.sum}")

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def _filled(self, counts: dict[int, int]) -> tuple[int, ...]:
        """Return the count up to every bound."""
        return tuple(accumulate(map(counts.get, range(1, len(self._bounds) + 1), repeat(0))))

    def _consistent_copy(self) -> tuple[int | float, dict[int, int]]:
        """Return sum and counts as of one moment.

        A new dictionary may start a garbage collection, whose finalizers may observe.
        """
        total, counts = self._sum, dict(self._counts)
        for _ in range(_TRIES):
            if total == self._sum:
                break
            total, counts = self._sum, dict(self._counts)
        return total, counts

    def _observe_sorted(self, values: Sequence[float]) -> None:
        """Count many observations, for a fraction of what single ones cost; the caller locks.

        Args:
            values: finite numbers of at least 0, rising.
        """
        counts, limits = self._counts, self._limits
        place, size = 0, len(values)
        while place < size:
            index = bisect_left(limits, values[place])
            after = bisect_right(values, limits[index], place)
            bucket = index or (_ZERO if limits is _EXPONENTIAL else 1)
            counts[bucket] = counts.get(bucket, 0) + after - place
            place = after
        self._sum += sum(values)

    def _observe_first(self, index: int, value: float) -> None:
        """Count the first observation of a bucket; refuse a value that belongs to none."""
        exponential = self._limits is _EXPONENTIAL
        if not -_MOST <= value <= _MOST:
            refuse(self._home, "not_finite", value, "it is not finite")
            return
        if not index and value < 0 and exponential:
            refuse(self._home, "negative", value, "negative values need 'buckets'")
            return
        index = index or (_ZERO if exponential else 1)
        self._counts.setdefault(index, 0)
        self._counts[index] += 1
        try:
            self._sum += value
        except OverflowError:  # as in `observe`
            self._lose_sum()


def _edges(counts: dict[int, int]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return both edges of each filled bucket, and the counts up to them (PEP: Values)."""
    bounds: list[float] = []
    at: list[int] = []
    cumulative, edge = 0, _ZERO
    for index in sorted(counts):
        if index == len(_EXPONENTIAL) - 1:  # above the last bound
            break
        if index == _ZERO:
            cumulative = counts[index]
            bounds.append(0.0)
            at.append(cumulative)
            edge = 0
            continue
        if edge != index - 1:
            bounds.append(_EXPONENTIAL[index - 1])
            at.append(cumulative)
        cumulative += counts[index]
        bounds.append(_EXPONENTIAL[index])
        at.append(cumulative)
        edge = index
    return tuple(bounds), tuple(at)


if free_threading.NEEDED:
    free_threading.guard(Histogram)
