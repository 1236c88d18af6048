"""One client of the server: what it has sent, what it is still to get, and until when.

A client leaves once, wherever that is decided. From then on it is in no other state, nothing is
sent to it, and its answer has been settled.
"""

from __future__ import annotations

import selectors
import socket
import time
from itertools import chain
from typing import TYPE_CHECKING

from sampler.adapterkit._http.exchange import Exchange
from sampler.adapterkit._http.head import MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Collection

    from sampler.adapterkit._http.exchange import Answer, Request
    from sampler.adapterkit.sockets import Socket
    from sampler.adapterkit.tls import TLSSocket

HEAD_LIMIT = 5.0
"""Seconds from its connection that a client has to send the head of its request."""
STALLED = 0.1
"""Seconds without taking a byte of its answer after which a client may be evicted."""
UNSENT = 1 << 18
"""Bytes of an answer that the kernel holds for a client beside those on their way: a slow reader
must not have a copy of the whole page there."""

_CHUNK = MAX_HEAD
"""Bytes read at once. A larger buffer, cut to what was read, would fragment the heap."""
_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class ClientConnection:
    """The connection of one client.

    Args:
        connection: accepted, non-blocking.

    Attributes:
        descriptor: its number, also after the client has left.
        awaits_answer: its request is complete, and its answer is being made.
        beside: its answer is made beside all others.
        half_closed: the client has closed its half of the connection.
        gone: the client has left.
        deadline: monotonic moment at which the client has to leave.
    """

    def __init__(self, connection: Socket | TLSSocket) -> None:
        self.connection = connection
        self.descriptor: int = connection.fileno()
        self.awaits_answer: bool = False
        self.half_closed: bool = False
        self.beside: bool = False
        self.gone: bool = False
        self.deadline: float = time.monotonic() + HEAD_LIMIT
        self._exchange = Exchange()
        self._answer: Answer | None = None
        self._unsent: list[memoryview] = []
        self._progressed = 0.0
        if _NOTSENT_LOWAT is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT)

    @property
    def reading(self) -> bool:
        """Whether its request is not complete yet."""
        return not (self.gone or self.awaits_answer or self._answer)

    @property
    def sent(self) -> bool:
        """Whether the whole answer has been sent; the client only has to close."""
        return self._answer is not None and not self._unsent

    @property
    def stalled(self) -> bool:
        """Whether the client has stopped reading its answer."""
        return bool(self._unsent) and time.monotonic() - self._progressed > STALLED

    @property
    def events(self) -> int:
        """The events to wait for, as :mod:`selectors` writes them."""
        if self.gone:
            return 0
        reads = 0 if self.half_closed else selectors.EVENT_READ
        return reads | (selectors.EVENT_WRITE if self._unsent else 0)

    def read(self) -> Request | None:
        """Receive bytes; return the request if it is complete now.

        Raises:
            BadMessage: this is not an acceptable request.
            OSError: the client has gone.
        """
        try:
            data = self.connection.recv(_CHUNK)
        except BlockingIOError:
            return None
        if not data:
            self.half_closed = True
            if self.reading or self.sent:
                self.leave(taken=self.sent)
        elif self.reading and (request := self._exchange.receive(data)):
            self.awaits_answer, self.deadline = True, float("inf")
            return request
        return None  # bytes after the request are discarded

    def answer(self, answer: Answer, timeout: float) -> None:
        """Begin to send an answer; the client has ``timeout`` seconds to read it and to close.

        Raises:
            OSError: the client has gone.
        """
        if self.gone or self._answer:
            answer.settle(False)
            return
        self._answer, self.awaits_answer = answer, False
        self._unsent = [memoryview(part) for part in self._exchange.parts(answer) if part]
        self._progressed = time.monotonic()
        self.deadline = self._progressed + timeout
        self.write()

    def write(self) -> None:
        """Send as much of the answer as the kernel takes.

        Raises:
            OSError: the client has gone.
        """
        try:
            while self._unsent:
                sent = self.connection.send(self._unsent[0][:UNSENT])
                self._progressed = time.monotonic()
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    del self._unsent[0]
        except BlockingIOError:
            return
        if self.half_closed:  # nothing would tell when it has read the answer, or whether it does
            self.leave()
        else:  # closing now could destroy what it has not read yet
            self.connection.shutdown(socket.SHUT_WR)

    def leave(self, *, taken: bool = False) -> None:
        """Settle its answer and drop what is unsent; the server closes the socket.

        Args:
            taken: the client has read the whole answer.
        """
        self.gone, self.awaits_answer, self._unsent = True, False, []
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.settle(taken)


def client_to_evict(clients: Collection[ClientConnection]) -> ClientConnection | None:
    """Return the client that is evicted for a new one, or None if no client can be.

    First those whose request is not complete, then those whose whole answer has been sent, then
    those that have stopped reading it; of each kind the one that connected first. A client whose
    answer is being made is never evicted.
    """
    return next(
        chain(
            (client for client in clients if client.reading),
            (client for client in clients if client.sent),
            (client for client in clients if client.stalled),
        ),
        None,
    )
