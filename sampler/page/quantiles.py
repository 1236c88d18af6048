"""Quantiles of a histogram's increase."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sampler.agent import difference

if TYPE_CHECKING:
    from sampler.agent import HistogramValue

QUANTILES = (0.5, 0.95, 0.99)
NAMES = ("p50", "p95", "p99")


def increase(value: HistogramValue, before: HistogramValue) -> HistogramValue | None:
    """Return what came between two values; None where nothing has, or that is not known."""
    if value.count <= before.count:
        return value if 0 < value.count < before.count else None
    return difference(value, before)


def quantiles(risen: HistogramValue) -> tuple[float, ...]:
    """Return the quantiles :data:`QUANTILES`, each within its bucket as if evenly spread.

    One beyond the last bound is that bound: more is not known. NaN where there are no buckets.
    """
    pairs = risen.buckets
    if not pairs or not risen.count:
        return (math.nan,) * len(QUANTILES)
    return tuple(_quantile(risen.count * each, pairs) for each in QUANTILES)


def _quantile(rank: float, pairs: tuple[tuple[float, int], ...]) -> float:
    low, below = min(0.0, pairs[0][0]), 0
    for upper, count in pairs:
        if count >= rank and count > below:
            return low + (upper - low) * (rank - below) / (count - below)
        low, below = upper, count
    return pairs[-1][0]
