"""A server of pages for tests, and clients of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from contextlib import contextmanager, suppress

from sampler.adapterkit.http_server import Answer, Server, listening_socket, plain_answer

HALF = b"GET /page HTTP/1.1\r\n"
WHOLE = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pages:
    """Answers of a server: ``/page`` is made on a thread, others are quick answers."""

    def __init__(self) -> None:
        self.settled: Counter[int] = Counter()
        self.made = 0
        self.fault: BaseException | None = None
        self.number = lambda answers: answers

    def make(self, requests):
        if self.fault is not None:
            raise self.fault
        return self.number([self.page() for _ in requests])

    def page(self):
        self.made = number = self.made + 1
        return Answer(200, b"page\n", settle=lambda _taken: self.settled.update([number]))

    def quick_answer(self, request):
        if request.path == "/bug":
            raise SystemExit("a bug")
        return None if request.path == "/page" else plain_answer(404)


@contextmanager
def serving(pages, family=socket.AF_INET, address=("127.0.0.1", 0), **options):
    server = Server(listening_socket(family, address), pages.make, pages.quick_answer, **options)
    try:
        yield server
    finally:
        server.close(5.0)
        assert set(pages.settled.values()) <= {1}, "no answer is settled twice"


def ask(server, request=WHOLE):
    with socket.create_connection(server.address, timeout=20) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def serves(server):
    """Tell whether the server answers with a page."""
    with suppress(OSError):
        return ask(server).endswith(b"page\n")
    return False


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def at(server):
    """Connect to a server."""
    return socket.create_connection(server.address, timeout=40)


def rest(client):
    """Return everything until the server closes."""
    return b"".join(iter(lambda: client.recv(65536), b""))


class Held(Pages):
    """Pages that are held back until ``may`` is set; so is the answer to ``/held``."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.number = lambda answers: self.may.wait(60) and answers

    def quick_answer(self, request):
        if request.path == "/held":
            self.may.wait(60)
            return plain_answer(404)
        return super().quick_answer(request)
