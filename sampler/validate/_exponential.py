"""The bounds of exponential histograms (S-22)."""

from __future__ import annotations

from math import ldexp, log2
from types import MappingProxyType
from typing import TYPE_CHECKING

from sampler._contract.declaration import short

if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.histogram import HistogramValue


def bounds_fault(value: HistogramValue) -> str:
    """Return what is wrong with the bounds of a histogram that has a ``scale``, or nothing.

    A bucket may begin at the bound of the zeros: nearer ones may be too small for its author.
    Above the last bound lies what is too large.
    """
    scale = value.scale
    if scale is None:
        return ""
    zeros = {0.0, value.zero_threshold or 0.0}
    lower: float | None = None
    below = 0
    for bound, count in value.buckets:
        if bound not in zeros and not _on_scale(bound, scale):
            return f"the bound {bound!r} is not 2.0 ** (i / 2 ** {scale}) for an integer i"
        if count > below and bound not in zeros and lower not in zeros:
            edge = _bound(_index(bound, scale) - 1, scale)
            if lower != edge:
                return f"the bucket up to {bound!r} is filled and its lower edge {edge!r} missing"
        lower, below = bound, count
    return ""


def scale_fault(value: Any) -> str:
    """Return what is wrong with the ``scale`` of a histogram as it was yielded, or nothing.

    Consumers do not read one that is no integer: the bounds are then any bounds.
    """
    scale = value.get("scale") if isinstance(value, MappingProxyType) else None  # a copy is one
    return "" if scale is None or type(scale) is int else f"'scale' is {short(scale)}"


def _on_scale(bound: float, scale: int) -> bool:
    if bound <= 0:
        return False
    try:
        return _bound(_index(bound, scale), scale) == bound
    except OverflowError:  # the scale is far beyond what floats can tell apart
        return False


def _index(bound: float, scale: int) -> int:
    return round(ldexp(log2(bound), scale))


def _bound(index: int, scale: int) -> float:
    return float(2.0 ** ldexp(index, -scale))
