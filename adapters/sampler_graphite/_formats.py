"""Points to bytes: carbon's plaintext and pickle protocols.

Carbon closes the connection on a byte that is no UTF-8, on a line of 16 384 bytes or more and on a
pickle of 1 MiB or more, and answers each with the same end of stream as success: such bytes must
never be written. Over UDP it reads 8 192 bytes of a datagram, and believes a line cut there.
"""

from __future__ import annotations

import pickle
import struct
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from sampler.agent import give_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_BATCH = 512 * 1024
"""Bytes that one connection confirms."""
MAX_DATAGRAM = 1400
"""Bytes; what fits any Ethernet with room for a tunnel's headers."""
_TIME = len(" 4102444800\n")
"""Bytes that a line has after its value."""
_POINTS = 2_000
"""That are pickled in one go: it takes half a millisecond."""
_LENGTH = struct.Struct("!L")
_AROUND = 40
"""Bytes that a pickled point takes beside its path, at most."""


class Format(Protocol):
    """How points are written.

    Attributes:
        limit: bytes that one batch may hold.
    """

    limit: int

    def item(self, path: str, value: Any) -> Any:
        """Return a point without its time."""
        ...

    def size(self, item: Any, /) -> int:
        """Return how many bytes an item takes with its time, at most."""
        ...

    def frames(self, runs: Iterable[tuple[int, Sequence[Any]]]) -> tuple[bytes, ...]:
        """Return points as bytes.

        Args:
            runs: epoch seconds, and the items of that time.
        """
        ...


class Plaintext:
    """``path value time`` lines; each frame holds whole lines only.

    Args:
        limit: bytes that one batch may hold.
    """

    def __init__(self, limit: int) -> None:
        self.limit: int = limit

    def item(self, path: str, value: Any) -> str:
        """Return a line without its time."""
        return f"{path} {value!r}"

    def size(self, item: str, /) -> int:
        """Return how many bytes a line takes."""
        return len(item) + _TIME  # paths are ASCII

    def frames(self, runs: Iterable[tuple[int, Sequence[str]]]) -> tuple[bytes, ...]:
        """Return lines as bytes."""
        ends = ((f" {time}\n", items) for time, items in runs if items)
        return ("".join(f"{end.join(items)}{end}" for end, items in ends).encode(),)


class Pickle:
    """A length and a pickled list of ``(path, (time, value))``, as carbon's pickle receiver reads.

    Protocol 2: every carbon reads it, and with it paths and numbers need no import when unpickled.
    """

    limit: int = MAX_BATCH

    def item(self, path: str, value: Any) -> tuple[str, Any]:
        """Return a path and its value."""
        return path, value

    def size(self, item: tuple[str, Any], /) -> int:
        """Return how many bytes a point takes, at most."""
        return len(item[0]) + _AROUND

    def frames(self, runs: Iterable[tuple[int, Sequence[tuple[str, Any]]]]) -> tuple[bytes, ...]:
        """Return points as messages of some thousand each."""
        points = ((path, (time, value)) for time, items in runs for path, value in items)
        return tuple(iter(lambda: _message(points), b""))


def _message(points: Iterator[tuple[str, tuple[int, Any]]]) -> bytes:
    """Return the next points as one message; empty at their end."""
    some = list(islice(points, _POINTS))
    if not some:
        return b""
    give_way()
    body = BytesIO()
    pickler = pickle.Pickler(body, protocol=2)
    pickler.fast = True  # without a memo: no object comes twice, and it is half of the work
    pickler.dump(some)
    return _LENGTH.pack(body.tell()) + body.getvalue()
