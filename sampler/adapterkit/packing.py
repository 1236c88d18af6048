"""Packs the bytes of whole entries into batches, and counts the entries of each."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from sampler.agent import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Packing", "interleaved"]


class Packing:
    """The batches of one snapshot.

    Args:
        limit: most bytes of a batch.
        trim: bytes to leave out at the end of a batch, as a line feed that only separates.
        joined: a batch is one frame; otherwise what is added at once is one.
    """

    def __init__(self, limit: int, trim: int = 0, *, joined: bool = True) -> None:
        self._limit = limit + trim
        self._trim = trim
        self._joined = joined
        self._parts: list[bytes] = []
        self._size = self._samples = 0
        self._refused: dict[str, int] = {}

    def count(self, samples: int) -> None:
        """Count entries that need no bytes."""
        self._samples += samples

    def add(
        self,
        data: bytes,
        entries: int,
        missing: Sequence[tuple[int, str]] = (),
        sizes: Iterable[int] | None = None,
        *,
        lines: bool = False,
    ) -> Iterator[Batch]:
        """Add entries, and yield the batches that are full.

        Args:
            data: their bytes.
            entries: how many there are.
            missing: places of those that have no bytes and are no samples, rising, each with the
                reason, or "" if there is no such entry.
            sizes: the number of bytes of each, read only if needed; default: they are not to be
                separated.
            lines: each is one line, which is found faster than its size.
        """
        if self._size + len(data) <= self._limit:
            self._take(data, 0, entries, missing)
        elif lines:
            yield from self._cut_lines(data, entries)
        elif sizes is not None:
            yield from self._cut(data, list(accumulate(sizes)), missing)
        else:
            if self._size:
                yield self._full()
            self._take(data, 0, entries, missing)

    def rest(self) -> Iterator[Batch]:
        """Yield the last batch, if there is anything in it."""
        if self._samples or self._refused:
            yield self._full()

    def _cut(
        self, data: bytes, ends: list[int], missing: Sequence[tuple[int, str]]
    ) -> Iterator[Batch]:
        """Add entries that end at these places of ``data``."""
        first = start = 0
        while (until := start + self._limit - self._size) < len(data):
            last = bisect_right(ends, until, first)
            if last == first and not self._size:
                last += 1  # longer than a batch: nobody can help it
            if last > first:
                self._take(data[start : ends[last - 1]], first, last, missing)
                first, start = last, ends[last - 1]
            yield self._full()
        self._take(data[start:], first, len(ends), missing)

    def _cut_lines(self, data: bytes, entries: int) -> Iterator[Batch]:
        """Add entries of one line each: their ends are found faster than sizes are added up."""
        start = 0
        while (until := start + self._limit - self._size) < len(data):
            end = data.rfind(b"\n", start, until) + 1 or start
            if end == start and not self._size:
                end = data.index(b"\n", start) + 1  # longer than a batch: nobody can help it
            lines = data.count(b"\n", start, end)
            entries -= lines
            if self._size or self._samples or self._refused:
                self._take(data[start:end], 0, lines, ())
                yield self._full()
            else:
                yield Batch((data[start : end - self._trim],), lines)
            start = end
        self._take(data[start:], 0, entries, ())

    def _take(
        self, data: bytes, first: int, last: int, missing: Sequence[tuple[int, str]]
    ) -> None:
        if data:
            self._parts.append(data)
            self._size += len(data)
        self._samples += last - first
        for place, reason in missing:
            if first <= place < last:
                self._samples -= 1
                if reason:
                    self._refused[reason] = self._refused.get(reason, 0) + 1

    def _full(self) -> Batch:
        frames = tuple(self._parts)
        if self._joined and frames:
            frames = (b"".join(frames)[: self._size - self._trim],)
        batch = Batch(frames, self._samples, self._refused)
        self._parts, self._size, self._samples, self._refused = [], 0, 0, {}
        return batch


def interleaved(heads: Sequence[bytes], items: Sequence[bytes]) -> tuple[Sequence[bytes], bytes]:
    """Join the bytes of entries: of each its head and its item, or nothing if it has no item.

    Returns:
        The heads of those that have an item, empty for others, and the bytes of all.
    """
    if not all(items):
        heads = [head if item else b"" for head, item in zip(heads, items, strict=True)]
    pieces = [b""] * (2 * len(items))
    pieces[::2], pieces[1::2] = heads, items
    return heads, b"".join(pieces)
