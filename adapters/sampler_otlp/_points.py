"""Data points as bytes: what is the same in each pull is made once for each series.

A data point ends with its time, which many have in common, so it is kept without.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.exponential import exponential
from sampler.adapterkit.protobuf import (
    double,
    fixed64,
    integer,
    message,
    packed_doubles,
    packed_fixed64,
    packed_varints,
    tag,
    text,
    varint,
    zigzag,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.adapterkit.exponential import Exponential
    from sampler.agent import HistogramValue, Metric, Series

GAUGE, SUM, HISTOGRAM, EXPONENTIAL = 5, 7, 9, 10
"""Fields of a metric: the sort of its points."""
POINTS = 1
"""The field of the points, in each sort."""
_CUMULATIVE = integer(2, 2)
_SORTS: Mapping[int, bytes] = {
    GAUGE: b"",
    SUM: _CUMULATIVE,
    HISTOGRAM: _CUMULATIVE,
    EXPONENTIAL: _CUMULATIVE,
}
_ATTRIBUTES: Mapping[int, int] = {GAUGE: 7, SUM: 7, HISTOGRAM: 9, EXPONENTIAL: 1}
"""The field of the attributes of a point."""
_FLAGS: Mapping[int, int] = {GAUGE: 8, SUM: 8, HISTOGRAM: 10, EXPONENTIAL: 10}
_END = 9
"""Bytes of a point's time."""
_DOUBLE, _INT = tag(4, 1), tag(6, 1)
_NUMBER = 9
"""Bytes of a number, with its tag."""
_BEFORE_TIME = tag(3, 1)
_NO_VALUE = 1
_FURTHEST = 4096
"""Buckets between the first and the last one, at most: those between are written, too."""


@attrs.frozen(eq=False)
class Point:
    """What the points of a series begin with.

    Attributes:
        key: its name and labels, which stay after a reset.
        head: of a number: the point up to its value.
        labels: attributes as the field of an attribute is numbered in each sort.
        start: the field of the start, or nothing.
    """

    key: tuple[str, ...]
    head: bytes
    labels: tuple[bytes, ...]
    start: bytes

    def attributes(self, sort: int) -> bytes:
        """Return the attributes of a point of this sort."""
        return b"".join(message(_ATTRIBUTES[sort], each) for each in self.labels)


def rendered(series: Series) -> Point:
    """Return what the points of a series begin with."""
    labels = tuple(attribute(name, value) for name, value in series.labels.items())
    start = b""
    if series.cumulative and series.start is not None:
        start = fixed64(2, nanoseconds(series.start))
    body = b"".join(message(_ATTRIBUTES[SUM], each) for each in labels) + start
    head = tag(POINTS, 2) + varint(len(body) + _NUMBER + _END) + body
    key = (series.name, *(part for pair in series.labels.items() for part in pair))
    return Point(key, head, labels, start)


def attribute(name: str, value: str) -> bytes:
    """Return an attribute of a text, without the tag and the length of its field."""
    return text(1, name) + message(2, text(1, value))


def numbers(points: Sequence[Point], values: Sequence[Any]) -> list[bytes]:
    """Return the points of numbers up to their time; integers stay integers."""
    kinds = set(map(type, values))
    if kinds == {float}:
        packed, before = struct.pack(f"<{len(values)}d", *values), _DOUBLE
    elif kinds == {int}:
        packed, before = struct.pack(f"<{len(values)}q", *values), _INT
    else:
        return [
            point.head
            + (_INT + struct.pack("<q", v) if type(v) is int else _DOUBLE + struct.pack("<d", v))
            for point, v in zip(points, values, strict=True)
        ]
    pairs = zip(points, range(0, len(packed), 8), strict=True)
    return [point.head + before + packed[at : at + 8] for point, at in pairs]


def histogram(point: Point, value: HistogramValue) -> bytes:
    """Return the point of a histogram with explicit bounds up to its time."""
    counts = (0, *value.counts, value.count)
    buckets = packed_fixed64(6, (after - before for before, after in pairwise(counts)))
    # One without bounds has one bucket: receivers drop what has none, such as VictoriaMetrics.
    body = _totals(point, HISTOGRAM, value) + buckets
    if value.bounds:
        body += packed_doubles(7, value.bounds)
    return _unfinished(body)


def exponential_of(value: HistogramValue) -> Exponential | None:
    """Return a histogram by bucket index; None if it cannot be written so."""
    found = exponential(value)
    if found is None or not found.buckets:
        return found
    return found if found.buckets[-1][0] - found.buckets[0][0] <= _FURTHEST else None


def exponential_histogram(point: Point, value: HistogramValue) -> bytes | None:
    """Return the point of an exponential histogram up to its time; None if it is none."""
    found = exponential_of(value)
    if found is None:
        return None
    body = (
        _totals(point, EXPONENTIAL, value)
        + integer(6, zigzag(found.scale))
        + fixed64(7, found.zero_count)
        + double(14, found.zero_threshold)
    )
    if found.buckets:
        first, last = found.buckets[0][0], found.buckets[-1][0]
        counts = dict(found.buckets)
        dense = packed_varints(2, (counts.get(index, 0) for index in range(first, last + 1)))
        # Here a bucket has the number of its lower edge.
        body += message(8, integer(1, zigzag(first - 1)) + dense)
    return _unfinished(body)


def ended(point: Point, sort: int) -> bytes:
    """Return the point that says that a series has no value any more, up to its time."""
    return _unfinished(point.attributes(sort) + point.start + integer(_FLAGS[sort], _NO_VALUE))


def point_end(time: float) -> bytes:
    """Return what a point ends with: its time, in epoch seconds."""
    return _BEFORE_TIME + nanoseconds(time).to_bytes(8, "little")


def sort_of(metric: Metric) -> int:
    """Return of which sort the numbers of a metric are."""
    return SUM if metric.kind == "counter" or metric.merge == "sum" else GAUGE


def metric_of(metric: Metric, sort: int, points: bytes) -> bytes:
    """Return a metric of a scope, with points of one sort."""
    return finished_metric(
        described(metric), sort, _SORTS[sort] + _monotonic(metric, sort), points
    )


def finished_metric(head: bytes, sort: int, more: bytes, points: bytes) -> bytes:
    """Return a metric of a scope: its name and more, and its points with what they share."""
    return message(2, head + message(sort, points + more))


def described(metric: Metric) -> bytes:
    """Return the name, the description and the unit of a metric."""
    help_ = text(2, metric.help) if metric.help else b""
    return text(1, metric.name) + help_ + (text(3, metric.unit) if metric.unit else b"")


def nanoseconds(time: float) -> int:
    """Return a moment as a number that fits its field."""
    return max(0, int(time * 1e6)) * 1000


def _monotonic(metric: Metric, sort: int) -> bytes:
    return integer(3, 1) if sort == SUM and metric.kind == "counter" else b""


def _totals(point: Point, sort: int, value: HistogramValue) -> bytes:
    total = b"" if value.sum is None else double(5, value.sum)
    return point.attributes(sort) + point.start + fixed64(4, value.count) + total


def _unfinished(body: bytes) -> bytes:
    return tag(POINTS, 2) + varint(len(body) + _END) + body
