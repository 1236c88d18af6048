"""Exponential histograms by bucket index, as OpenTelemetry and Prometheus write them.

A histogram that follows a scale has both edges of each bucket that is not empty, and each edge is
exactly ``2.0 ** (index / 2 ** scale)``. So its buckets can be numbered, and nothing is estimated.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sampler.agent import HistogramValue

__all__ = ["Exponential", "exponential"]

_LARGEST = 1 << 20
"""Of an index: floats have fewer buckets than that at scale 8, and finer ones are not needed."""


class Exponential(NamedTuple):
    """A histogram's buckets.

    Attributes:
        scale: each power of two has ``2 ** scale`` buckets.
        zero_threshold: values up to it are in the zero bucket.
        zero_count: how many there are.
        buckets: ``(index, count)`` of those that are not empty, rising; bucket ``index`` has the
            values above ``base ** (index - 1)`` up to ``base ** index``.
    """

    scale: int
    zero_threshold: float
    zero_count: int
    buckets: tuple[tuple[int, int], ...]


def exponential(value: HistogramValue) -> Exponential | None:
    """Return a histogram by bucket index.

    Returns:
        None where that would lose something: it has no scale, values below zero or above its
        last bound, or a bound that is none of the scale's.
    """
    scale = value.scale
    if scale is None:
        return None
    below, zero_count = 0, 0
    threshold = value.zero_threshold or 0.0
    edge: int | None = None
    buckets: list[tuple[int, int]] = []
    for upper, at in zip(value.bounds, value.counts, strict=True):
        count, below = at - below, at
        if upper < 0 and count:
            return None
        if upper <= threshold:
            zero_count += count
            continue
        index = _index(upper, scale)
        if index is None:
            return None
        if count and edge != index - 1:
            if edge is not None or buckets:
                return None  # it is not known in which buckets these are
            zero_count, threshold = zero_count + count, upper
        elif count:
            buckets.append((index, count))
        edge = index
    if below != value.count:
        return None
    return Exponential(scale, threshold, zero_count, tuple(buckets))


def _index(bound: float, scale: int) -> int | None:
    """Return which bound of the scale this is, or None."""
    index = round(log2(bound) * 2.0**scale)
    if abs(index) > _LARGEST:
        return None
    return index if 2.0 ** (index / 2.0**scale) == bound else None
