"""One client of the server: what it has sent, what it still gets, and within which time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

HEAD_LIMIT = 5.0
"""Seconds a client has to send its request's head, from the moment it connects."""


class Answer:
    """A page on its way to one client.

    Args:
        reply: all bytes of the reply.
        settle: called once, with True when the client took it whole, False when it left early.
    """

    def __init__(self, reply: bytes, settle: Callable[[bool], None]) -> None:
        self.reply = reply
        self.settle = settle


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.asked = False
        self.ended = False
        self.deadline = time.monotonic() + HEAD_LIMIT
        self.left: memoryview | None = None
        self._settle: Callable[[bool], None] | None = None

    @property
    def reading(self) -> bool:
        """Whether its request is not complete yet."""
        return not self.asked and self.left is None

    def answer(self, reply: bytes, settle: Callable[[bool], None] | None, patience: float) -> None:
        """Begin to send a reply; the client has ``patience`` seconds to take it and to end."""
        self.left = memoryview(reply)
        self._settle = settle
        self.deadline = time.monotonic() + patience

    def settled(self, taken: bool) -> None:
        """Tell the reply's outcome, once."""
        settle, self._settle = self._settle, None
        if settle:
            settle(taken)
