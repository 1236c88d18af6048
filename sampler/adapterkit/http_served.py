"""One client of the server: what it has sent, what it still gets, and within which time.

Its socket is its own. It leaves once, wherever that is decided; a client that has left waits for
nothing, is in no other state again, and its answer has been settled.
"""

from __future__ import annotations

import selectors
import socket
import time
from itertools import chain
from typing import TYPE_CHECKING

from sampler.adapterkit.http_head import MAX_HEAD
from sampler.adapterkit.http_request import Exchange

if TYPE_CHECKING:
    from collections.abc import Collection

    from sampler.adapterkit.http_request import Answer, Request
    from sampler.adapterkit.sockets import Socket
    from sampler.adapterkit.tls import Secured

HEAD_LIMIT = 5.0
"""Seconds a client has to send its request's head, from the moment it connects."""
STALLED = 0.1
"""Seconds without taking a byte of its reply after which a client may lose its place."""
UNSENT = 1 << 18
"""Bytes of a reply that the kernel holds for a client beside what is on its way: the page itself
is held once, and a client that reads slowly must not have a copy of it there."""

_CHUNK = MAX_HEAD
"""Bytes read at once. A larger buffer, cut to what came, leaves holes that a heap grows by."""
_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class Client:
    """One connection.

    Args:
        connection: accepted, not blocking.

    Attributes:
        number: its descriptor, also after it has left.
        waits: its request is complete, and its answer is being made.
        ended: it has closed its half of the connection.
        gone: it has left.
        deadline: monotonic moment at which it has to leave.
    """

    def __init__(self, connection: Socket | Secured) -> None:
        self.connection = connection
        self.number: int = connection.fileno()
        self.waits: bool = False
        self.ended: bool = False
        self.gone: bool = False
        self.deadline: float = time.monotonic() + HEAD_LIMIT
        self._exchange = Exchange()
        self._answer: Answer | None = None
        self._left: list[memoryview] = []
        self._moved = 0.0
        if _NOTSENT_LOWAT is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT)

    @property
    def reading(self) -> bool:
        """Whether its request is not complete yet."""
        return not (self.gone or self.waits or self._answer)

    @property
    def served(self) -> bool:
        """Whether its reply has left whole; only its end is waited for."""
        return self._answer is not None and not self._left

    @property
    def stalled(self) -> bool:
        """Whether it does not take its reply."""
        return bool(self._left) and time.monotonic() - self._moved > STALLED

    @property
    def events(self) -> int:
        """What to wait for, as of :mod:`selectors`."""
        if self.gone:
            return 0
        reads = 0 if self.ended else selectors.EVENT_READ
        return reads | (selectors.EVENT_WRITE if self._left else 0)

    def read(self) -> Request | None:
        """Take what came; return its request when it is complete now.

        Raises:
            BadMessage: it sends no request.
            OSError: it has gone.
        """
        try:
            data = self.connection.recv(_CHUNK)
        except BlockingIOError:
            return None
        if not data:
            self.ended = True
            if self.reading or self.served:
                self.leave(taken=self.served)
        elif self.reading and (request := self._exchange.receive(data)):
            self.waits, self.deadline = True, float("inf")
            return request
        return None  # what follows a request is thrown away

    def answer(self, answer: Answer, patience: float) -> None:
        """Begin to send an answer; the client has ``patience`` seconds to take it and to end.

        Raises:
            OSError: it has gone.
        """
        if self.gone or self._answer:
            answer.settle(False)
            return
        self._answer, self.waits = answer, False
        self._left = [memoryview(part) for part in self._exchange.parts(answer) if part]
        self._moved = time.monotonic()
        self.deadline = self._moved + patience
        self.write()

    def write(self) -> None:
        """Send what is left, as far as it goes.

        Raises:
            OSError: it has gone.
        """
        try:
            while self._left:
                sent = self.connection.send(self._left[0][:UNSENT])
                self._moved = time.monotonic()
                self._left[0] = self._left[0][sent:]
                if not self._left[0]:
                    del self._left[0]
        except BlockingIOError:
            return
        if self.ended:  # gone, or only silent: nothing will tell
            self.leave()
        else:  # closing now could destroy what it has not read yet
            self.connection.shutdown(socket.SHUT_WR)

    def leave(self, *, taken: bool = False) -> None:
        """Let go of what it was to get; its socket is closed when nobody waits for it any more.

        Args:
            taken: it has taken its answer whole.
        """
        self.gone, self.waits, self._left = True, False, []
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.settle(taken)


def makes_room(clients: Collection[Client]) -> Client | None:
    """Return who loses its place to a newcomer: of each kind whoever has come first.

    That is a client that dawdles over its request, else one that has its reply already, else
    one that does not take it; never one that waits for an answer.
    """
    return next(
        chain(
            (client for client in clients if client.reading),
            (client for client in clients if client.served),
            (client for client in clients if client.stalled),
        ),
        None,
    )
