"""The bounds at which backends get exponential histograms.

A backend adds up buckets of many processes by their bound, so every process writes the same ones,
whatever was observed: a bucket that only some have would make the sums wrong. All of them are
bounds of every exponential histogram of scale 0 or finer, to the bit, so nothing is estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler._contract.histogram import HistogramValue
    from sampler._contract.snapshot import Series

SECONDS: tuple[float, ...] = tuple(2.0**i for i in range(-13, 8))
"""Of histograms in ``s``: powers of two, from 0.12 ms to 128 s."""
OTHERS: tuple[float, ...] = tuple(4.0**i for i in range(-5, 16))
"""Of all others: powers of four, from 2**-10 to 2**30."""


def at_shared_bounds(value: HistogramValue, series: Series) -> HistogramValue:
    """Return an exponential histogram at the bounds that all processes share.

    One with bounds of its author's choice is returned as it is.
    """
    if value.scale is None:
        return value
    return value.resampled(SECONDS if series.unit == "s" else OTHERS)
