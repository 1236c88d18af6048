"""TLS over :class:`sampler.adapterkit.sockets.Socket`, which gevent and eventlet do not replace.

:meth:`ssl.SSLContext.wrap_socket` makes a :class:`ssl.SSLSocket`, which they patch. So this uses
an :class:`ssl.SSLObject`, which only computes, and moves its bytes itself. It reads at most one
record at a time, so a selector is right, unless ``recv`` has left a part of a record: see
:meth:`TLSSocket.pending`.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.deadline import seconds_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self, TypeVar

    from sampler.adapterkit.sockets import Socket

    T = TypeVar("T")

__all__ = ["TLSSocket", "secured", "tls_fault"]

RECORD = 2**14
"""Most bytes of a record before it is encrypted; at most as many are sent at a time."""
_HEADER = 5


class TLSSocket:
    """One side of a TLS connection, which sends and receives as a ``Socket`` does.

    The first call that sends or receives does the handshake. A non-blocking socket raises
    ``BlockingIOError`` where it would have to wait; repeat such a send with the same data. A peer
    that closes the connection without TLS' ``close_notify`` is taken to have ended it.

    Args:
        connection: a connected socket, which becomes this object's.
        context: certificates and settings of this side.
        server_side: this is the server's side.
        server_hostname: the name that the server's certificate must be for.
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
        self._record_left = 0  # bytes of the record whose header was read last
        self._unsent = b""  # encrypted, and not taken by the kernel yet
        self._unsent_data = 0  # bytes of data in it
        self._handshake_done = False
        self._deadline: float | None = None
        self.fileno: Callable[[], int] = connection.fileno
        self.is_ours: Callable[[], bool] = connection.is_ours
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
        """Do the handshake, unless it has been done; afterwards the peer's identity is verified.

        Raises:
            BlockingIOError: the peer has not sent its part yet, and the socket is non-blocking.
            OSError: the peer cannot prove who it is, does not speak TLS, or has gone.
        """
        if not self._handshake_done:
            with self._one_timeout():
                self._complete(self._tls.do_handshake)
                self._flush()
            self._handshake_done = True

    def recv(self, size: int) -> bytes:
        """Return at most ``size`` bytes that have arrived; none when the peer has closed."""
        self.handshake()
        with self._one_timeout():
            try:
                return self._complete(lambda: self._tls.read(size))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: Any) -> int:
        """Send a part of the data; return how many bytes."""
        self.handshake()
        with self._one_timeout():
            if not self._unsent_data:
                part = memoryview(data)[:RECORD]
                self._unsent_data = self._complete(lambda: self._tls.write(part))
            try:
                self._flush()
            except ConnectionError:
                self._raise_alert()
                raise
        sent, self._unsent_data = self._unsent_data, 0
        return sent

    def sendall(self, data: Any) -> None:
        """Send all of the data."""
        left = memoryview(data)
        with self._one_timeout():
            while left:
                left = left[self.send(left) :]

    def send_end(self) -> None:
        """Tell the peer by TLS' ``close_notify`` that nothing more comes."""
        self.handshake()
        with self._one_timeout():
            with suppress(ssl.SSLWantReadError):  # the peer has not answered yet
                self._tls.unwrap()
            self._flush()

    def is_answered(self) -> bool:
        """Wait for the peer's ``close_notify``; return False if it closes without one.

        Raises:
            TimeoutError: the socket's timeout has passed.
            OSError: the peer has reset the connection, or sends something else.
        """
        with self._one_timeout():
            try:  # unwrap() takes any alert for an answer, as that of a missing certificate
                self._complete(lambda: self._tls.read(1))
            except ssl.SSLZeroReturnError:
                return True
            except ssl.SSLEOFError:
                return False
        raise ConnectionError("it sent an answer, which a receiver of this protocol never does")

    def has_ended(self) -> bool:
        """Tell whether the peer has closed its side already, or has sent something."""
        timeout = self.gettimeout()
        self.settimeout(0)
        try:
            self._complete(lambda: self._tls.read(1))
        except BlockingIOError:
            return False
        except OSError:  # the next call raises it
            return True
        finally:
            self.settimeout(timeout)
        return True

    def pending(self) -> int:
        """Return how many decrypted bytes wait for the next ``recv``."""
        return self._tls.pending()

    @contextmanager
    def _one_timeout(self) -> Iterator[None]:
        """Let all waits in the block together take no longer than the socket's timeout."""
        if self._deadline is not None:
            yield
            return
        timeout = self.gettimeout()
        self._deadline = monotonic() + timeout if timeout else None
        try:
            yield
        finally:
            self._deadline = None
            with suppress(OSError):  # it may have been closed
                self.settimeout(timeout)

    def _set_timeout(self) -> None:
        """Let the next call of the connection wait for the rest of that time."""
        if self._deadline is not None:
            self.settimeout(seconds_left(self._deadline))

    def _complete(self, step: Callable[[], T]) -> T:
        """Do a step of TLS, and send and receive what it needs for that."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                with suppress(OSError):  # the alert, if the peer takes it at once
                    self.settimeout(0)
                    self._flush()
                raise

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            self._set_timeout()
            self._unsent = self._unsent[self._connection.send(self._unsent) :]

    def _raise_alert(self) -> None:
        """Raise what the peer has said before it closed, as that it wants a certificate."""
        try:
            self.settimeout(0)
            self._complete(lambda: self._tls.read(1))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError, ssl.SSLWantReadError):
            return
        except ssl.SSLError:
            raise
        except OSError:  # it has said nothing
            return

    def _fill(self) -> None:
        """Receive a part of one record, or note that the peer has closed."""
        self._set_timeout()
        if len(self._header) < _HEADER:
            came = self._connection.recv(_HEADER - len(self._header))
            self._header += came
            self._record_left = int.from_bytes(self._header[3:5])
        else:
            came = self._connection.recv(self._record_left)
            self._record_left -= len(came)
        if len(self._header) == _HEADER and not self._record_left:
            self._header = b""
        if came:
            self._incoming.write(came)
        else:
            self._incoming.write_eof()


def secured(
    connection: Socket, context: ssl.SSLContext, server_hostname: str, deadline: float
) -> TLSSocket:
    """Return the client's side of TLS over a connection, whose peer has proved who it is.

    Args:
        connection: connected; it is closed when that fails.
        context: whom to trust, and what to show.
        server_hostname: the name or address that the peer's certificate must be for.
        deadline: monotonic moment at which the handshake ends.

    Raises:
        OSError: the peer cannot prove who it is, does not speak TLS, or has gone.
    """
    try:
        connection.settimeout(seconds_left(deadline))
        channel = TLSSocket(connection, context, server_hostname=server_hostname)
        channel.handshake()
    except BaseException as error:
        connection.close()
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            # No certificate can be for such a name.
            raise OSError(f"no TLS connection is possible: {error}") from None
        raise
    return channel


def tls_fault(error: BaseException) -> str:
    """Return in plain words why a connection failed; "" if the error says nothing."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    reason = str(getattr(error, "reason", "") or "")
    if "CERTIFICATE_REQUIRED" in reason:
        return "it asks for a certificate: set tls_cert and tls_key"
    if "UNKNOWN_CA" in reason or "BAD_CERTIFICATE" in reason:
        return "it does not accept the certificate of tls_cert"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return "it does not speak TLS there"
    return str(getattr(error, "strerror", None) or "")
