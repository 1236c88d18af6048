"""What New Relic's agent takes for a value: a number, or the statistics of some observations."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import HistogramValue

    Stats: TypeAlias = dict[str, int | float]

_LARGEST = float_info.max


def stats_of(grown: HistogramValue) -> Stats:
    """Return the statistics of the observations that a histogram has grown by.

    Count and total are exact. The smallest and the largest observation are known by their buckets
    only, so the bounds of those stand for them; each observation counts as the middle of its
    bucket in the sum of squares. Without buckets the mean stands for all of them.

    Args:
        grown: with at least one observation. If the sum is not known, the middles make it up.
    """
    filled = list(_filled(grown))
    middles = sum(n * _middle(low, high) for low, high, n in filled)
    total = _finite(middles if grown.sum is None else grown.sum)
    mean = total / grown.count
    if not filled:
        filled = [(mean, mean, grown.count)]
    return {
        "count": grown.count,
        "total": total,
        "min": min(filled[0][0], mean),
        "max": max(filled[-1][1], mean),
        "sum_of_squares": _finite(
            sum(n * _middle(low, high) * _middle(low, high) for low, high, n in filled)
        ),
    }


def _middle(low: float, high: float) -> float:
    """Return the middle of two bounds, whose sum may be too large for a number."""
    return low / 2 + high / 2


def _finite(number: float) -> float:
    return max(-_LARGEST, min(number, _LARGEST))


def _filled(value: HistogramValue) -> Iterator[tuple[float, float, int]]:
    """Yield lower bound, upper bound and number of observations of the buckets that have some."""
    before, low = 0, None
    for upper, cumulative in zip(value.bounds, value.counts, strict=True):
        if cumulative > before:
            yield (min(0.0, upper) if low is None else low), upper, cumulative - before
        before, low = cumulative, upper
    if value.count > before and low is not None:  # beyond the last bound
        yield low, low, value.count - before
