"""The head of an HTTP message, limited in size and free of control characters before parsing.

The regular expressions of ``h11`` take quadratic time for some invalid heads, such as a field of
spaces that ends in a control character. They match a head that passes these checks, or fail at
once. These checks look at each byte a fixed number of times.
"""

from __future__ import annotations

MAX_HEAD = 8192
"""Most bytes of a head: its first line, its fields and the empty line."""
MAX_LINE = 4096
"""Most bytes of a request's first line."""

_CONTROLS = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\r\n")


def has_controls(text: bytes | bytearray) -> bool:
    """Tell whether a text has a control character other than tab, CR and LF."""
    return len(text.translate(None, _CONTROLS)) < len(text)


class BadMessage(Exception):
    """A peer sent a message that is not acceptable HTTP.

    Args:
        why: what is wrong, without a byte of what the peer sent.
        status: the status code with which a server answers.

    Attributes:
        status: the status code with which a server answers.
    """

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Head:
    """Collects the head of one message.

    A line may end in a line feed alone, as RFC 9112, 2.2 allows and h11 accepts. That is safe, as
    a connection has one message only. A carriage return elsewhere is refused.

    Args:
        line: most bytes of the first line.

    Attributes:
        rest: the bytes that came after the head.
    """

    def __init__(self, line: int = MAX_HEAD) -> None:
        self._longest_line = line
        self._received = bytearray()
        self._in_first_line = True
        self.rest: bytes = b""

    def feed(self, data: bytes) -> bytes | None:
        """Add received bytes.

        Args:
            data: any number of bytes.

        Returns:
            The head with its empty line, once it is complete; None before.

        Raises:
            BadMessage: the head is too long, or holds a control character.
        """
        received, seen = self._received, len(self._received)
        room = MAX_HEAD + 1 - seen  # one byte too many is enough to refuse it
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
        """Return the position after the empty line that ends the head."""
        ends = [
            at + len(mark)
            for mark in (b"\n\r\n", b"\n\n")
            if (at := self._received.find(mark, start)) >= 0
        ]
        return min(ends, default=None)
