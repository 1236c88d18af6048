"""Status pages: of nginx as it is, and of servers that are gone, slow, torn, or something else."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Registry
from sampler.samplers.servers import apache, granian, nginx
from tests.samplers.servers.daemons import there
from tests.support.nginx import Nginx
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NGINX = (
    "Active connections: 3 \nserver accepts handled requests\n 7 6 9 \n"
    "Reading: 1 Writing: 1 Waiting: 1 \n"
)
APACHE = (
    "127.0.0.1\nServerUptimeSeconds: 5\nTotal Accesses: 2\nTotal kBytes: 10\n"
    "Total Duration: 47\nBusyWorkers: 1\nIdleWorkers: 2\nConnsTotal: 3\nConnsAsyncClosing: 1\n"
    "Scoreboard: _W_..\n"
)
GRANIAN = (
    "# TYPE granian_workers_spawns counter\ngranian_workers_spawns 2\n"
    'granian_blocking_queue{worker="1"} 4\ngranian_py_wait_cumulative{worker="1"} 1500000\n'
    'granian_of_a_later_version{worker="1"} 4\n'
)
KINDS = {"nginx": (nginx, NGINX), "apache": (apache, APACHE), "granian": (granian, GRANIAN)}


def pulled(sampler: Any, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """Pull a sampler once; return the values, and what is said of failures."""
    registry = Registry()
    registry.register(sampler)
    registry.register({"name": "other", "sample": lambda: [("fine", 1)]})
    with Collector(registry, settings={sampler["name"]: settings}) as consumer:
        snapshot = consumer.collect()
        found = {str(series): value for series, value in snapshot}
        assert found.pop("other.fine") == 1
        return found, [f"{each.sampler}: {each.message}" for each in snapshot.failures]


class Answering:
    """A server of one answer.

    Args:
        answer: sends it on a connection.
    """

    def __init__(self, answer: Callable[[socket.socket], object]) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}/status"
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(4096)
                    self._answer(connection)
                except OSError:
                    continue

    def __enter__(self) -> str:
        return self.url

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def page(body: bytes, length: int | None = None, status: str = "200 OK") -> Callable[..., Any]:
    """Return what answers with a page."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return lambda connection: connection.sendall(head.encode() + body)


def endless(connection: socket.socket) -> None:
    """Send gigabytes, or as much as is taken."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def drips(connection: socket.socket) -> None:
    """Send a byte now and then."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + 4000 * b"x":
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    """Yield a server that accepts and never answers."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener


@pytest.mark.server
def test_nginx_tells_what_the_test_did(
    request: pytest.FixtureRequest, tmp_path: Path, behind: socket.socket
) -> None:
    """Half a head is ``reading``, a request that waits for the upstream ``writing``."""
    there(request, "nginx")
    front = Nginx(tmp_path / "nginx")
    front.before(behind.getsockname()[1])
    with front as server:
        url = f"http://{HOST}:{server.port}/nginx_status"
        address = (HOST, server.port)
        before, failures = pulled(nginx.SAMPLER, url=url)
        assert failures == []
        with (
            socket.create_connection(address) as slow,
            socket.create_connection(address) as waits,
        ):
            slow.sendall(b"GET / HTTP/1.1\r\nHo")
            waits.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            wait_for(
                lambda: (
                    (
                        pulled(nginx.SAMPLER, url=url)[0][
                            'nginx.connection.count{state="reading"}'
                        ],
                        pulled(nginx.SAMPLER, url=url)[0][
                            'nginx.connection.count{state="writing"}'
                        ],
                    )
                    == (1, 2)
                ),  # ours, and the one that asks
                what="both clients",
            )
            after, _ = pulled(nginx.SAMPLER, url=url)
        assert after["nginx.connections.accepted"] > before["nginx.connections.accepted"]
        assert after["nginx.connections.dropped"] == 0
        assert after["nginx.requests"] > before["nginx.requests"]


def test_known_pages_are_read() -> None:
    """Each number of each page; what a later version adds is left out."""
    assert {name: value for name, value, *_ in nginx.parse(NGINX)} == {
        "connection.count": 1,
        "connection.active": 3,
        "connections.accepted": 7,
        "connections.dropped": 1,
        "requests": 9,
    }
    samples = list(apache.parse(APACHE))
    assert ("thread.count", 1, {"state": "writing"}) in samples
    assert ("thread.count", 2, {"state": "open"}) in samples
    assert {
        ("thread.limit", 5),
        ("requests", 2),
        ("response.io", 10240),
        ("busy.time", 0.047),
    } <= {each for each in samples if len(each) == 2}
    assert list(granian.parse(GRANIAN)) == [
        ("worker.starts", 2),
        ("queue.length", 4, {"worker": "1"}),
        ("gil.wait.time", 1.5, {"worker": "1"}),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page(b"<html>It works!</html>"), "no such status page"),
        (page(b""), "no such status page"),
        (page(bytes(range(256)) * 40), "no such status page"),
        (page(b"gone", status="404 Not Found"), "answered 404"),
        (page(b"x" * 300_000), "longer than 262144 bytes"),
        (endless, "longer than 262144 bytes"),
        (lambda connection: connection.sendall(b"\x00garbage\r\n\r\n"), "not HTTP"),
        (lambda _: None, "closed the connection without a reply"),
        (drips, "timed out"),
    ],
    ids=["html", "empty", "bytes", "404", "long", "gigabytes", "garbage", "closed", "drips"],
)
def test_what_is_no_status_page_costs_that_sampler_only(
    kind: str, answer: Callable[[socket.socket], object], said: str
) -> None:
    """In one line with its address, within its time; other samplers are pulled."""
    module, _ = KINDS[kind]
    with Answering(answer) as url, within(2):
        found, (failure,) = pulled(module.SAMPLER, url=url)
    assert found == {}
    assert url in failure
    assert said in failure, failure
    assert "\n" not in failure


@pytest.mark.parametrize("kind", ["nginx", "apache"])
def test_each_beginning_of_a_page_is_refused(kind: str) -> None:
    """A torn number would be another one; granian's page has no end of its own."""
    module, text = KINDS[kind]
    for length in range(len(text)):
        with pytest.raises((ValueError, LookupError)):
            list(module.parse(text[:length]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_ends_too_early_tells_nothing(kind: str) -> None:
    """Its length was told before."""
    module, text = KINDS[kind]
    with Answering(page(text[:-1].encode(), len(text))) as url:
        found, (failure,) = pulled(module.SAMPLER, url=url)
    assert (found, url in failure) == ({}, True)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=300))
def test_no_text_breaks_a_parser(kind: str, text: str) -> None:
    """It yields samples, or raises what is told as another page."""
    module, good = KINDS[kind]
    for each in (text, good + text, good.replace("1", text)):
        try:
            list(module.parse(each))
        except (ValueError, LookupError):
            continue


def test_a_server_that_is_gone_is_said_with_its_address() -> None:
    """And it comes back by itself."""
    port = free_port()
    url = f"http://{HOST}:{port}/status"
    _, (failure,) = pulled(nginx.SAMPLER, url=url)
    assert failure.startswith(f"nginx: BadPageError: {url}: ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": 5}, "url: expected a text, got 5"),
        ({"url": "https://127.0.0.1/x"}, "url: expected http://HOST:PORT/PATH"),
        ({"timeout": 60}, "timeout: expected seconds above 0, 4 at most, got 60"),
        ({"timeout": True}, "timeout: expected seconds"),
        ({"socket": []}, "socket: expected a text"),
        ({"uri": "http://127.0.0.1/"}, "uri: no such setting; there are socket, timeout, url"),
    ],
)
def test_settings_that_are_none_are_said(settings: dict[str, Any], said: str) -> None:
    """By the factory, before anything is read."""
    _, (failure,) = pulled(nginx.SAMPLER, **settings)
    assert said in failure
