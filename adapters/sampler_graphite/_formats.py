"""Points to bytes: carbon's plaintext and pickle protocols.

Carbon closes the connection on a byte that is no UTF-8, on a line of 16 384 bytes or more and on a
pickle of 1 MiB or more, and answers each with the same end of stream as success: such bytes must
never be written. Over UDP it reads 8 192 bytes of a datagram, and believes a line cut there.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_BATCH = 512 * 1024
"""Bytes that one connection confirms."""
MAX_DATAGRAM = 1400
"""Bytes; what fits any Ethernet with room for a tunnel's headers."""
_LENGTH = struct.Struct("!L")
_AROUND = 40
"""Bytes that a pickled point takes beside its path, at most."""


class Format(Protocol):
    """How points are written.

    Attributes:
        limit: bytes that one batch may hold.
    """

    limit: int

    def at(self, time: int) -> Callable[[str, Any], Any]:
        """Return what makes a path and a number a point at ``time``, in epoch seconds."""
        ...

    def size(self, point: Any, /) -> int:
        """Return how many bytes a point takes, at most."""
        ...

    def frame(self, points: Sequence[Any]) -> bytes:
        """Return points as bytes."""
        ...


class Plaintext:
    """``path value time`` lines; each frame holds whole lines only.

    Args:
        limit: bytes that one batch may hold.
    """

    size = staticmethod(len)  # paths are ASCII

    def __init__(self, limit: int) -> None:
        self.limit: int = limit

    def at(self, time: int) -> Callable[[str, Any], str]:
        """Return what makes a path and a number a line."""
        end = f" {time}\n"
        return lambda path, value: f"{path} {value!r}{end}"

    def frame(self, points: Sequence[str]) -> bytes:
        """Return lines as bytes."""
        return "".join(points).encode()


class Pickle:
    """A length and a pickled list of ``(path, (time, value))``, as carbon's pickle receiver reads.

    Protocol 2: every carbon reads it, and with it paths and numbers need no import when unpickled.
    """

    limit: int = MAX_BATCH

    def at(self, time: int) -> Callable[[str, Any], tuple[str, tuple[int, Any]]]:
        """Return what makes a path and a number a point."""
        return lambda path, value: (path, (time, value))

    def size(self, point: tuple[str, tuple[int, Any]], /) -> int:
        """Return how many bytes a point takes, at most."""
        return len(point[0]) + _AROUND

    def frame(self, points: Sequence[tuple[str, tuple[int, Any]]]) -> bytes:
        """Return points as one message."""
        body = pickle.dumps(list(points), protocol=2)
        return _LENGTH.pack(len(body)) + body
