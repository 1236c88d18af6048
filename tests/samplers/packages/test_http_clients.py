"""urllib3, requests and httpx against a server that counts its requests and connections."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.samplers.programs import run
from tests.support.ports import HOST, free_port
from tests.wiring.rig import need

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server


class Counting(ThreadingHTTPServer):
    """A server that counts."""

    daemon_threads = True
    connections = requests = 0

    def get_request(self):  # as the base class
        """Accept a connection."""
        self.connections += 1
        return super().get_request()


class Handler(BaseHTTPRequestHandler):
    """`/404` is answered so, `/redirect` leads to `/`; a connection is kept."""

    protocol_version = "HTTP/1.1"
    server: Counting

    def do_GET(self) -> None:
        """Answer."""
        self.server.requests += 1
        status = {"/404": 404, "/redirect": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_BREW = do_GET

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def counting() -> Iterator[Counting]:
    """Run the server."""
    with Counting((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield server
        finally:
            server.shutdown()


def _requests(found: dict[str, float], package: str) -> dict[str, float]:
    """Return how many there were, by what tells them apart."""
    head = f"{package}.request.duration{{"
    return {
        name.removeprefix(head).removesuffix("}"): value
        for name, value in found.items()
        if name.startswith(head) and value
    }


def _open(found: dict[str, float], package: str) -> tuple[float, float]:
    name = f'{package}.open_connections{{http.connection.state="%s"}}'
    return found[name % "active"], found[name % "idle"]


def test_requests_are_told_by_the_sampler_of_urllib3(request: pytest.FixtureRequest) -> None:
    """As many requests and connections as the server has seen; those of gone sessions, too."""
    need(request, "requests")
    gone = free_port()
    with counting() as server:
        url = f"http://{HOST}:{server.server_port}"
        first, found = run(f"""
            import gc
            import requests
            early = requests.Session()
            early.get("{url}/")
            with Collector() as consumer:
                first = read(consumer)
                early.get("{url}/")
                early.get("{url}/404")
                early.get("{url}/redirect")
                early.request("BREW", "{url}/")
                for _ in range(3):
                    requests.post("{url}/", data=b"x")  # each by a session of its own
                try:
                    early.get("http://{HOST}:{gone}/")
                except requests.ConnectionError as error:
                    assert "refused" in str(error)
                streamed = early.get("{url}/", stream=True)
                gc.collect()
                print(json.dumps([first, read(consumer)]))
        """)
    host = f'server.address="{HOST}"'
    assert _requests(first, "urllib3") == {}
    assert _requests(found, "urllib3") == {
        f'http.request.method="GET",http.response.status_code="200",{host}': 3,
        f'http.request.method="GET",http.response.status_code="302",{host}': 1,
        f'http.request.method="GET",http.response.status_code="404",{host}': 1,
        f'http.request.method="POST",http.response.status_code="200",{host}': 3,
        f'http.request.method="_OTHER",http.response.status_code="200",{host}': 1,
        f'error.type="NewConnectionError",http.request.method="GET",{host}': 1,
    }
    assert server.requests == 1 + 9
    assert found[f"urllib3.connection.create_time{{{host}}}"] == server.connections - 1 == 3
    assert _open(first, "urllib3") == (0, 1)
    assert _open(found, "urllib3") == (1, 0)
    assert found["urllib3.active_requests"] == 0


def test_httpx_tells_its_requests(request: pytest.FixtureRequest) -> None:
    """Of clients made before and after the sampler, asynchronous ones, too."""
    need(request, "httpx")
    gone = free_port()
    with counting() as server:
        url = f"http://{HOST}:{server.server_port}"
        told = run(f"""
            import asyncio
            import httpx
            early = httpx.Client()
            early.get("{url}/")
            with Collector() as consumer:
                told = [read(consumer)]
                for path in ("/", "/404", "/redirect"):
                    early.get("{url}" + path, follow_redirects=True)
                httpx.post("{url}/", content=b"x")
                try:
                    early.get("http://{HOST}:{gone}/")
                except httpx.ConnectError:
                    pass
                async def main():
                    async with httpx.AsyncClient() as client:
                        await asyncio.gather(*(client.get("{url}/") for _ in range(4)))
                        async with client.stream("GET", "{url}/"):
                            told.append(read(consumer))
                asyncio.run(main())
                told.append(read(consumer))
            print(json.dumps(told))
        """)
    host = f'server.address="{HOST}"'
    assert _requests(told[0], "httpx") == {}
    assert _requests(told[-1], "httpx") == {
        f'http.request.method="GET",http.response.status_code="200",{host}': 7,
        f'http.request.method="GET",http.response.status_code="302",{host}': 1,
        f'http.request.method="GET",http.response.status_code="404",{host}': 1,
        f'http.request.method="POST",http.response.status_code="200",{host}': 1,
        f'error.type="ConnectError",http.request.method="GET",{host}': 1,
    }
    assert server.requests == 1 + 10
    assert _open(told[0], "httpx") == (0, 1)
    assert _open(told[1], "httpx")[0] == 1
    assert _open(told[-1], "httpx") == (0, 1)
    assert told[1]["httpx.active_requests"] == 0


def test_what_a_request_raises_and_returns_is_untouched(request: pytest.FixtureRequest) -> None:
    """Arguments, results and errors pass through the seam as they are."""
    need(request, "urllib3")
    with counting() as server:
        same, error, name = run(f"""
            import inspect
            import urllib3
            before = inspect.signature(urllib3.HTTPConnectionPool._make_request)
            pool = urllib3.HTTPConnectionPool("{HOST}", {server.server_port}, maxsize=2)
            with Collector() as consumer:
                read(consumer)
                changed = urllib3.HTTPConnectionPool
                same = (
                    inspect.signature(changed._make_request) == before
                    and "sampler" in changed._make_request.__code__.co_filename
                    and pool.request("GET", "/").data == b"ok"
                    and type(pool) is changed
                )
                try:
                    pool.request("GET", "/", timeout="soon")
                except ValueError as raised:
                    error = str(raised)
                print(json.dumps([same, error, changed.__init__.__qualname__]))
        """)
    assert same
    assert "Timeout value connect was soon" in error
    assert name == "HTTPConnectionPool.__init__"
