"""Points to bytes: carbon's plaintext and pickle protocols.

Carbon closes the connection on a byte that is not UTF-8, a line of 16 384 bytes or more, or a
pickle of 1 MiB or more. That looks like the confirmation of a batch, so such bytes must never be
written. Of a datagram carbon reads 8 192 bytes, and it stores a line that is cut there.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Protocol

from sampler.agent import MAX_BATCH, give_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_DATAGRAM = 1400
"""Bytes that fit any Ethernet, with room for the headers of a tunnel."""
_AFTER_VALUE = len(" 4102444800\n")
"""Bytes that a line has after its value."""
_POINTS = 2_000
"""Most points of a pickle message."""
_LENGTH = struct.Struct("!L")
_SIZE, _INT, _FLOAT = struct.Struct("<I"), struct.Struct("<i"), struct.Struct(">cd2s")
_ENDS = b"\x86\x86"  # the end of both tuples
_PICKLED_TIME = 10
"""Most bytes of a pickled time."""


class Format(Protocol):
    """How points are written.

    Attributes:
        limit: most bytes of a batch.
    """

    limit: int

    def head(self, path: str) -> Any:
        """Return the part of a point that its path determines."""
        ...

    def item(self, head: Any, value: Any) -> Any:
        """Return a point without its time."""
        ...

    def size(self, item: Any, /) -> int:
        """Return how many bytes an item with its time takes at most."""
        ...

    def frames(self, runs: Iterable[tuple[int, Sequence[Any]]]) -> tuple[bytes, ...]:
        """Return points as bytes.

        Args:
            runs: epoch seconds, and the items of that moment.
        """
        ...


class Plaintext:
    """``path value time`` lines; each frame holds whole lines only.

    Args:
        limit: most bytes of a batch.
    """

    def __init__(self, limit: int) -> None:
        self.limit: int = limit

    def head(self, path: str) -> str:
        """Return a path and a space."""
        return f"{path} "

    def item(self, head: str, value: Any) -> str:
        """Return a line without its time."""
        return f"{head}{value!r}"

    def size(self, item: str, /) -> int:
        """Return how many bytes a line takes."""
        return len(item) + _AFTER_VALUE  # paths are ASCII

    def frames(self, runs: Iterable[tuple[int, Sequence[str]]]) -> tuple[bytes, ...]:
        """Return lines as bytes."""
        ends = ((f" {time}\n", items) for time, items in runs if items)
        return ("".join(f"{end.join(items)}{end}" for end, items in ends).encode(),)


class Pickle:
    """A length and a pickled list of ``(path, (time, value))``, as carbon's pickle receiver reads.

    It is pickle protocol 2: every carbon reads that, and unpickling paths and numbers imports
    nothing. The opcodes are written here, so that a path or an unchanged value is pickled once.
    """

    limit: int = MAX_BATCH

    def head(self, path: str) -> bytes:
        """Return a path as opcodes."""
        text = path.encode()
        return b"X%b%b" % (_SIZE.pack(len(text)), text)

    def item(self, head: bytes, value: Any) -> tuple[bytes, bytes]:
        """Return a path, and its value with the end of both tuples."""
        if type(value) is float:
            return head, _FLOAT.pack(b"G", value, _ENDS)
        return head, _whole(value) + _ENDS

    def size(self, item: tuple[bytes, bytes], /) -> int:
        """Return how many bytes a point takes."""
        return len(item[0]) + len(item[1]) + _PICKLED_TIME

    def frames(
        self, runs: Iterable[tuple[int, Sequence[tuple[bytes, bytes]]]]
    ) -> tuple[bytes, ...]:
        """Return points as messages of at most 2 000 points each."""
        parts: list[bytes] = []
        for time, items in runs:
            run = [_whole(time)] * (3 * len(items))
            run[::3], run[2::3] = (head for head, _ in items), (value for _, value in items)
            parts += run
        return tuple(_messages(parts))


def _messages(parts: Sequence[bytes]) -> Iterator[bytes]:
    for first in range(0, len(parts), 3 * _POINTS):
        give_way()
        body = b"".join((b"\x80\x02](", *parts[first : first + 3 * _POINTS], b"e."))
        yield _LENGTH.pack(len(body)) + body


def _whole(value: int) -> bytes:
    """Return a whole number as opcodes."""
    if -(2**31) <= value < 2**31:
        return b"J" + _INT.pack(value)
    whole = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a%c%b" % (len(whole), whole)
