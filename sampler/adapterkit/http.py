"""An HTTP client for adapters: one request, one answer, one deadline for all of it.

Looking the name up, connecting, the handshake of TLS, sending and reading end at one moment,
however slowly a peer goes on. What is read is bounded. Redirects are not followed, proxies not
used, and a peer's text is printable from here on.

.. code-block:: python

    with http.connected("https://push.example:9091", deadline, tls=context) as connection:
        reply = connection.ask("PUT", "/metrics/job/x", {"Content-Type": "text/plain"}, body)
"""

from __future__ import annotations

import math
import socket
from time import monotonic, time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import attrs
import h11

from sampler._runtime.printable import one_line, printable
from sampler.adapterkit.dns import resolve
from sampler.adapterkit.http_head import BadMessage, Head
from sampler.adapterkit.retry_after import retry_after
from sampler.adapterkit.tcp import connected as stream
from sampler.adapterkit.tls import Secured

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from sampler.adapterkit.sockets import Socket

MAX_TEXT = 2000
"""Bytes of a body that are read; what follows is not waited for."""
MAX_INTERIM = 8
"""Interim answers, such as ``100 Continue``, before the one that counts."""
MAX_READ = 65536
"""Bytes of an answer behind its head, what frames its chunks included."""

_PIECE = 2**14
"""Bytes that are sent at once: TLS waits anew for each piece."""
_FRAMING = 256
"""Bytes of a chunk's head, or of trailers; h11 reads them by a pattern that is quadratic."""
_PORTS = {"http": 80, "https": 443}


class BadReply(OSError):
    """A peer does not answer as HTTP wants it, or answers too much."""


@attrs.frozen
class Reply:
    """What a peer answers.

    Attributes:
        status: the status code.
        text: how its body begins, in one printable line of at most :data:`MAX_TEXT` bytes.
        retry_after: seconds that it asks to stay away; None: it does not.
        fields: its header fields by name in lower case, as Latin-1, printable.
    """

    status: int
    text: str = ""
    retry_after: float | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)


class Connection:
    """An open connection for one request; a context manager that closes it.

    Args:
        channel: connected, and handshaken where it is of TLS.
        host: what the field ``Host`` says.
        deadline: monotonic moment at which everything ends.
        prefix: what the path of every request begins with.
    """

    def __init__(
        self, channel: Socket | Secured, host: str, deadline: float, prefix: str = ""
    ) -> None:
        self._channel = channel
        self._host = host
        self._deadline = deadline
        self._prefix = prefix
        self._codec = h11.Connection(h11.CLIENT, max_incomplete_event_size=_FRAMING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._channel.close()

    def ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Make the request, and return the answer.

        Args:
            method: as in ``PUT``.
            path: with its query, encoded; what the URL's own path was stands before it.
            fields: header fields beside ``Host``, ``Connection`` and ``Content-Length``.
            body: what is sent; None: nothing.

        Raises:
            TimeoutError: it takes too long.
            BadReply: the peer does not answer in HTTP, or too much.
            OSError: anything else that went wrong on the way.
            ValueError: the request is none: a field with a line break, a path with a space.
        """
        headers = [("Host", self._host), ("Connection", "close"), *(fields or {}).items()]
        if body is not None:
            headers.append(("Content-Length", str(len(body))))
        try:
            begin = self._codec.send(
                h11.Request(method=method, target=self._prefix + path, headers=headers)
            )
        except h11.LocalProtocolError as error:
            raise ValueError(
                f"no HTTP request can be made of it: {one_line(str(error))}"
            ) from None
        self._send(begin)
        self._send(body or b"")
        if body:
            self._codec.send_with_data_passthrough(h11.Data(data=body))
        self._codec.send(h11.EndOfMessage())
        try:
            return self._reply()
        except BadMessage as error:
            raise BadReply(f"it does not answer in HTTP: {error}") from None
        except h11.RemoteProtocolError as error:
            raise BadReply(f"it does not answer in HTTP: {_said(error)}") from None

    def _send(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            self._channel.settimeout(_left(self._deadline))
            self._channel.sendall(data[at : at + _PIECE])

    def _receive(self) -> bytes:
        self._channel.settimeout(_left(self._deadline))
        return self._channel.recv(_PIECE)

    def _reply(self) -> Reply:
        """Read interim answers, the head that counts, and how the body begins."""
        rest = b""
        for _ in range(MAX_INTERIM + 1):
            head, rest = self._head(rest)
            self._codec.receive_data(head)
            event = self._codec.next_event()
            if isinstance(event, h11.Response):
                break
        else:
            raise BadReply(f"it gives more than {MAX_INTERIM} interim answers")
        text = self._text(rest)
        fields: dict[str, list[str]] = {}
        for name, value in event.headers.raw_items():
            fields.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
        joined = {name: printable(", ".join(values)) for name, values in fields.items()}
        patience = retry_after(joined.get("retry-after"), time())
        shown = printable(" ".join(text.decode("utf-8", "replace").split()))
        return Reply(event.status_code, shown, patience, joined)

    def _head(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the next head, and what came behind it."""
        head = Head()
        while (whole := head.feed(data)) is None:
            if not (data := self._receive()):
                raise BadReply("it ended the connection without an answer")
        return whole, head.rest

    def _text(self, data: bytes) -> bytes:
        """Return how the body begins."""
        text, read = b"", len(data)
        while True:
            while isinstance(event := self._codec.next_event(), h11.Data):
                text += event.data
            if isinstance(event, h11.EndOfMessage) or len(text) >= MAX_TEXT:
                return text[:MAX_TEXT]
            if not data:
                data = self._receive()  # none at the end: then it is whole, or h11 raises
                read += len(data)
            if read > MAX_READ:
                raise BadReply("it frames its answer in more bytes than it has")
            self._codec.receive_data(data[:_FRAMING])
            data = data[_FRAMING:]


def connected(
    url: str,
    deadline: float,
    *,
    tls: ssl.SSLContext | None = None,
    path: str | None = None,
) -> Connection:
    """Return an open connection to where a URL points.

    Args:
        url: as in ``http://127.0.0.1:9091/prefix``; nothing is taken of it but scheme, host,
            port and path.
        deadline: monotonic moment at which everything ends, the answer included.
        tls: verifies the peer of an ``https`` URL before a byte goes out.
        path: a unix socket to connect to instead of host and port.

    Raises:
        Unavailable: the name cannot be looked up.
        OSError: it cannot be reached in time, or cannot prove who it is.
        ValueError: the URL is none, or is ``https`` and there is no ``tls``.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None or not parts.hostname or (parts.scheme == "https") != (tls is not None):
        raise ValueError("a URL with http://, or with https:// and a context of TLS, is expected")
    if path is None:
        addresses = resolve(parts.hostname, port, socket.SOCK_STREAM, _left(deadline) / 2)
    else:
        addresses = [(int(socket.AF_UNIX), path)]
    connection = stream(addresses, deadline)
    channel: Socket | Secured = connection
    try:
        connection.settimeout(_left(deadline))
        if tls is not None:
            channel = Secured(connection, tls, server_hostname=parts.hostname)
            channel.handshake()
    except BaseException as error:
        connection.close()
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            # A name that no certificate can be for.
            raise OSError(f"TLS cannot be spoken with it: {error}") from None
        raise
    return Connection(channel, _authority(parts), deadline, parts.path.rstrip("/"))


def _said(error: h11.RemoteProtocolError) -> str:
    """Return what is wrong with an answer, and how that begins."""
    what, mark, quoted = str(error).partition(": bytearray(b")
    return one_line(f"{what}: {quoted[:40]}" if mark else what)


def _authority(parts: SplitResult) -> str:
    """Return the field ``Host``."""
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0 or math.isnan(left):
        raise TimeoutError("timed out")
    return left
