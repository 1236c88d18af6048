"""Native histograms: one sample with all buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.adapterkit.exponential import exponential
from sampler.adapterkit.protobuf import (
    double,
    fixed64,
    integer,
    message,
    packed_doubles,
    packed_varints,
    tag,
    varint,
    zigzag,
)
from sampler_remote_write._series import HISTOGRAMS, SERIES, STALE, TIME_WIDTH

if TYPE_CHECKING:
    from sampler.adapterkit.exponential import Exponential
    from sampler.agent import HistogramValue

_CUSTOM_BOUNDS = -53
_FINEST, _COARSEST = 8, -4


def exponential_of(value: HistogramValue) -> Exponential | None:
    """Return a histogram by bucket index; None if it cannot be written so."""
    found = exponential(value)
    return found if found is not None and _COARSEST <= found.scale <= _FINEST else None


def native(value: HistogramValue) -> bytes:
    """Return a histogram as a message without its time, with all that it has.

    One with bounds of its own is written with these.
    """
    found = exponential_of(value)
    begin = integer(1, value.count) + double(3, value.sum or 0.0)
    if found is not None:
        return (
            begin
            + integer(4, zigzag(found.scale))
            + double(5, found.zero_threshold)
            + integer(6, found.zero_count)
            + _spans(found.buckets)
        )
    below, buckets = 0, []
    for index, at in enumerate((*value.counts, value.count)):
        if at > below:
            buckets.append((index, at - below))
        below = at
    custom = packed_doubles(16, value.bounds)
    return begin + integer(4, zigzag(_CUSTOM_BOUNDS)) + _spans(tuple(buckets)) + custom


def native_series(labels: bytes, value: HistogramValue) -> bytes:
    """Return a time series of one histogram, up to its time."""
    return _series(labels, native(value))


def ended_histogram(labels: bytes) -> bytes:
    """Return the time series that says that a histogram has ended, up to its time."""
    return _series(labels, integer(1, 0) + fixed64(3, STALE))


def histogram_end(moment: int) -> bytes:
    """Return what follows a histogram."""
    return tag(15, 0) + varint(moment, TIME_WIDTH)


def _series(labels: bytes, histogram: bytes) -> bytes:
    size = 1 + TIME_WIDTH
    begin = labels + tag(HISTOGRAMS, 2) + varint(len(histogram) + size) + histogram
    return tag(SERIES, 2) + varint(len(begin) + size) + begin


def _spans(buckets: tuple[tuple[int, int], ...]) -> bytes:
    """Return buckets as runs of neighbours, and how much each count differs from the last."""
    spans: list[list[int]] = []
    deltas: list[int] = []
    end = before = 0
    for index, count in buckets:
        if spans and index == end:
            spans[-1][1] += 1
        else:
            spans.append([index - end, 1])
        end = index + 1
        deltas.append(zigzag(count - before))
        before = count
    written = [message(11, integer(1, zigzag(gap)) + integer(2, length)) for gap, length in spans]
    return b"".join(written) + packed_varints(12, deltas)
