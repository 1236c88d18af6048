"""The adapter does what the agent relies on, against a real HTTP server."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from sampler import Registry, agent
from sampler.agent import Batch, Rejected, Unavailable
from sampler.testing import AdapterContract

from mypackage import MyPackage

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server(HTTPServer):
    """Keeps the lines that it is sent, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 204
        self.lines: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        """Take the lines."""
        size = int(self.headers["Content-Length"])
        self.server.lines += self.rfile.read(size).splitlines()
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free port."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,)).start()
        yield running
        running.shutdown()


class TestContract(AdapterContract):
    """What every adapter has to do; `sampler explain A-05` prints a rule."""

    @pytest.fixture(autouse=True)
    def _server(self, server: Server) -> None:
        self.url = server.url

    def adapter(self) -> MyPackage:
        """Return one whose endpoint accepts what it is sent."""
        return MyPackage(url=self.url)

    def unreachable(self) -> MyPackage:
        """Return one for an address where nobody listens."""
        return MyPackage(url="http://127.0.0.1:1")


def test_a_program_s_numbers_arrive(server: Server) -> None:
    """By the entry point in pyproject.toml. If this fails: is it installed?"""
    registry = Registry()
    registry.register({"name": "shop", "sample": lambda: [("orders", 3)]})
    table = {"type": "mypackage", "url": server.url}
    account = agent.push({"adapters": {"out": table}}, registry)
    assert account.complete, account.troubles
    told = [json.loads(line) for line in server.lines]
    orders = [each for each in told if each["name"] == "shop.orders"]
    assert [each["value"] for each in orders] == [3]


def test_an_endpoint_that_is_busy_gets_the_batch_again(server: Server) -> None:
    """The agent keeps it, and tries again later."""
    server.status = 503
    adapter = MyPackage(url=server.url)
    with pytest.raises(Unavailable, match="answers 503"):
        adapter.send(Batch((b"{}",), samples=1), 5.0)


def test_what_an_endpoint_refuses_is_dropped_and_counted(server: Server) -> None:
    """Sending it again would not help."""
    server.status = 400
    adapter = MyPackage(url=server.url)
    with pytest.raises(Rejected, match="answers 400"):
        adapter.send(Batch((b"{}",), samples=1), 5.0)
