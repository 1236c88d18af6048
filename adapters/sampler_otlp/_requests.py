"""Requests to export metrics: bounded, and taken apart again where a receiver refuses one."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from sampler.adapterkit.http import compressed
from sampler.adapterkit.protobuf import fields, message
from sampler.agent import Batch
from sampler_otlp._points import POINTS, finished_metric, metric_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler.agent import Metric

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_MARKERS = "markers"
_FRAMING = 32
"""Bytes of a request beside its resource and its metrics, at most."""


class Requests:
    """The requests of one snapshot.

    Args:
        resource: who measures, as a field. There is no scope: stores make labels of it.
        limit: most bytes of the metrics of a request, before it is compressed.
        gzip: compress requests.
        markers: metrics of points which say that series have ended; they are no entries.
    """

    def __init__(self, resource: bytes, limit: int, markers: list[bytes], *, gzip: bool) -> None:
        self._resource = resource
        self._limit = limit - len(resource) - _FRAMING
        self._gzip = gzip
        self._markers = markers
        self._metrics: list[bytes] = []
        self._size = self._samples = 0
        self._refused: dict[str, int] = {}

    def refuse(self, reason: str) -> None:
        """Count an entry that the format cannot carry; ``""``: there is no such entry."""
        if reason:
            self._refused[reason] = self._refused.get(reason, 0) + 1

    def add(
        self, metric: Metric, sort: int, points: Sequence[bytes], end: bytes
    ) -> Iterator[Batch]:
        """Add entries of a metric, and yield the requests that are full.

        Args:
            metric: theirs.
            sort: that of their points.
            points: each up to its time.
            end: the time.
        """
        data = metric_of(metric, sort, end.join([*points, b""]))
        if self._size and self._size + len(data) > self._limit:
            yield self._full()
        if len(data) <= self._limit:
            self._metrics.append(data)
            self._size += len(data)
            self._samples += len(points)
        elif len(points) == 1:
            self.refuse("too_long")
        else:
            middle = len(points) // 2
            for half in (points[:middle], points[middle:]):
                yield from self.add(metric, sort, half, end)

    def rest(self) -> Iterator[Batch]:
        """Yield the last request, if there is anything in it."""
        if self._samples or self._refused:
            yield self._full()

    def _full(self) -> Batch:
        room, count = self._limit - self._size if self._samples else 0, 0
        while count < len(self._markers) and (room := room - len(self._markers[count])) >= 0:
            count += 1
        markers, self._markers = self._markers[:count], self._markers[count:]
        note = {_MARKERS: len(markers)} if markers else None
        data = _request(self._resource, [*self._metrics, *markers]) if self._metrics else b""
        frames = (compressed(data) if self._gzip else data,) if data else ()
        batch = Batch(frames, self._samples, self._refused, note)
        self._metrics, self._size, self._samples, self._refused = [], 0, 0, {}
        return batch


class _Point(NamedTuple):
    """A point of a request, and what its metric has beside its points."""

    head: bytes
    sort: int
    more: bytes
    raw: bytes


def has_markers(batch: Batch) -> bool:
    """Tell whether a batch has points that are no entries."""
    return bool(batch.note)


def without_markers(batch: Batch, *, gzip: bool) -> Batch:
    """Return a batch without the points that are no entries."""
    resource, points = _read(batch)
    data = _written(resource, points[: batch.samples], gzip=gzip)
    return Batch((data,), batch.samples, batch.refused)


def halves(batch: Batch, *, gzip: bool) -> tuple[Batch, Batch]:
    """Return the halves of a batch of at least two entries, without markers."""
    resource, points = _read(batch)
    middle = batch.samples // 2
    first, second = points[:middle], points[middle : batch.samples]
    return (
        Batch((_written(resource, first, gzip=gzip),), middle, batch.refused),
        Batch((_written(resource, second, gzip=gzip),), batch.samples - middle),
    )


def rejected(reply: bytes) -> tuple[int, str]:
    """Return how many points a receiver says that it has refused, and why.

    Args:
        reply: the beginning of what it answers: the reason, which comes last, may be cut.

    Raises:
        ValueError: it is no such message.
    """
    for part in fields(reply, cut=True):
        if part.number == 1:
            values = {each.number: each.value for each in fields(_bytes(part), cut=True)}
            count, why = values.get(1, 0), values.get(2, b"")
            if not isinstance(count, int) or not isinstance(why, bytes):
                raise ValueError("a number and a text are expected")
            return count, why.decode("utf-8", "replace")
    return 0, ""


def is_compressed(data: bytes) -> bool:
    """Tell whether a request is compressed, as one from a spool may be; no message begins so."""
    return data[:2] == _MAGIC


def uncompressed(data: bytes) -> bytes:
    """Return a request as it was before it was compressed, if it was."""
    return zlib.decompress(data, _GZIP) if is_compressed(data) else data


def _read(batch: Batch) -> tuple[bytes, list[_Point]]:
    data = uncompressed(b"".join(batch.frames))
    (whole,) = fields(data)
    resource = b""
    points: list[_Point] = []
    for part in fields(_bytes(whole)):
        if part.number == 1:
            resource = part.raw
            continue
        for metric in fields(_bytes(part)):
            points += _points(_bytes(metric))
    return resource, points


def _points(metric: bytes) -> Iterator[_Point]:
    *described, data = fields(metric)
    head = b"".join(each.raw for each in described)
    parts = list(fields(_bytes(data)))
    more = b"".join(each.raw for each in parts if each.number != POINTS)
    for each in parts:
        if each.number == POINTS:
            yield _Point(head, data.number, more, each.raw)


def _written(resource: bytes, points: Iterable[_Point], *, gzip: bool) -> bytes:
    groups: list[tuple[_Point, list[bytes]]] = []
    for point in points:
        if groups and groups[-1][0][:3] == point[:3]:
            groups[-1][1].append(point.raw)
        else:
            groups.append((point, [point.raw]))
    metrics = [
        finished_metric(first.head, first.sort, first.more, b"".join(raw)) for first, raw in groups
    ]
    data = _request(resource, metrics)
    return compressed(data) if gzip else data


def _request(resource: bytes, metrics: Iterable[bytes]) -> bytes:
    return message(1, resource + message(2, b"".join(metrics)))


def _bytes(field: Any) -> bytes:
    if not isinstance(field.value, bytes):
        raise ValueError(f"field {field.number} is no message")  # noqa: TRY004 - of what was read
    return field.value
