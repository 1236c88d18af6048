"""A web server with a few threads, and clients that come in waves: by HTTP, over loopback."""

from __future__ import annotations

import math
import queue
import random
import threading
import time
from http.client import HTTPConnection, HTTPException
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from typing import Self

THREADS = 4
_CLIENTS = 40
_WAVE = 8.0
"""Seconds from one crowd of clients to the next."""


class _Handler(WSGIRequestHandler):
    timeout = 5.0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: the screen is the demo's."""


class _Server(WSGIServer):
    """Has each connection served by one of a few threads; the others wait in a queue."""

    request_queue_size = 64

    def __init__(self, application: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.set_app(application)
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for number in range(THREADS):
            threading.Thread(target=self._serve, name=f"shop-{number}", daemon=True).start()

    def server_bind(self) -> None:
        """Bind without asking a name server for this host's name, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Leave it to a thread."""
        self._waiting.put((request, client_address))

    def _serve(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            try:
                self.finish_request(*waiting)
            except OSError:  # the client has left
                pass
            finally:
                self.shutdown_request(waiting[0])

    def server_close(self) -> None:
        """Stop listening, and end the threads."""
        super().server_close()
        for _ in range(THREADS):
            self._waiting.put(None)


class Traffic:
    """An application that is served, and used by more clients than it has threads.

    Args:
        application: of WSGI.

    Attributes:
        failed: requests that got no answer, or another than 200.
    """

    def __init__(self, application: Any) -> None:
        self.failed: int = 0
        self._server = _Server(application)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(number,), name="demo-client", daemon=True)
            for number in range(_CLIENTS)
        ]

    def __enter__(self) -> Self:
        accepting = {"target": self._server.serve_forever, "args": (0.05,)}
        threading.Thread(**accepting, name="shop", daemon=True).start()  # type: ignore[arg-type]
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(5.0)
        self._server.shutdown()
        self._server.server_close()

    def _visit(self, number: int) -> None:
        """Come, read or order, think; the later clients come with the crowd only."""
        rng = random.Random(number)  # noqa: S311 - not for secrets
        while not self._ended.wait(rng.uniform(0.05, 0.4)):
            turn = (time.monotonic() - self._began) / _WAVE
            if number < _CLIENTS * (0.6 - 0.5 * math.cos(2 * math.pi * turn)):
                self._ask("/order" if rng.random() < 0.5 else "/")

    def _ask(self, path: str) -> None:
        connection = HTTPConnection("127.0.0.1", self._server.server_port, timeout=5)
        try:
            # What a proxy in front writes: since when this request has waited.
            connection.request("GET", path, headers={"X-Request-Start": f"t={time.time():.6f}"})
            answer = connection.getresponse()
            answer.read()
            self.failed += answer.status != 200
        except (OSError, HTTPException):
            self.failed += 1
        finally:
            connection.close()
