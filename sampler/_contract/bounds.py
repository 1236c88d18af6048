"""The upper bounds of exponential histograms (PEP: Values).

Eight buckets for each power of two, from 2**-30 to 2**40 in the metric's unit: in seconds from a
nanosecond to 35 000 years, in bytes up to a tebibyte. Values of 0 have a bucket of their own. Each
bound is also a bound of every finer scale, to the bit, and each eighth one is a power of two.
``bisect_left(bounds, value)`` finds a value's bucket.
"""

from __future__ import annotations

try:  # bisect without its file: an import has a budget
    from _bisect import bisect_left, bisect_right
except ImportError:  # PyPy has nothing but the file
    from bisect import bisect_left, bisect_right

__all__ = (
    "HIGHEST",
    "LOWEST",
    "RELATIVE_ERROR",
    "SCALE",
    "UPPERS",
    "bisect_left",
    "bisect_right",
)

SCALE = 3
"""Buckets for each power of two: 2 ** SCALE."""
LOWEST, HIGHEST = -30, 40
"""Powers of two between which buckets lie."""
UPPERS: tuple[float, ...] = (
    0.0,
    *(2.0 ** (i / 2**SCALE) for i in range(LOWEST * 2**SCALE, HIGHEST * 2**SCALE + 1)),
)
"""Inclusive upper bounds, rising."""
RELATIVE_ERROR = 2.0 ** (1 / 2**SCALE) - 1
"""The largest relative error of a quantile: 9.1 %."""
