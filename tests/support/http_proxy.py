"""A forward proxy as squid is: plain requests by absolute URL, and tunnels by CONNECT."""

from __future__ import annotations

import base64
import select
import socket
import threading
from typing import TYPE_CHECKING

from tests.support.ports import HOST

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_CHUNK = 65536


class HTTPProxy:
    """A proxy on loopback, on threads of its own.

    Args:
        password: ``name:password`` that it asks for.
        answer: what it answers instead of passing anything on.
        hosts: names that it takes for this host.

    Attributes:
        heads: the heads of what it was asked, in order.
        passed: bytes that went through tunnels to servers.
    """

    def __init__(
        self, password: str = "", answer: bytes = b"", hosts: tuple[str, ...] = ()
    ) -> None:
        self._hosts = hosts
        self.heads: list[bytes] = []
        self.passed = b""
        self._wanted = b"Basic " + base64.b64encode(password.encode()) if password else b""
        self._answer = answer
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            data = b""
            while b"\r\n\r\n" not in data:
                if not (part := client.recv(_CHUNK)):
                    return
                data += part
            head, _, rest = data.partition(b"\r\n\r\n")
            self.heads.append(head)
            if self._answer:
                client.sendall(self._answer)
                return
            if self._wanted and self._wanted not in head:
                client.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
                return
            method, target, _ = head.split(b"\r\n")[0].split(b" ")
            if method == b"CONNECT":
                host, _, port = target.decode().rpartition(":")
            else:
                host, _, port = target.decode().split("/")[2].rpartition(":")
            try:
                name = HOST if host in self._hosts else host.strip("[]")
                server = socket.create_connection((name, int(port)), 5)
            except OSError:
                client.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
                return
            with server:
                if method == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    path = b"/" + target.split(b"/", 3)[3]
                    server.sendall(data.replace(target, path, 1))
                self._pump(client, server, rest if method == b"CONNECT" else b"")

    def _pump(self, client: socket.socket, server: socket.socket, rest: bytes) -> None:
        if rest:
            server.sendall(rest)
        while True:
            ready, _, _ = select.select([client, server], [], [], 10)
            for source in ready:
                try:
                    data = source.recv(_CHUNK)
                    if not data:
                        return
                    if source is client:
                        self.passed += data
                        server.sendall(data)
                    else:
                        client.sendall(data)
                except OSError:
                    return
            if not ready:
                return
