"""The bucket bounds that all processes share when they write exponential histograms.

A backend adds the buckets of many processes up, bound by bound. So every process must write the
same bounds, whatever it observed: a bucket that only some processes write would make the sums
wrong. Each bound here is exactly a bound of every exponential histogram of scale 0 or finer, so
no count is estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import HistogramValue, Series

__all__ = ["OTHERS", "SECONDS", "at_shared_bounds"]

SECONDS: tuple[float, ...] = tuple(2.0**i for i in range(-13, 8))
"""For histograms in ``s``: powers of two, from 0.12 ms to 128 s."""
OTHERS: tuple[float, ...] = tuple(4.0**i for i in range(-5, 16))
"""For all others: powers of four, from 2**-10 to 2**30."""


def at_shared_bounds(value: HistogramValue, series: Series) -> HistogramValue:
    """Return an exponential histogram with the shared bounds.

    A histogram whose author chose its bounds is returned as it is.
    """
    if value.scale is None:
        return value
    return value.resampled(SECONDS if series.unit == "s" else OTHERS)
