"""One client of the server: what it has sent, what it still gets, and within which time."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection

HEAD_LIMIT = 5.0
"""Seconds a client has to send its request's head, from the moment it connects."""
STALLED = 0.1
"""Seconds without taking a byte of its reply after which a client may lose its place."""


class Answer:
    """A page on its way to one client.

    Args:
        head: status line and header fields.
        body: the page, shared by all who get it.
        settle: called once, with True when the client took it whole, False when it left early.
    """

    def __init__(self, head: bytes, body: bytes, settle: Callable[[bool], None]) -> None:
        self.head = head
        self.body = body
        self.settle = settle


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.asked = False
        self.ended = False
        self.deadline = time.monotonic() + HEAD_LIMIT
        self.left: list[memoryview] | None = None
        self._moved = 0.0
        self._settle: Callable[[bool], None] | None = None

    @property
    def reading(self) -> bool:
        """Whether its request is not complete yet."""
        return not self.asked and self.left is None

    @property
    def served(self) -> bool:
        """Whether its reply has left whole; only its end is waited for."""
        return self.left is not None and not self.left

    @property
    def stalled(self) -> bool:
        """Whether it does not take its reply."""
        return bool(self.left) and time.monotonic() - self._moved > STALLED

    def answer(
        self, parts: Collection[bytes], settle: Callable[[bool], None] | None, patience: float
    ) -> None:
        """Begin to send a reply; the client has ``patience`` seconds to take it and to end."""
        self.left = [memoryview(part) for part in parts if part]
        self._settle = settle
        self._moved = time.monotonic()
        self.deadline = self._moved + patience

    def send(self) -> None:
        """Send what is left, as far as it goes.

        Raises:
            BlockingIOError: the client does not take more now.
            OSError: it has gone.
        """
        while self.left:
            sent = self.connection.send(self.left[0])
            self._moved = time.monotonic()
            self.left[0] = self.left[0][sent:]
            if not self.left[0]:
                del self.left[0]

    def settled(self, taken: bool) -> None:
        """Tell the reply's outcome, once."""
        settle, self._settle = self._settle, None
        if settle:
            settle(taken)


def makes_room(clients: Collection[Client]) -> Client | None:
    """Return who loses its place to a newcomer: of each kind whoever has come first.

    That is a client that dawdles over its request, else one that has its reply already, else
    one that does not take it; never one that waits for a page.
    """
    return next(
        chain(
            (client for client in clients if client.reading),
            (client for client in clients if client.served),
            (client for client in clients if client.stalled),
        ),
        None,
    )
