"""The connections of a relay's processes, as far as one of them goes."""

from __future__ import annotations

import os
from contextlib import suppress
from socket import SOL_SOCKET
from time import monotonic
from typing import TYPE_CHECKING

from sampler.relay.frames import FrameReader
from sampler.relay.messages import BadMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.adapterkit._unix.peer import Peer
    from sampler.adapterkit.sockets import Socket
    from sampler.relay.messages import Kind
    from sampler.relay.session import Session

GREETING = 5.0
"""Seconds that a peer has to say who it is."""
MESSAGE = 30.0
"""Seconds that a message may take from its first byte to its last."""
_CHUNK = 2**18
_SO_PEERPIDFD = 77  # Linux 6.5


class PeerConnection:
    """One accepted connection.

    Args:
        connection: accepted; it becomes non-blocking.
        who: the process at its other end.
        guest: it came to another socket than the first one.

    Attributes:
        connection: as given.
        who: as given.
        guest: as given.
        session: what it says; None until it has said who it is.
        deadline: monotonic moment by which more has to come.
        closed: nothing comes any more.
    """

    def __init__(self, connection: Socket, who: Peer, *, guest: bool = False) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.who = who
        self.guest = guest
        self.session: Session | None = None
        self.deadline: float = monotonic() + GREETING
        self.closed: bool = False
        self._reader = FrameReader()

    def read(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield the messages that have come; ``closed`` tells whether there will be more.

        Raises:
            BadMessage: it is no message.
        """
        try:
            data = self.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.closed = not data
        yield from self._reader.feed(data)
        if self.session is not None:
            if not self._reader.pending:
                self.deadline = float("inf")
            elif self.deadline == float("inf"):
                self.deadline = monotonic() + MESSAGE

    def answer(self, data: bytes) -> None:
        """Send an answer.

        Raises:
            BadMessage: the peer does not read.
        """
        try:
            sent = self.connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # it has left: what it has said before may still be there
            return
        if sent < len(data):
            raise BadMessage("it does not read its answers")

    def pidfd(self) -> int | None:
        """Return a descriptor that is readable when the process has ended; None: there is none."""
        with suppress(OSError):
            return self.connection.getsockopt(SOL_SOCKET, _SO_PEERPIDFD)
        if self.who.pid and hasattr(os, "pidfd_open"):
            with suppress(OSError):
                return os.pidfd_open(self.who.pid)
        return None

    def close(self) -> None:
        """Close it; twice is harmless."""
        self.closed = True
        self.connection.close()
