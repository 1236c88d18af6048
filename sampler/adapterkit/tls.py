"""TLS over our sockets, in memory: no class of sockets that a program may patch takes part.

:meth:`ssl.SSLContext.wrap_socket` makes a :class:`ssl.SSLSocket`, which gevent and eventlet
replace; an :class:`ssl.SSLObject` only computes. What goes over the wire is moved here, a record
at a time at most, so that a selector that says "nothing to read" is right.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self, TypeVar

    from sampler.adapterkit.sockets import Socket

    T = TypeVar("T")

__all__ = ["Secured"]

RECORD = 2**14
"""Bytes of a record, at most, before it is encrypted; what is sent at a time."""
_HEADER = 5


class Secured:
    """One side of a connection, which sends and receives as a ``Socket`` does.

    The handshake is part of the first call that sends or receives. A socket that does not wait
    (``setblocking(False)``) raises ``BlockingIOError`` where it would; a send that did is repeated
    with the same data. The connection's end is the end: TLS' own word for it is not asked for.

    Args:
        connection: a connected socket, which becomes this object's.
        context: of which side it is, and whom it trusts.
        server_side: it is the server's.
        server_hostname: whose certificate the server must show.
    """

    def __init__(
        self,
        connection: Socket,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
        )
        self._header = b""
        self._rest = 0  # of the record that this header began
        self._left = b""  # encrypted, and not taken by the kernel yet
        self._owed = 0  # bytes of data in it
        self._shaken = False
        self._until: float | None = None
        self.fileno: Callable[[], int] = connection.fileno
        self.close: Callable[[], None] = connection.close
        self.detach: Callable[[], int] = connection.detach
        self.shutdown: Callable[[int], None] = connection.shutdown
        self.settimeout: Callable[[float | None], None] = connection.settimeout
        self.gettimeout: Callable[[], float | None] = connection.gettimeout
        self.setblocking: Callable[[bool], None] = connection.setblocking
        self.getsockopt: Callable[..., Any] = connection.getsockopt
        self.setsockopt: Callable[..., None] = connection.setsockopt
        self.getpeername: Callable[[], Any] = connection.getpeername
        self.family: int = connection.family

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def handshake(self) -> None:
        """Agree with the peer, unless that has been done; it is who it should be then.

        Raises:
            BlockingIOError: it has more to say, and nobody waits for it.
            OSError: it is somebody else, speaks something else, or has gone.
        """
        if not self._shaken:
            with self._limited():
                self._done(self._tls.do_handshake)
                self._flush()
            self._shaken = True

    def recv(self, size: int) -> bytes:
        """Return what has come, ``size`` bytes at most; none at the peer's end."""
        self.handshake()
        with self._limited():
            try:
                return self._done(lambda: self._tls.read(size))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: Any) -> int:
        """Send a part of it; return how much."""
        self.handshake()
        with self._limited():
            if not self._owed:
                part = memoryview(data)[:RECORD]
                self._owed = self._done(lambda: self._tls.write(part))
            self._flush()
        sent, self._owed = self._owed, 0
        return sent

    def sendall(self, data: Any) -> None:
        """Send all of it."""
        left = memoryview(data)
        with self._limited():
            while left:
                left = left[self.send(left) :]

    def pending(self) -> int:
        """Return how many bytes the next ``recv`` has already."""
        return self._tls.pending()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Let everything in the block share the time that one wait may take."""
        if self._until is not None:
            yield
            return
        patience = self.gettimeout()
        self._until = monotonic() + patience if patience else None
        try:
            yield
        finally:
            self._until = None
            with suppress(OSError):  # it may have been closed
                self.settimeout(patience)

    def _wait(self) -> None:
        """Let the next call of the connection wait for what is left of that."""
        if self._until is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self.settimeout(left)

    def _done(self, step: Callable[[], T]) -> T:
        """Do a step of TLS, and move what it wants moved meanwhile."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                with suppress(OSError):  # what is wrong, for a peer that takes it at once
                    self.settimeout(0)
                    self._flush()
                raise

    def _flush(self) -> None:
        self._left += self._outgoing.read()
        while self._left:
            self._wait()
            self._left = self._left[self._connection.send(self._left) :]

    def _fill(self) -> None:
        """Take a part of one record, or note the peer's end."""
        self._wait()
        if len(self._header) < _HEADER:
            came = self._connection.recv(_HEADER - len(self._header))
            self._header += came
            self._rest = int.from_bytes(self._header[3:5])
        else:
            came = self._connection.recv(self._rest)
            self._rest -= len(came)
        if len(self._header) == _HEADER and not self._rest:
            self._header = b""
        if came:
            self._incoming.write(came)
        else:
            self._incoming.write_eof()
