"""An HTTP client for adapters: one request, one reply, one deadline for all of it.

The deadline covers looking the name up, connecting, the TLS handshake, sending and reading, even
when the peer sends a byte at a time. A bounded part of the reply is read, and its text is made
printable. Redirects are not followed.

.. code-block:: python

    with http.connect("https://push.example:9091", deadline, tls=context) as connection:
        reply = connection.request("PUT", "/metrics/job/x", {"Content-Type": "text/plain"}, body)

:func:`sampler.adapterkit.tls_files.client_context` makes the ``tls`` context.
"""

from __future__ import annotations

import socket
import zlib
from time import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import attrs
import h11

from sampler._runtime.printable import one_line, printable
from sampler.adapterkit._http.head import BadMessage, Head
from sampler.adapterkit._http.proxies import proxy_for
from sampler.adapterkit.deadline import seconds_left
from sampler.adapterkit.dns import resolve
from sampler.adapterkit.retry_after import retry_after
from sampler.adapterkit.tcp import connect as connect_tcp
from sampler.adapterkit.tls import secured

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from sampler.adapterkit.sockets import Socket
    from sampler.adapterkit.tls import TLSSocket

__all__ = [
    "MAX_INTERIM",
    "MAX_READ",
    "MAX_TEXT",
    "BadReply",
    "Connection",
    "Reply",
    "compressed",
    "connect",
]

MAX_TEXT = 2000
"""Bytes of a body that are read; the rest is not waited for."""
MAX_INTERIM = 8
"""Interim replies, such as ``100 Continue``, that are accepted before the final one."""
MAX_READ = 65536
"""Bytes of a reply after its head, beside twice those of its body that are asked for."""

_PIECE = 2**14
"""Bytes that are sent at once: the deadline is checked before each piece."""
_FRAMING = 256
"""Bytes of a chunk's head, or of trailers: h11 parses them in quadratic time."""
_PORTS = {"http": 80, "https": 443}
_PROXY_AUTHENTICATION = 407


_GZIP = 16 + zlib.MAX_WBITS
_FAST = 1


class BadReply(OSError):
    """The peer's reply is not HTTP, or is too long."""


@attrs.frozen
class Reply:
    """A peer's reply.

    Attributes:
        status: the status code.
        text: the first :data:`MAX_TEXT` bytes of its body, as one printable line.
        retry_after: seconds to wait before the next request, as the peer asks; None: it does not.
        fields: its header fields by name in lower case, decoded as Latin-1, printable.
        body: the beginning of its body as it is, as much as was asked for.
    """

    status: int
    text: str = ""
    retry_after: float | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = attrs.field(default=b"", repr=False)


class Connection:
    """An open connection for one request; as a context manager it closes itself.

    Args:
        channel: connected; with TLS, after the handshake.
        host: the value of the field ``Host``.
        deadline: monotonic moment at which everything ends.
        prefix: prepended to the path of the request.
        fields: header fields for a proxy, if one passes the request on.
    """

    def __init__(
        self,
        channel: Socket | TLSSocket,
        host: str,
        deadline: float,
        prefix: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self._proxy_fields = dict(fields or {})
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
        """Close the connection."""
        self._channel.close()

    def request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        most: int = MAX_TEXT,
        gzip: bool = False,
    ) -> Reply:
        """Send a request, and return the reply.

        Args:
            method: such as ``PUT``.
            path: path and query, percent-encoded; it is appended to the path of the URL.
            fields: header fields beside ``Host``, ``Connection`` and ``Content-Length``.
            body: the content; None: there is none.
            most: bytes of the reply's body that are read; the rest is not waited for.
            gzip: compress the content, and say so in ``Content-Encoding``.

        Raises:
            TimeoutError: the deadline has passed.
            BadReply: the reply is not HTTP, or is too long.
            OSError: any other failure to send or receive.
            ValueError: this is not a valid request: a field has a line break, a path a space.
        """
        given = {**self._proxy_fields, **(fields or {})}
        headers = [("Host", self._host), ("Connection", "close"), *given.items()]
        if gzip and body is not None:
            body = compressed(body)
            headers.append(("Content-Encoding", "gzip"))
        if body is not None:
            headers.append(("Content-Length", str(len(body))))
        try:
            begin = self._codec.send(
                h11.Request(method=method, target=self._prefix + path, headers=headers)
            )
        except h11.LocalProtocolError as error:
            raise ValueError(f"not a valid HTTP request: {one_line(str(error))}") from None
        self._send(begin)
        self._send(body or b"")
        if body:
            self._codec.send_with_data_passthrough(h11.Data(data=body))
        self._codec.send(h11.EndOfMessage())
        try:
            return self._reply(most)
        except BadMessage as error:
            raise BadReply(f"its reply is not HTTP: {error}") from None
        except h11.RemoteProtocolError as error:
            raise BadReply(f"its reply is not HTTP: {_described(error)}") from None

    def open_tunnel(self, fields: Mapping[str, str]) -> None:
        """Have a proxy connect to the host; what is sent then goes there.

        Args:
            fields: header fields for the proxy.

        Raises:
            OSError: it does not.
        """
        headers = [("Host", self._host), *fields.items()]
        self._send(
            self._codec.send(h11.Request(method="CONNECT", target=self._host, headers=headers))
        )
        self._codec.send(h11.EndOfMessage())
        try:
            head, rest = self._head(b"")
            self._codec.receive_data(head)
            event = self._codec.next_event()
        except (BadMessage, h11.RemoteProtocolError):
            raise BadReply("the proxy's reply is not HTTP") from None
        status = getattr(event, "status_code", 0)
        if status == _PROXY_AUTHENTICATION:
            raise OSError("the proxy requires a name and a password: set them in the environment")
        if not 200 <= status < 300 or rest:
            raise OSError(f"the proxy does not connect to {self._host}: it answers {status}")

    def _send(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            self._channel.settimeout(seconds_left(self._deadline))
            self._channel.sendall(data[at : at + _PIECE])

    def _receive(self) -> bytes:
        self._channel.settimeout(seconds_left(self._deadline))
        return self._channel.recv(_PIECE)

    def _reply(self, most: int) -> Reply:
        """Read interim replies, the head of the final one, and the beginning of its body."""
        rest = b""
        for _ in range(MAX_INTERIM + 1):
            head, rest = self._head(rest)
            self._codec.receive_data(head)
            event = self._codec.next_event()
            if isinstance(event, h11.Response):
                break
        else:
            raise BadReply(f"it sends more than {MAX_INTERIM} interim replies")
        body = self._body(rest, most)
        fields: dict[str, list[str]] = {}
        for name, value in event.headers.raw_items():
            fields.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
        joined = {name: printable(", ".join(values)) for name, values in fields.items()}
        wait = retry_after(joined.get("retry-after"), time())
        text = printable(" ".join(body[:MAX_TEXT].decode("utf-8", "replace").split()))
        return Reply(event.status_code, text, wait, joined, body)

    def _head(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the next head, and the bytes that came after it."""
        head = Head()
        while (whole := head.feed(data)) is None:
            if not (data := self._receive()):
                raise BadReply("it closed the connection without a reply")
        return whole, head.rest

    def _body(self, data: bytes, most: int) -> bytes:
        """Return the beginning of the body."""
        text, read = bytearray(), len(data)
        while True:
            while isinstance(event := self._codec.next_event(), h11.Data):
                text += event.data
            if isinstance(event, h11.EndOfMessage) or len(text) >= most:
                return bytes(text[:most])
            if not data:
                data = self._receive()  # empty at the end; h11 raises where the body is not whole
                read += len(data)
            if read > MAX_READ + 2 * most:
                raise BadReply("the framing of its reply is longer than the reply")
            self._codec.receive_data(data[:_FRAMING])
            data = data[_FRAMING:]


def compressed(body: bytes) -> bytes:
    """Return a body for ``Content-Encoding: gzip``, compressed fast."""
    made = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    return made.compress(body) + made.flush()


def connect(
    url: str,
    deadline: float,
    *,
    tls: ssl.SSLContext | None = None,
    path: str | None = None,
    proxy: str | None = None,
) -> Connection:
    """Return an open connection to the server that a URL names.

    Args:
        url: such as ``http://127.0.0.1:9091/prefix``; only its scheme, host, port and path are
            used.
        deadline: monotonic moment at which everything ends, reading the reply included.
        tls: verifies the server of an ``https`` URL before anything is sent.
        path: a unix socket to connect to instead of host and port.
        proxy: the URL of an HTTP proxy to go through; "": none; default: as ``http_proxy``,
            ``https_proxy`` and ``no_proxy`` of the environment say. An ``https`` server is reached
            through a tunnel, so the proxy reads nothing of what is sent.

    Raises:
        Unavailable: the name cannot be looked up.
        OSError: the server or the proxy cannot be reached in time, or the server cannot prove who
            it is.
        ValueError: this is not an ``http`` URL, nor an ``https`` URL with ``tls``.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None or not parts.hostname or (parts.scheme == "https") != (tls is not None):
        raise ValueError("expected a URL with http://, or with https:// and a TLS context")
    through = None if path else proxy_for(parts.scheme, parts.hostname, port, proxy)
    if path is None:
        host, number = (through.host, through.port) if through else (parts.hostname, port)
        addresses = resolve(host, number, socket.SOCK_STREAM, seconds_left(deadline) / 2)
    else:
        addresses = [(int(socket.AF_UNIX), path)]
    try:
        connection = connect_tcp(addresses, deadline)
    except OSError as error:
        if through is None:
            raise
        why = error.strerror or error
        raise OSError(f"the proxy {through.host}:{through.port} does not answer: {why}") from None
    channel: Socket | TLSSocket = connection
    authority, prefix = _authority(parts), parts.path.rstrip("/")
    fields = None if through is None else through.fields
    if through is not None and tls is None:
        prefix = f"http://{authority}{prefix}"
    elif through is not None:
        server = authority if parts.port else f"{authority}:{port}"
        tunnel, fields = Connection(channel, server, deadline), None
        try:
            tunnel.open_tunnel(through.fields)
        except BaseException:
            tunnel.close()
            raise
    if tls is not None:
        channel = secured(connection, tls, parts.hostname, deadline)
    return Connection(channel, authority, deadline, prefix, fields)


def _described(error: h11.RemoteProtocolError) -> str:
    """Return what is wrong with a reply, and how the wrong part begins."""
    what, mark, quoted = str(error).partition(": bytearray(b")
    return one_line(f"{what}: {quoted[:40]}" if mark else what)


def _authority(parts: SplitResult) -> str:
    """Return the field ``Host``."""
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host
