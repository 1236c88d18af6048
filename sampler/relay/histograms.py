"""Histograms of many processes, added up.

A histogram is a set of cells: its observations between two neighbouring bounds. What it does not
know is how they are spread within a cell that is not empty; everything else follows (C-20). So two
histograms are added cell by cell. Where a cell of one and a cell of the other overlap and are not
the same, they become one, and the bounds inside it are lost.
"""

from __future__ import annotations

from bisect import insort
from itertools import accumulate, compress
from operator import sub
from typing import TYPE_CHECKING

from sampler._contract.histogram import HistogramValue, difference, histogram_at

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFINITE = float("inf")


def grown(new: HistogramValue, old: HistogramValue) -> HistogramValue:
    """Return what came between two readings; after a reset, all of the newer one (C-17)."""
    aligned = counts_at(new.bounds, old.bounds, old.counts, old.count)
    if aligned is None:
        return new if new.fell_since(old) else difference(new, old)
    cells = cells_between(new.counts, aligned[0], new.count - old.count)
    if cells is None:
        return new
    total = None if new.sum is None or old.sum is None else new.sum - old.sum
    shape = new.scale, new.zero_threshold
    count = new.count - old.count
    return histogram_at(new.bounds, tuple(accumulate(cells)), count, total, *shape)


def cells_of(counts: Sequence[int]) -> list[int]:
    """Return the observations of each cell that ends at a bound."""
    return list(map(sub, counts, (0, *counts)))


def cells_between(new: Sequence[int], old: Sequence[int], count: int) -> list[int] | None:
    """Return what came between two readings at the same bounds; None: there was a reset.

    Args:
        new: the counts now.
        old: the counts before.
        count: by how much the count of all has grown.
    """
    counts = list(map(sub, new, old))
    cells = cells_of(counts)
    rose = count >= 0 and (not cells or (min(cells) >= 0 and counts[-1] <= count))
    return cells if rose else None


def counts_at(
    bounds: Sequence[float], old: Sequence[float], counts: Sequence[int], count: int
) -> tuple[list[int], list[float]] | None:
    """Return the counts of a histogram at bounds that are more than its own.

    Most of the bounds are the same, and to hash a float is slow: each new one is found by halves.

    Args:
        bounds: the wanted ones.
        old: its own.
        counts: its counts at these.
        count: that of all.

    Returns:
        The counts, and the bounds that it has not; None where one of its own bounds is not
        wanted, or a count is not known.
    """
    uppers, at, more = list(old), list(counts), list[float]()
    while len(uppers) < len(bounds):
        first, last = 0, len(uppers)
        while first < last:
            middle = (first + last) // 2
            if uppers[middle] == bounds[middle]:
                first = middle + 1
            else:
                last = middle
        below = at[first - 1] if first else 0
        if below != (at[first] if first < len(at) else count):
            return None
        uppers.insert(first, bounds[first])
        at.insert(first, below)
        more.append(bounds[first])
    return (at, more) if uppers == list(bounds) else None


class _Cell:
    """Observations above a bound, and up to another."""

    __slots__ = ("lower", "observations")

    def __init__(self, lower: float, observations: int) -> None:
        self.lower = lower
        self.observations = observations


class HistogramTotal:
    """The sum of the increments of a histogram's processes.

    Attributes:
        lost: a bound was lost since this was set to False.
    """

    __slots__ = ("_bounds", "_cells", "_count", "_known", "_shape", "_sum", "_value", "lost")

    def __init__(self) -> None:
        self.lost: bool = False
        self._count = 0
        self._sum: float | None = 0
        self._bounds: list[float] = []
        self._known: set[float] = set()
        """The same bounds."""
        self._cells: dict[float, _Cell] = {}
        """Those that are not empty, by their upper bounds."""
        self._shape: tuple[int | None, float | None] | None = None
        self._value: HistogramValue | None = None

    def know(self, value: HistogramValue, more: Sequence[float] | None = None) -> None:
        """Take over the bounds of a value, whatever has been observed; ``more``: only these."""
        shape = value.scale, value.zero_threshold
        if shape != self._shape:
            self._shape = shape if self._shape is None else (None, None)
            self._value = None
        for bound in value.bounds if more is None else more:
            if bound in self._known:
                continue
            if any(cell.lower < bound < upper for upper, cell in self._cells.items()):
                self.lost = True
            else:
                self._insert(bound)
                self._value = None

    def add(
        self, bounds: Sequence[float], cells: Sequence[int], count: int, total: float | None
    ) -> None:
        """Add what one process has observed; its bounds are known.

        Args:
            bounds: its bounds.
            cells: the observations of each cell that ends at one of these.
            count: all observations.
            total: their sum; None if it is not known.
        """
        self._value = None
        self._sum = None if total is None or self._sum is None else self._sum + total
        self._count += count
        for index in compress(range(len(cells)), cells):
            lower = bounds[index - 1] if index else -_INFINITE
            cell = self._cells.get(bounds[index])
            if cell is not None and cell.lower == lower:
                cell.observations += cells[index]
            else:
                self._add_cell(lower, bounds[index], cells[index])
        if above := count - sum(cells):
            self._add_cell(bounds[-1] if bounds else -_INFINITE, _INFINITE, above)

    def read(self) -> HistogramValue:
        """Return the sum; the same object until it changes."""
        if self._value is None:
            cells = map(self._cells.get, self._bounds)
            at = accumulate(0 if cell is None else cell.observations for cell in cells)
            shape = self._shape or (None, None)
            self._value = histogram_at(
                tuple(self._bounds), tuple(at), self._count, self._sum, *shape
            )
        return self._value

    def _insert(self, bound: float) -> None:
        insort(self._bounds, bound)
        self._known.add(bound)

    def _add_cell(self, lower: float, upper: float, observations: int) -> None:
        """Add observations that may be anywhere in a cell; those it overlaps with become one."""
        cells = self._cells.items()
        for other in [each for each, cell in cells if cell.lower < upper and lower < each]:
            cell = self._cells.pop(other)
            lower, upper = min(lower, cell.lower), max(upper, other)
            observations += cell.observations
        self._cells[upper] = _Cell(lower, observations)
        inside = [bound for bound in self._bounds if lower < bound < upper]
        if inside:
            self.lost = True
            self._bounds = [bound for bound in self._bounds if bound not in inside]
            self._known = set(self._bounds)
        for bound in (lower, upper):
            if abs(bound) != _INFINITE and bound not in self._known:
                self._insert(bound)
