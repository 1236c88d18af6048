"""Points to bytes: carbon's plaintext and pickle protocols.

Carbon closes the connection on a byte that is not UTF-8, a line of 16 384 bytes or more, or a
pickle of 1 MiB or more. That looks like the confirmation of a batch, so such bytes must never be
written. Of a datagram carbon reads 8 192 bytes, and it stores a line that is cut there.
"""

from __future__ import annotations

import pickle
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sampler.adapterkit.packing import interleaved
from sampler.adapterkit.part_names import PART
from sampler.agent import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler.adapterkit.packing import Packing
    from sampler.agent import Batch

MAX_DATAGRAM = 1400
"""Bytes that fit any Ethernet, with room for the headers of a tunnel."""
_LENGTH = struct.Struct("!L")


class Run(NamedTuple):
    """Some series next to each other, all of them histograms or none.

    Attributes:
        heads: what is kept of their paths.
        items: what is kept of their values.
        time: epoch seconds.
        missing: places of those without a point, as of :meth:`Packing.add`.
        histograms: whether they are histograms.
    """

    heads: Sequence[Any]
    items: Sequence[Any]
    time: int
    missing: Sequence[tuple[int, str]] = ()
    histograms: bool = False

    def halves(self) -> tuple[Run, Run]:
        """Return two runs of half as many."""
        at = len(self.items) // 2
        one = [(place, why) for place, why in self.missing if place < at]
        other = [(place - at, why) for place, why in self.missing if place >= at]
        return (
            Run(self.heads[:at], self.items[:at], self.time, one, self.histograms),
            Run(self.heads[at:], self.items[at:], self.time, other, self.histograms),
        )


class Format(Protocol):
    """How points are written.

    Attributes:
        limit: most bytes of a batch.
        joined: bytes that follow each other may be one frame.
        prefixed: paths are kept with their prefix, instead of written after it.
        lasting: what is kept of a number is worth keeping; otherwise it is made each time.
        nothing: what is kept of a value that is absent.
    """

    limit: int
    joined: bool
    prefixed: bool
    lasting: bool
    nothing: Any

    def head(self, path: str) -> Any:
        """Return what is kept of a path, or of the stem of a histogram's paths."""
        ...

    def numbers(self, numbers: list[Any]) -> Sequence[Any]:
        """Return what is kept of each number."""
        ...

    def parts(self, stem: Any, numbers: Iterable[tuple[str, Any]]) -> Any:
        """Return what is kept of a histogram: of the number that each word has."""
        ...

    def pack(self, packing: Packing, runs: Sequence[Run], prefix: str) -> Iterator[Batch]:
        """Add the points of some series, and yield the batches that are full."""
        ...


class Plaintext:
    """``path value time`` lines, kept without the prefix and time that many have in common.

    Args:
        limit: most bytes of a batch.
    """

    joined: bool = True
    prefixed: bool = False
    lasting: bool = True
    nothing: bytes = b""

    def __init__(self, limit: int) -> None:
        self.limit: int = limit

    def head(self, path: str) -> bytes:
        """Return a path and a space; paths are ASCII."""
        return f"{path} ".encode()

    def numbers(self, numbers: list[Any]) -> list[bytes]:
        """Return each number and the end of its line; they are made all at once."""
        if not numbers:
            return []
        return ("\n".join(map(repr, numbers)) + "\n").encode().splitlines(keepends=True)

    def parts(self, stem: bytes, numbers: Iterable[tuple[str, Any]]) -> bytes:
        """Return lines."""
        replace = stem.decode().replace
        return "".join([f"{replace(PART, word)}{n!r}\n" for word, n in numbers]).encode()

    def pack(self, packing: Packing, runs: Sequence[Run], prefix: str) -> Iterator[Batch]:
        """Add lines, and yield the batches that are full."""
        before = f"{prefix}." if prefix else ""
        for run in runs:
            yield from self._pack(packing, run, before)

    def _pack(self, packing: Packing, run: Run, before: str) -> Iterator[Batch]:
        heads = (b"",) * len(run.items) if run.histograms else run.heads
        heads, data = interleaved(heads, run.items)
        between = f" {run.time}\n{before}".encode()
        if data:
            data = (before.encode() + data.replace(b"\n", between))[: -len(before) or None]

        more = len(between) - 1
        pairs = zip(heads, run.items, strict=True)
        sizes = (len(head) + len(item) + more * item.count(b"\n") for head, item in pairs)
        lines = not run.histograms and not run.missing  # one for each
        return packing.add(data, len(run.items), run.missing, sizes, lines=lines)


class Pickle:
    """A length and a pickled list of ``(path, (time, value))``, as carbon's pickle receiver reads.

    It is pickle protocol 2: every carbon reads that, and unpickling paths and numbers imports
    nothing.
    """

    limit: int = MAX_BATCH
    joined: bool = False
    prefixed: bool = True
    lasting: bool = False
    nothing: None = None

    def head(self, path: str) -> str:
        """Return a path as it is."""
        return path

    def item(self, head: str, value: Any) -> tuple[str, Any]:
        """Return a point without its time."""
        return head, value

    def numbers(self, numbers: list[Any]) -> list[Any]:
        """Return numbers as they are."""
        return numbers

    def parts(self, stem: str, numbers: Iterable[tuple[str, Any]]) -> tuple[Any, ...]:
        """Return words and numbers in turn."""
        del stem  # kept as it is, it takes less memory than paths
        return tuple(each for pair in numbers for each in pair)

    def frames(self, runs: Iterable[tuple[int, Iterable[tuple[str, Any]]]]) -> tuple[bytes, ...]:
        """Return points as a message, if there are any.

        Args:
            runs: epoch seconds, and the items of that moment.
        """
        points = [(path, (time, value)) for time, items in runs for path, value in items]
        return (_message(points),) if points else ()

    def pack(self, packing: Packing, runs: Sequence[Run], prefix: str) -> Iterator[Batch]:
        """Add a message, or several if it is too large, and yield the batches that are full."""
        message = b"".join(self.frames((run.time, self._items(run)) for run in runs))
        entries = sum(len(run.items) for run in runs)
        if len(message) > self.limit and entries > 1:
            for part in runs if len(runs) > 1 else runs[0].halves():
                yield from self.pack(packing, [part], prefix)
            return
        missing: list[tuple[int, str]] = []
        first = 0
        for run in runs:
            missing += [(first + place, why) for place, why in run.missing]
            first += len(run.items)
        yield from packing.add(message, entries, missing)

    def _items(self, run: Run) -> Iterable[tuple[str, Any]]:
        pairs = zip(run.heads, run.items, strict=True)
        if run.histograms:
            return (
                self.item(stem.replace(PART, word), number)
                for stem, parts in pairs
                if parts
                for word, number in zip(parts[::2], parts[1::2], strict=True)
            )
        return pairs if not run.missing else [pair for pair in pairs if pair[1] is not None]


def _message(points: list[tuple[str, tuple[int, Any]]]) -> bytes:
    stream = BytesIO()
    pickler = pickle.Pickler(stream, protocol=2)
    pickler.fast = True  # it refers to nothing, as not every receiver may know how to look it up
    pickler.dump(points)
    body = stream.getvalue()
    return _LENGTH.pack(len(body)) + body
