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
        buckets: ``(upper, cumulative count)`` pairs, uppers finite and rising.
        scale: base-2 exponential scale of the bounds, if they follow one.
        zero_threshold: width of the zero bucket, if there is one.
        lineage: what this reading shares with others of the same instrument, or None.
    """

    __slots__ = ("buckets", "count", "lineage", "scale", "sum", "zero_threshold")

    def __init__(
        self,
        count: int,
        sum: float | None,  # noqa: A002 - the contract's word
        buckets: tuple[tuple[float, int], ...] = (),
        scale: int | None = None,
        zero_threshold: float | None = None,
        lineage: object = None,
    ) -> None:
        self.count: int = count
        self.sum: float | None = sum
        self.buckets: tuple[tuple[float, int], ...] = buckets
        self.scale: int | None = scale
        self.zero_threshold: float | None = zero_threshold
        self.lineage: object = lineage

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
        known = self.resampled((bound,)).buckets
        return known[0][1] if known else None

    def resampled(self, bounds: Sequence[float]) -> HistogramValue:
        """Return the same observations at other bounds, where the counts are known.

        Args:
            bounds: rising upper bounds. At those of a coarser exponential scale all are known.
        """
        buckets, size = self.buckets, len(self.buckets)
        known: list[tuple[float, int]] = []
        index = below = 0
        for bound in bounds:
            while index < size and buckets[index][0] < bound:
                below = buckets[index][1]
                index += 1
            above = buckets[index][1] if index < size else self.count
            if below == above or (index < size and buckets[index][0] == bound):
                known.append((bound, above))
        return HistogramValue(self.count, self.sum, tuple(known))

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
        if not self.count or not self.buckets:
            return None
        rank = q * self.count
        lower, below = min(0.0, self.buckets[0][0]), 0
        for upper, cumulative in self.buckets:
            if cumulative >= rank and cumulative > below:
                return lower + (upper - lower) * max(0.0, rank - below) / (cumulative - below)
            lower, below = upper, cumulative
        return self.buckets[-1][0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HistogramValue):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"HistogramValue(count={self.count}, sum={self.sum}, buckets={dict(self.buckets)})"

    def _key(self) -> tuple[object, ...]:
        return (self.count, self.sum, self.buckets, self.scale, self.zero_threshold)


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
    if _same_bounds(later, earlier):
        pairs = zip(later.buckets, earlier.buckets, strict=True)
        return [count - before for (_, count), (_, before) in pairs]
    return [count for _, count in difference(later, earlier).buckets]


def _same_bounds(one: HistogramValue, other: HistogramValue) -> bool:
    return [upper for upper, _ in one.buckets] == [upper for upper, _ in other.buckets]


def _combine(
    one: HistogramValue,
    other: HistogramValue,
    counts: Callable[[int, int], int],
    sums: Callable[[float, float], float],
) -> HistogramValue:
    if _same_bounds(one, other):
        buckets = tuple(
            (upper, counts(a, b))
            for (upper, a), (_, b) in zip(one.buckets, other.buckets, strict=True)
        )
    else:
        uppers = sorted(
            {upper for upper, _ in one.buckets} | {upper for upper, _ in other.buckets}
        )
        of_other = dict(other.resampled(uppers).buckets)
        known = one.resampled(uppers).buckets
        buckets = tuple((u, counts(a, of_other[u])) for u, a in known if u in of_other)
    same_scale = one.scale == other.scale and one.zero_threshold == other.zero_threshold
    return HistogramValue(
        counts(one.count, other.count),
        None if one.sum is None or other.sum is None else sums(one.sum, other.sum),
        buckets,
        one.scale if same_scale else None,
        one.zero_threshold if same_scale else None,
    )


Mapping.register(HistogramValue)  # pyright: ignore[reportAttributeAccessIssue]
