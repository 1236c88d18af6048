"""Requests: time series of whole entries, compressed; and taken apart again.

A receiver refuses a request as a whole, so the agent asks for its halves. What is sent is Snappy's
block format, so a batch has in its note how many time series each entry has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cramjam import snappy

from sampler.adapterkit.protobuf import fields, message, varints
from sampler.agent import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SHAPE, _MARKERS, _LATEST, _SYMBOLS = "shape", "markers", "latest", "symbols"
SYMBOLS = 4
"""The field of the texts of a request of version 2.0."""
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
        grow(self._shape, entries, series)

    def _full(self) -> Batch:
        markers = self.markers if any(series for _, series in self._shape) else []
        size, count = 0, 0
        while count < len(markers) and size < _MARKER_SHARE * self._limit:
            size += len(markers[count])
            count += 1
        taken, self.markers = markers[:count], self.markers[count:]
        note = note_of(self._shape, self._latest, count, new=False)
        batch = batch_of([*self._parts, *taken], note, self._refused)
        self._parts, self._size, self._shape, self._refused = [], 0, [], {}
        return batch


def markers_of(batch: Batch) -> int:
    """Return how many markers a batch has."""
    return int(batch.note.get(_MARKERS, 0))


def latest_of(batch: Batch) -> float:
    """Return the time of the latest of its samples, in epoch seconds."""
    return float(batch.note[_LATEST])


def is_new(batch: Batch) -> bool:
    """Tell whether a batch is of version 2.0."""
    return bool(batch.note.get(_SYMBOLS))


def without_markers(batch: Batch) -> Batch:
    """Return a batch without its markers."""
    return _part(batch, *_read(batch), 0, batch.samples)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Return the halves of a batch of at least two entries, without markers."""
    symbols, series = _read(batch)
    middle = batch.samples // 2
    return (
        _part(batch, symbols, series, 0, middle),
        _part(batch, symbols, series, middle, batch.samples),
    )


def downgraded(batch: Batch) -> Batch:
    """Return a batch of version 2.0 as one of 1.0: without metadata and starts."""
    symbols, series = _read(batch)
    texts = [text_of(field.value) for field in fields(b"".join(symbols))]
    parts = [_downgraded(raw, texts) for raw in series]
    note = {key: value for key, value in batch.note.items() if key != _SYMBOLS}
    return batch_of(parts, note, batch.refused)


def text_of(value: int | bytes) -> bytes:
    """Return the bytes of a field that is a text, a message or a packed list."""
    if not isinstance(value, bytes):
        raise ValueError("a number where a text is expected")  # noqa: TRY004 - of what was read
    return value


def _downgraded(raw: bytes, texts: list[bytes]) -> bytes:
    (whole,) = fields(raw)
    found: list[bytes] = []
    for field in fields(text_of(whole.value)):
        if field.number == 1:
            refs = varints(text_of(field.value))
            pairs = zip(refs[::2], refs[1::2], strict=True)
            found += [message(1, message(1, texts[k]) + message(2, texts[v])) for k, v in pairs]
        elif field.number == 2:
            found.append(field.raw)
        elif field.number == 3:
            found.append(message(4, text_of(field.value)))
    return message(1, b"".join(found))


def _read(batch: Batch) -> tuple[list[bytes], list[bytes]]:
    """Return the symbols of a batch, of version 2.0, and its time series."""
    data = b"".join(batch.frames)
    every = list(fields(bytes(snappy.decompress_raw(data)))) if data else []
    symbols = [field.raw for field in every if field.number == SYMBOLS]
    return symbols, [field.raw for field in every if field.number != SYMBOLS]


def _part(batch: Batch, symbols: list[bytes], series: list[bytes], first: int, last: int) -> Batch:
    """Return a batch of some of the entries; the first has those that are refused, too."""
    counts = [count for entries, count in batch.note[_SHAPE] for _ in range(entries)]
    begin = sum(counts[:first])
    wanted = counts[first:last]
    shape: list[list[int]] = []
    for count in wanted:
        grow(shape, 1, count)
    parts = series[begin : begin + sum(wanted)]
    note = {**batch.note, _SHAPE: shape}
    note.pop(_MARKERS, None)
    return batch_of([*symbols, *parts] if parts else [], note, {} if first else batch.refused)


def grow(shape: list[list[int]], entries: int, series: int) -> None:
    """Count entries of so many time series each."""
    if shape and shape[-1][1] == series:
        shape[-1][0] += entries
    elif entries:
        shape.append([entries, series])


def note_of(shape: list[list[int]], latest: float, markers: int, *, new: bool) -> dict[str, Any]:
    """Return the note of a batch.

    Args:
        shape: how many entries have how many time series each.
        latest: when the latest of them was read, in epoch seconds.
        markers: time series that are no entries, at the end.
        new: it is of version 2.0.
    """
    note: dict[str, Any] = {_SHAPE: shape, _LATEST: latest}
    if markers:
        note[_MARKERS] = markers
    if new:
        note[_SYMBOLS] = True
    return note


def batch_of(parts: Iterable[bytes], note: dict[str, Any], refused: Mapping[str, int]) -> Batch:
    """Return a batch of the fields of a request."""
    data = b"".join(parts)
    samples = sum(entries for entries, _ in note[_SHAPE])
    return Batch((compressed(data),) if data else (), samples, refused, note)
