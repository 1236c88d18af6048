"""Requests: time series of whole entries, compressed; and taken apart again.

A receiver refuses a request as a whole, so the agent asks for its halves. What is sent is Snappy's
block format, so a batch has in its note how many time series each entry has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cramjam import snappy

from sampler.adapterkit.protobuf import fields
from sampler.agent import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SHAPE, _MARKERS, _LATEST = "shape", "markers", "latest"
_MARKER_SHARE = 4
"""Limits that the markers of one request may take: they compress well."""


def compressed(data: bytes) -> bytes:
    """Return a request as it is sent."""
    return bytes(snappy.compress_raw(data))


class Requests:
    """The requests of one snapshot.

    Args:
        limit: most bytes of the entries of a request, before it is compressed.
        markers: time series that say which series have ended; they are no entries.
    """

    def __init__(self, limit: int, markers: list[bytes]) -> None:
        self._limit = limit
        self.markers: list[bytes] = markers
        """Those that no request has yet."""
        self._latest = 0.0
        self._parts: list[bytes] = []
        self._size = 0
        self._shape: list[list[int]] = []
        self._refused: dict[str, int] = {}

    def skip(self, entries: int) -> None:
        """Count entries that need no bytes."""
        self._grow(entries, 0)

    def refuse(self, reason: str) -> None:
        """Count an entry that the format cannot carry; ``""``: there is no such entry."""
        if reason:
            self._refused[reason] = self._refused.get(reason, 0) + 1

    def at(self, time: float) -> None:
        """Say when the entries were read that follow, in epoch seconds."""
        self._latest = max(self._latest, time)

    def add(self, entries: Sequence[Sequence[bytes]], end: bytes) -> Iterator[Batch]:
        """Add entries, and yield the requests that are full.

        Args:
            entries: of each its time series up to ``end``.
            end: what each time series ends with.
        """
        parts = [part for entry in entries for part in entry]
        yield from self._add(entries, parts, end)

    def add_single(self, entries: Sequence[bytes], end: bytes) -> Iterator[Batch]:
        """Add entries of one time series each; empty ones are none."""
        found = [entry for entry in entries if entry] if b"" in entries else entries
        yield from self._add(found, found, end)

    def rest(self) -> Iterator[Batch]:
        """Yield the last request, if there is anything in it."""
        if self._shape or self._refused:
            yield self._full()

    def _add(self, entries: Sequence[Any], parts: Sequence[bytes], end: bytes) -> Iterator[Batch]:
        data = end.join([*parts, b""])
        if self._size and self._size + len(data) > self._limit:
            yield self._full()
        if len(data) <= self._limit:
            self._parts.append(data)
            self._size += len(data)
            if parts is entries:
                self._grow(len(entries), 1)
            else:
                for entry in entries:
                    self._grow(1, len(entry))
        elif len(entries) == 1:
            self.refuse("too_long")
        else:
            middle = len(entries) // 2
            for half in (entries[:middle], entries[middle:]):
                yield from (self.add_single if parts is entries else self.add)(half, end)

    def _grow(self, entries: int, series: int) -> None:
        if self._shape and self._shape[-1][1] == series:
            self._shape[-1][0] += entries
        elif entries:
            self._shape.append([entries, series])

    def _full(self) -> Batch:
        markers = self.markers if any(series for _, series in self._shape) else []
        size, count = 0, 0
        while count < len(markers) and size < _MARKER_SHARE * self._limit:
            size += len(markers[count])
            count += 1
        taken, self.markers = markers[:count], self.markers[count:]
        note: dict[str, Any] = {_SHAPE: self._shape, _LATEST: self._latest}
        if count:
            note[_MARKERS] = count
        batch = _batch([*self._parts, *taken], note, self._refused)
        self._parts, self._size, self._shape, self._refused = [], 0, [], {}
        return batch


def markers_of(batch: Batch) -> int:
    """Return how many markers a batch has."""
    return int(batch.note.get(_MARKERS, 0))


def latest_of(batch: Batch) -> float:
    """Return the time of the latest of its samples, in epoch seconds."""
    return float(batch.note[_LATEST])


def without_markers(batch: Batch) -> Batch:
    """Return a batch without its markers."""
    return _part(batch, _series(batch), 0, batch.samples)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Return the halves of a batch of at least two entries, without markers."""
    series, middle = _series(batch), batch.samples // 2
    return (
        _part(batch, series, 0, middle),
        _part(batch, series, middle, batch.samples),
    )


def _series(batch: Batch) -> list[bytes]:
    data = b"".join(batch.frames)
    return [field.raw for field in fields(bytes(snappy.decompress_raw(data)))] if data else []


def _part(batch: Batch, series: list[bytes], first: int, last: int) -> Batch:
    """Return a batch of some of the entries; the first has those that are refused, too."""
    counts = [count for entries, count in batch.note[_SHAPE] for _ in range(entries)]
    begin = sum(counts[:first])
    wanted = counts[first:last]
    shape: list[list[int]] = []
    for count in wanted:
        if shape and shape[-1][1] == count:
            shape[-1][0] += 1
        else:
            shape.append([1, count])
    parts = series[begin : begin + sum(wanted)]
    note = {_SHAPE: shape, _LATEST: batch.note[_LATEST]}
    return _batch(parts, note, {} if first else batch.refused)


def _batch(parts: Iterable[bytes], note: dict[str, Any], refused: Mapping[str, int]) -> Batch:
    data = b"".join(parts)
    samples = sum(entries for entries, _ in note[_SHAPE])
    return Batch((compressed(data),) if data else (), samples, refused, note)
