"""TLS in memory, against the standard library's own sockets as peers."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampler.adapterkit.sockets import Socket, socketpair
from sampler.adapterkit.threads import Selector
from sampler.adapterkit.tls import TLSSocket
from tests.support.certificates import issue, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "gateway.test"
LIMIT = 30.0


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server and of a client."""
    certificate, key = issue(tmp_path, NAME)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(trust(tmp_path)))


@contextmanager
def connected(serve: Callable[[socket.socket], None]) -> Iterator[Socket]:
    """Connect a socket of ours to one of the standard library that a thread serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        ours = stack.enter_context(Socket(socket.AF_INET, socket.SOCK_STREAM))
        ours.settimeout(LIMIT)
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
        stack.enter_context(theirs)
        theirs.settimeout(LIMIT)
        thread = threading.Thread(target=serve, args=(theirs,), daemon=True)
        thread.start()
        yield ours
        ours.close()
        thread.join(LIMIT)
        assert not thread.is_alive()


def echo(context: ssl.SSLContext, **options: Any) -> Callable[[socket.socket], None]:
    """Return a peer that sends back what it gets, until the end."""

    def serve(theirs: socket.socket) -> None:
        with context.wrap_socket(theirs, **options) as secured:
            secured.settimeout(LIMIT)
            while True:
                try:
                    data = secured.recv(5000)
                except (ssl.SSLEOFError, ConnectionError):
                    return
                if not data:
                    return
                secured.sendall(data)

    return serve


@pytest.mark.parametrize("server", [True, False])
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.lists(st.binary(min_size=1, max_size=60_000), min_size=1, max_size=4))
def test_what_is_sent_comes_back(contexts: Any, server: bool, data: list[bytes]) -> None:
    """As either side, whatever the size, in the order it was sent."""
    theirs, mine = (contexts[1], contexts[0]) if server else contexts
    peer = echo(theirs, **({"server_hostname": NAME} if server else {"server_side": True}))
    with (
        connected(peer) as ours,
        TLSSocket(
            ours, mine, server_side=server, server_hostname=None if server else NAME
        ) as secured,
    ):
        for part in data:
            secured.sendall(part)
            back = b""
            while len(back) < len(part):
                back += secured.recv(16_384)
            assert back == part


def test_a_socket_that_does_not_wait(contexts: Any) -> None:
    """It raises instead; the send is repeated, and a selector never misses bytes."""
    received: list[int] = []
    go = threading.Event()

    def slow(theirs: socket.socket) -> None:
        with contexts[1].wrap_socket(theirs, server_hostname=NAME) as secured:
            secured.sendall(b"ask")
            assert go.wait(LIMIT)
            while data := secured.recv(65536):
                received.append(len(data))

    body = memoryview(b"x" * 8_000_000)
    with connected(slow) as ours, Selector() as selector:
        ours.setblocking(False)
        secured = TLSSocket(ours, contexts[0], server_side=True)
        selector.register(secured, 1)  # type: ignore[arg-type]
        until = time.monotonic() + LIMIT
        asked = b""
        while asked != b"ask":
            assert selector.select(until - time.monotonic()), "there is something to read"
            try:
                asked += secured.recv(2)
                while secured.pending():
                    asked += secured.recv(2)
            except BlockingIOError:
                continue
        left = body
        waits = 0
        while left:
            try:
                left = left[secured.send(left) :]
            except BlockingIOError:
                waits += 1
                go.set()
                selector.modify(secured, 2)  # type: ignore[arg-type]
                assert selector.select(until - time.monotonic()), "there is room again"
        ours.shutdown(socket.SHUT_WR)
        selector.modify(secured, 1)  # type: ignore[arg-type]
    assert waits, "the kernel did not take it at once"
    assert sum(received) == len(body)


def test_the_server_must_be_who_it_should_be(contexts: Any) -> None:
    """No data is sent before that is known."""
    seen: list[bytes] = []

    def serve(theirs: socket.socket) -> None:
        try:
            with contexts[0].wrap_socket(theirs, server_side=True) as secured:
                seen.append(secured.recv(100))
        except OSError:
            return

    with connected(serve) as ours:
        secured = TLSSocket(ours, contexts[1], server_hostname="other.test")
        with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.test"):
            secured.sendall(b"secret")
    assert seen in ([], [b""])


def test_who_speaks_something_else_is_told_at_once(contexts: Any) -> None:
    """Five bytes are enough to see that it is not TLS."""
    with connected(lambda theirs: theirs.sendall(b"GET /")) as ours, pytest.raises(ssl.SSLError):
        TLSSocket(ours, contexts[0], server_side=True).recv(100)


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x00\x00", b""])
def test_a_peer_that_drips_has_one_wait(contexts: Any, said: bytes) -> None:
    """All waits of a call share its timeout, and a closed connection is no timeout."""
    over = threading.Event()

    def drip(theirs: socket.socket) -> None:
        theirs.sendall(said)
        while not over.wait(0.05):
            try:
                theirs.sendall(b"\x01")
            except OSError:
                return

    with connected(drip) as ours:
        ours.settimeout(0.6)
        with pytest.raises(OSError):  # no TLS, or not in time
            TLSSocket(ours, contexts[0], server_side=True).recv(100)
        assert ours.gettimeout() == 0.6
        over.set()


def test_a_peer_that_ends_before_it_has_said_anything(contexts: Any) -> None:
    """The handshake fails at once."""
    with connected(lambda theirs: theirs.close()) as ours, pytest.raises(OSError):
        TLSSocket(ours, contexts[0], server_side=True).handshake()


def test_our_sockets_are_sockets() -> None:
    """They accept, copy themselves, close at the end of a block, and are weakly referred to."""
    with Socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with listener.dup() as copy, Socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.connect(listener.getsockname())
            connection, address = copy.accept()
            with connection:
                assert type(connection) is Socket
                assert address == client.getsockname()
                connection.sendall(b"x")
                assert client.recv(1) == b"x"
        assert copy.fileno() == connection.fileno() == -1
    one, other = socketpair()
    with one, other:
        one.sendall(b"y")
        assert other.recv(1) == b"y"
