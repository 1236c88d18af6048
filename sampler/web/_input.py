"""The body of a request, whose reads are timed and measured."""

from __future__ import annotations

from sampler.web._state import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Input:
    """``wsgi.input``, around the server's own.

    Attributes:
        size: bytes that were read.
        seconds: how long that took.
        reading: when a read began that has not ended, or 0.0.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0
        self.seconds = self.reading = 0.0

    def read(self, *args: Any) -> Any:
        """See :pep:`3333`, as the next two."""
        return self._timed(self._stream.read, args)

    def readline(self, *args: Any) -> Any:
        """Likewise."""
        return self._timed(self._stream.readline, args)

    def readlines(self, *args: Any) -> Any:
        """Likewise."""
        lines = self._timed(self._stream.readlines, args)
        self.size += sum(map(_length, lines)) - _length(lines)
        return lines

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the server's has."""
        return getattr(self._stream, name)

    def _timed(self, read: Any, args: tuple[Any, ...]) -> Any:
        self.reading = began = clock()
        try:
            block = read(*args)
        finally:
            self.reading = 0.0
            self.seconds += clock() - began
        self.size += _length(block)
        return block


def _length(block: Any) -> int:
    try:
        return len(block)
    except Exception:  # a server's own idea of bytes
        return 0
