"""Histograms of many processes, added up.

A histogram is a set of cells: its observations between two neighbouring bounds. What it does not
know is how they are spread within a cell that is not empty; everything else follows (C-20). So two
histograms are added cell by cell. Where a cell of one and a cell of the other overlap and are not
the same, they become one, and the bounds inside it are lost.
"""

from __future__ import annotations

from bisect import insort
from itertools import accumulate, repeat
from operator import sub

from sampler._contract.histogram import HistogramValue, difference, histogram_at

_INFINITE = float("inf")
ZERO = HistogramValue(0, 0)
"""What a process whose series begins at zero had before."""


def grown(new: HistogramValue, old: HistogramValue) -> HistogramValue:
    """Return what came between two readings; after a reset, all of the newer one (C-17)."""
    if old is ZERO:
        return new
    if new.bounds != old.bounds:
        return new if new.fell_since(old) else difference(new, old)
    counts = list(map(sub, new.counts, old.counts))
    count = new.count - old.count
    rising = not counts or (counts[0] >= 0 and counts[-1] <= count and counts == sorted(counts))
    if count < 0 or not rising:
        return new
    total = None if new.sum is None or old.sum is None else new.sum - old.sum
    scale, zero = new.scale, new.zero_threshold
    return histogram_at(new.bounds, tuple(counts), count, total, scale, zero)


class HistogramTotal:
    """The sum of the increments of a histogram's processes.

    Attributes:
        lost: a bound was lost since this was set to False.
    """

    __slots__ = (
        "_bounds",
        "_count",
        "_lower",
        "_mass",
        "_shape",
        "_sum",
        "_value",
        "lost",
    )

    def __init__(self) -> None:
        self.lost: bool = False
        self._count = 0
        self._sum: float | None = 0
        self._bounds: list[float] = []
        self._mass: dict[float, int] = {}
        """By the upper bound of each cell that is not empty: its observations."""
        self._lower: dict[float, float] = {}
        """And its lower bound."""
        self._shape: tuple[int | None, float | None] | None = None
        self._value: HistogramValue | None = None

    def know(self, value: HistogramValue) -> None:
        """Take over the bounds of a value, whatever has been observed."""
        shape = value.scale, value.zero_threshold
        if shape != self._shape:
            self._shape = shape if self._shape is None else (None, None)
            self._value = None
        for bound in set(value.bounds).difference(self._bounds):
            if any(lower < bound < upper for upper, lower in self._lower.items()):
                self.lost = True
            else:
                insort(self._bounds, bound)
                self._value = None

    def add(self, increment: HistogramValue) -> None:
        """Add what one process has observed; its bounds are known."""
        if increment.sum is None or self._sum is None:
            self._sum = self._value = None
        else:
            self._sum += increment.sum
            self._value = None
        if not increment.count:
            return
        self._count += increment.count
        below, lower = 0, -_INFINITE
        for upper, at in zip(increment.bounds, increment.counts, strict=True):
            if at != below:
                self._add_cell(lower, upper, at - below)
                below = at
            lower = upper
        if increment.count != below:
            self._add_cell(lower, _INFINITE, increment.count - below)

    def read(self) -> HistogramValue:
        """Return the sum; the same object until it changes."""
        if self._value is None:
            at = accumulate(map(self._mass.get, self._bounds, repeat(0)))
            shape = self._shape or (None, None)
            self._value = histogram_at(
                tuple(self._bounds), tuple(at), self._count, self._sum, *shape
            )
        return self._value

    def _add_cell(self, lower: float, upper: float, observations: int) -> None:
        if self._lower.get(upper) == lower:
            self._mass[upper] += observations
            return
        for other in [each for each, low in self._lower.items() if low < upper and lower < each]:
            lower = min(lower, self._lower.pop(other))
            observations += self._mass.pop(other)
            upper = max(upper, other)
        self._lower[upper], self._mass[upper] = lower, observations
        inside = [bound for bound in self._bounds if lower < bound < upper]
        if inside:
            self.lost = True
            self._bounds = [bound for bound in self._bounds if bound not in inside]
        for bound in (lower, upper):
            if abs(bound) != _INFINITE and bound not in self._bounds:
                insort(self._bounds, bound)
