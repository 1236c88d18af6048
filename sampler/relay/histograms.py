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
from typing import TYPE_CHECKING

from sampler._contract.histogram import HistogramValue, difference, histogram_at

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFINITE = float("inf")


def grown(new: HistogramValue, old: HistogramValue) -> HistogramValue:
    """Return what came between two readings; after a reset, all of the newer one (C-17)."""
    before = old.counts if new.bounds == old.bounds else _counts_at(new.bounds, old)
    if before is None:
        return new if new.fell_since(old) else difference(new, old)
    counts = increments(new.counts, before, new.count - old.count)
    if counts is None:
        return new
    total = None if new.sum is None or old.sum is None else new.sum - old.sum
    shape = new.scale, new.zero_threshold
    return histogram_at(new.bounds, tuple(counts), new.count - old.count, total, *shape)


def increments(new: Sequence[int], old: Sequence[int], count: int) -> list[int] | None:
    """Return by how much counts up to the same bounds have grown; None: there was a reset.

    Args:
        new: the counts now.
        old: the counts before.
        count: by how much the count of all has grown.
    """
    counts = list(map(sub, new, old))
    if count < 0 or (counts and (counts[0] < 0 or counts[-1] > count)):
        return None
    return counts if counts == sorted(counts) else None


def _counts_at(bounds: Sequence[float], of: HistogramValue) -> list[int] | None:
    """Return the counts of a histogram at other bounds, if these have all of its own.

    Returns:
        None also where a count is not known.
    """
    at: list[int] = []
    below = index = 0
    uppers, counts, size = of.bounds, of.counts, len(of.bounds)
    for bound in bounds:
        above = counts[index] if index < size else of.count
        if index < size and uppers[index] == bound:
            below = above
            index += 1
        elif below != above:
            return None
        at.append(below)
    return at if index == size else None


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

    def add(
        self,
        bounds: Sequence[float],
        counts: Sequence[int],
        count: int,
        sum: float | None,  # noqa: A002 - the contract's word
    ) -> None:
        """Add what one process has observed; its bounds are known."""
        self._value = None
        self._sum = None if sum is None or self._sum is None else self._sum + sum
        self._count += count
        below, lower = 0, -_INFINITE
        for upper, at in zip(bounds, counts, strict=True):
            if at != below:
                self._add_cell(lower, upper, at - below)
                below = at
            lower = upper
        if count != below:
            self._add_cell(lower, _INFINITE, count - below)

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
