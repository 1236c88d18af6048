"""A histogram value and its arithmetic.

A histogram is cumulative twice: its counts only grow with time, and each bucket counts every
observation up to and including its upper bound. Bounds are finite; ``count`` is the count
at infinity. A bound may be missing: the count there is known if its neighbours have the same count
(below the first bound: 0; above the last: ``count``), otherwise it is unknown.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc, without all of collections
from _operator import add, sub  # operator, without its file: an import has a budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    _Mapping = Mapping[str, Any]
else:
    _Mapping = object


class Lineage:
    """Readings of one instrument, in turn and without a reset between: it has checked them."""

    __slots__ = ()


class HistogramValue(_Mapping):
    """An immutable, checked histogram, and the mapping that a sampler yields for it.

    It is registered as a ``Mapping`` and does not inherit from it: ``isinstance`` stays fast.

    Attributes:
        count: number of observations.
        sum: their sum in the metric's unit; None when it is not known.
        bounds: upper bounds of the buckets, finite and rising; an instrument's values share them.
        counts: the cumulative count up to each bound.
        scale: base-2 exponential scale of the bounds, if they follow one.
        zero_threshold: width of the zero bucket, if there is one.
        lineage: what this reading shares with others of the same instrument, or None.
    """

    __slots__ = ("bounds", "count", "counts", "lineage", "scale", "sum", "zero_threshold")

    def __init__(
        self,
        count: int,
        sum: float | None,  # noqa: A002 - the contract's word
        buckets: tuple[tuple[float, int], ...] = (),
        scale: int | None = None,
        zero_threshold: float | None = None,
        lineage: object = None,
    ) -> None:
        """Make a value; ``buckets`` are ``(upper, cumulative count)`` pairs."""
        self.count: int = count
        self.sum: float | None = sum
        self.bounds: tuple[float, ...]
        self.counts: tuple[int, ...]
        try:
            pairs = tuple(buckets)
            self.bounds = tuple(upper for upper, _ in pairs)
            self.counts = tuple(at for _, at in pairs)
        except (TypeError, ValueError):  # made by hand: whoever reads it refuses it
            self.bounds = self.counts = buckets  # type: ignore[assignment]
        self.scale: int | None = scale
        self.zero_threshold: float | None = zero_threshold
        self.lineage: object = lineage

    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """``(upper, cumulative count)`` pairs, uppers finite and rising."""
        if self.bounds is self.counts:  # none, or what was made by hand
            return self.bounds  # type: ignore[return-value]
        return tuple(zip(self.bounds, self.counts, strict=True))

    def __getitem__(self, key: str) -> Any:
        if key == "buckets":
            return dict(self.buckets)
        if key in {"count", "sum", "scale", "zero_threshold"}:
            value = getattr(self, key)
            if value is not None:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        keys = ("count", "sum", "buckets", "scale", "zero_threshold")
        return (key for key in keys if getattr(self, key) is not None)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __bool__(self) -> bool:
        return True

    if not TYPE_CHECKING:
        __contains__ = Mapping.__contains__
        get = Mapping.get
        items = Mapping.items
        keys = Mapping.keys
        values = Mapping.values

    def at(self, bound: float) -> int | None:
        """Return the count of observations up to ``bound``; None if it is not known."""
        known = self.resampled((bound,)).counts
        return known[0] if known else None

    def resampled(self, bounds: Sequence[float]) -> HistogramValue:
        """Return the same observations at other bounds, where the counts are known.

        Args:
            bounds: rising upper bounds. At those of a coarser exponential scale all are known.
        """
        uppers, counts, size = self.bounds, self.counts, len(self.bounds)
        known: list[float] = []
        at: list[int] = []
        index = below = 0
        for bound in bounds:
            while index < size and uppers[index] < bound:
                below = counts[index]
                index += 1
            above = counts[index] if index < size else self.count
            if below == above or (index < size and uppers[index] == bound):
                known.append(bound)
                at.append(above)
        found = bounds if len(known) == len(bounds) else known
        return histogram_at(tuple(found), tuple(at), self.count, self.sum)

    def fell_since(self, before: HistogramValue) -> bool:
        """Tell whether there was a reset: this cannot be a later reading of ``before``.

        Without one, the count never falls in any range between bounds that both have.
        """
        if self is before or (self.lineage is not None and self.lineage is before.lineage):
            return False
        below = 0
        for grown in _grown(self, before):
            if grown < below:
                return True
            below = grown
        return below > self.count - before.count

    def quantile(self, q: float) -> float | None:
        """Estimate the ``q`` quantile (0..1) in the metric's unit, linearly within a bucket.

        Returns:
            None without observations or bounds; the highest bound when the quantile lies above it.
        """
        if not self.count or not self.bounds:
            return None
        rank = q * self.count
        lower, below = min(0.0, self.bounds[0]), 0
        for upper, cumulative in zip(self.bounds, self.counts, strict=True):
            if cumulative >= rank and cumulative > below:
                return lower + (upper - lower) * max(0.0, rank - below) / (cumulative - below)
            lower, below = upper, cumulative
        return self.bounds[-1]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HistogramValue):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"HistogramValue(count={self.count}, sum={self.sum}, buckets={dict(self.buckets)})"

    def _key(self) -> tuple[object, ...]:
        shape = self.scale, self.zero_threshold
        return (self.count, self.sum, self.bounds, self.counts, *shape)


def histogram_at(
    bounds: tuple[float, ...],
    counts: tuple[int, ...],
    count: int,
    sum: float | None,  # noqa: A002 - the contract's word
    scale: int | None = None,
    zero_threshold: float | None = None,
    lineage: object = None,
) -> HistogramValue:
    """Make a value of bounds and counts that are separate already."""
    value = HistogramValue(count, sum, (), scale, zero_threshold, lineage)
    value.bounds, value.counts = bounds, counts
    return value


def merge(one: HistogramValue, other: HistogramValue) -> HistogramValue:
    """Add two histograms of different observations, at the bounds known in both."""
    return _combine(one, other, add, add)


def difference(later: HistogramValue, earlier: HistogramValue) -> HistogramValue:
    """Return what ``later`` observed since ``earlier``, at the bounds known in both.

    Both must be readings of one series without a reset between them.
    """
    return _combine(later, earlier, sub, sub)


def _grown(later: HistogramValue, earlier: HistogramValue) -> list[int]:
    """Return by how much each cumulative count grew, at the bounds known in both."""
    if later.bounds == earlier.bounds:
        return list(map(sub, later.counts, earlier.counts))
    return list(difference(later, earlier).counts)


def _combine(
    one: HistogramValue,
    other: HistogramValue,
    counts: Callable[[int, int], int],
    sums: Callable[[float, float], float],
) -> HistogramValue:
    bounds = one.bounds
    if bounds == other.bounds:
        combined = tuple(map(counts, one.counts, other.counts))
    else:
        uppers = sorted({*bounds, *other.bounds})
        of_other = dict(other.resampled(uppers).buckets)
        known = [pair for pair in one.resampled(uppers).buckets if pair[0] in of_other]
        bounds = tuple(upper for upper, _ in known)
        combined = tuple(counts(at, of_other[upper]) for upper, at in known)
    same_scale = one.scale == other.scale and one.zero_threshold == other.zero_threshold
    return histogram_at(
        bounds,
        combined,
        counts(one.count, other.count),
        None if one.sum is None or other.sum is None else sums(one.sum, other.sum),
        one.scale if same_scale else None,
        one.zero_threshold if same_scale else None,
    )


Mapping.register(HistogramValue)  # pyright: ignore[reportAttributeAccessIssue]
