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
    ) -> Iterator[Batch]:
        """Add entries, and yield the batches that are full.

        Args:
            data: their bytes.
            entries: how many there are.
            missing: places of those that have no bytes and are no samples, rising, each with the
                reason, or "" if there is no such entry.
            sizes: the number of bytes of each, read only if needed; default: they are not to be separated.
        """
        if self._size + len(data) > self._limit and sizes is not None:
            ends = list(accumulate(sizes))
            first = start = 0
            while start + self._limit - self._size < len(data):
                last = bisect_right(ends, start + self._limit - self._size, first)
                if last == first and not self._size:
                    last += 1  # longer than a batch: nobody can help it
                end = ends[last - 1] if last else 0
                self._take(data[start:end], last - first, _between(missing, first, last))
                yield self._full()
                first, start = last, end
            data, entries, missing = data[start:], entries - first, _between(missing, first)
        elif self._size + len(data) > self._limit and self._size:
            yield self._full()
        self._take(data, entries, missing)

    def rest(self) -> Iterator[Batch]:
        """Yield the last batch, if there is anything in it."""
        if self._samples or self._refused:
            yield self._full()

    def _take(self, data: bytes, entries: int, missing: Sequence[tuple[int, str]]) -> None:
        if data:
            self._parts.append(data)
            self._size += len(data)
        self._samples += entries - len(missing)
        for _, reason in missing:
            if reason:
                self._refused[reason] = self._refused.get(reason, 0) + 1

    def _full(self) -> Batch:
        frames = tuple(self._parts)
        if self._joined and frames:
            frames = (b"".join(frames)[: self._size - self._trim],)
        batch = Batch(frames, self._samples, self._refused)
        self._parts, self._size, self._samples, self._refused = [], 0, 0, {}
        return batch


def interleaved(
    heads: Sequence[bytes], items: Sequence[bytes]
) -> tuple[Sequence[bytes], bytes]:
    """Join the bytes of entries: of each its head and its item, or nothing if it has no item.

    Returns:
        The heads of those that have an item, empty for others, and the bytes of all.
    """
    if not all(items):
        heads = [head if item else b"" for head, item in zip(heads, items, strict=True)]
    pieces = [b""] * (2 * len(items))
    pieces[::2], pieces[1::2] = heads, items
    return heads, b"".join(pieces)


def _between(
    missing: Sequence[tuple[int, str]], first: int, last: int | None = None
) -> list[tuple[int, str]]:
    """Return those from ``first`` on, counted from there."""
    return [(i - first, why) for i, why in missing if i >= first and (last is None or i < last)]
