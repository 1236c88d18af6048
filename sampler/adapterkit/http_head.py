"""The head of an HTTP message: cut to size and free of control characters before it is parsed.

``h11`` reads heads by regular expressions that take quadratic time for some that are none: a
field of spaces that ends in a control character. What passes here matches those expressions or
fails at once. Each byte is looked at a fixed number of times.
"""

from __future__ import annotations

MAX_HEAD = 8192
"""Bytes of a head: its first line, its fields and the empty line."""
MAX_LINE = 4096
"""Bytes of a request's first line."""

_CONTROLS = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\r\n")


def has_controls(text: bytes | bytearray) -> bool:
    """Tell whether a text has a control character other than tab and the two of a line's end."""
    return len(text.translate(None, _CONTROLS)) < len(text)


class BadMessage(Exception):
    """A peer sent what is no acceptable HTTP.

    Args:
        why: what is wrong, without a byte of the peer's.
        status: what a server answers to it.

    Attributes:
        status: what a server answers to it.
    """

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Head:
    """The head of one message, as it comes in.

    Lines may end in a line feed alone, as RFC 9112, 2.2 allows and h11 takes it: there is one
    message on a connection, so nobody can mean another one by it. A carriage return elsewhere is
    a control character.

    Args:
        line: bytes that its first line may have.

    Attributes:
        rest: what came behind the head.
    """

    def __init__(self, line: int = MAX_HEAD) -> None:
        self._longest_line = line
        self._received = bytearray()
        self._in_first_line = True
        self.rest: bytes = b""

    def feed(self, data: bytes) -> bytes | None:
        """Take what came.

        Args:
            data: bytes as they come from the connection, however many.

        Returns:
            The head with its empty line, once it is whole; None before.

        Raises:
            BadMessage: it is too long, or holds a control character.
        """
        received, seen = self._received, len(self._received)
        room = MAX_HEAD + 1 - seen  # one more than it may have tells as much as a megabyte
        received += data[:room]
        end = self._end(max(0, seen - 2))
        if has_controls(received[seen:end]):
            raise BadMessage("a control character in its head")
        if self._in_first_line:
            line = received.find(b"\n")
            self._in_first_line = line < 0
            if (len(received) if line < 0 else line) > self._longest_line:
                raise BadMessage("its first line is too long", 414)
        if (end or len(received)) > MAX_HEAD:
            raise BadMessage(f"its head has more than {MAX_HEAD} bytes", 431)
        if end is None:
            return None
        head = bytes(received[:end])
        if head.count(b"\r") != head.count(b"\r\n"):
            raise BadMessage("a carriage return within a line of its head")
        self.rest = bytes(received[end:]) + data[room:]
        received.clear()
        return head

    def _end(self, start: int) -> int | None:
        """Return where the empty line that ends the head ends."""
        ends = [
            at + len(mark)
            for mark in (b"\n\r\n", b"\n\n")
            if (at := self._received.find(mark, start)) >= 0
        ]
        return min(ends, default=None)
