"""The proxy and the scripted HTTP server fail as they say."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

from tests.support import scripted
from tests.support.doubles import LineSink
from tests.support.proxy import Proxy
from tests.support.scripted import ScriptedHTTP, status
from tests.support.waiting import wait_for


@pytest.fixture
def sink():
    with LineSink() as sink:
        yield sink


@pytest.fixture
def proxy(sink):
    with Proxy(sink.address) as proxy:
        yield proxy


def deliver(proxy, data, timeout=5.0):
    """Send, end, and return what comes until the other side ends."""
    with socket.create_connection(proxy.address, timeout=timeout) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def cut_off(proxy, data):
    """Insist that a delivery meets a reset, whichever of its calls does."""
    with pytest.raises(OSError) as caught:
        deliver(proxy, data)
    assert caught.value.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


def test_bytes_and_ends_pass(sink, proxy):
    """Both ends; also many bytes, and many connections."""
    line = b"x" * 99_999 + b"\n"
    for _ in range(3):
        assert deliver(proxy, line * 30) == b""
    assert sink.lines == [line[:-1]] * 90
    assert (proxy.accepted, sink.reset) == (3, 0)


@pytest.mark.parametrize("after", [0, 1, 9, 10])
def test_a_connection_is_reset_after_so_many_bytes(sink, proxy, after):
    """The client is reset; the server has exactly those bytes and an end."""
    proxy.reset_after = after
    cut_off(proxy, b"123456789\nabc\n")
    wait_for(lambda: sink.ended == 1, what="the end")
    assert (
        b"".join(line + b"\n" for line in sink.lines) + b"".join(sink.torn)
        == (b"123456789\nabc\n"[:after])
    )
    assert sink.reset == 0


def test_a_black_hole_opens_again_where_it_was(sink, proxy):
    """In the middle of a connection, too."""
    with socket.create_connection(proxy.address, timeout=5) as client:
        client.sendall(b"one\n")
        wait_for(lambda: sink.lines == [b"one"], what="the first line")
        proxy.blackhole()
        client.sendall(b"two\n")
        with pytest.raises(TimeoutError):
            deliver(proxy, b"three\n", timeout=0.2)
        assert sink.lines == [b"one"]
        proxy.listen()
        wait_for(lambda: set(sink.lines) == {b"one", b"two", b"three"}, what="the others")


def test_what_is_swallowed_goes_nowhere(sink, proxy):
    """Nor does the end of it."""
    proxy.swallow = True
    with pytest.raises(TimeoutError):
        deliver(proxy, b"one\n", timeout=0.2)
    assert sink.lines == []


def test_delays_delay(sink, proxy):
    """Latency of a chunk, bandwidth, and an end held back."""
    for fault, value in (("latency", 0.1), ("bandwidth", 100.0), ("hold_close", 0.1)):
        setattr(proxy, fault, value)
        begun = time.monotonic()
        assert deliver(proxy, b"123456789\n") == b""
        assert time.monotonic() - begun >= 0.1
        setattr(proxy, fault, 0.0)
    assert len(sink.lines) == 3


def test_a_proxy_refuses_and_resets(sink, proxy):
    """And comes back on its port; a server that is away is a reset."""
    with socket.create_connection(proxy.address, timeout=5) as client:
        client.sendall(b"one\n")
        wait_for(lambda: sink.lines, what="the line")
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        deliver(proxy, b"")
    proxy.listen()
    assert deliver(proxy, b"two\n") == b""
    sink.refuse()
    cut_off(proxy, b"three\n")


def test_a_tap_hears_what_the_server_was_given(sink):
    """And whether it has read everything: only its own end, after the client's, says so."""
    heard = []
    with Proxy(sink.address, tap=lambda *given: heard.append(given)) as proxy:
        assert deliver(proxy, b"one\ntwo\n") == b""
        assert heard == [(b"one\ntwo\n", True)]
        proxy.reset_after = 5
        cut_off(proxy, b"one\ntwo\n")
        wait_for(lambda: heard[1:] == [(b"one\nt", False)], what="the tap")
        proxy.heal()
        sink.hold_eof()
        with socket.create_connection(proxy.address, timeout=5) as client:
            client.sendall(b"three\n")
            wait_for(lambda: sink.lines[-1:] == [b"three"], what="the line")
            sink.refuse()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        wait_for(lambda: heard[2:] == [(b"three\n", False)], what="the tap")


def ask(server, body=b"b"):
    head = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(server.address, timeout=0.3) as client:
        client.sendall(head)
        client.sendall(body)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_script_is_answered_in_order():
    """Each request is remembered, with its whole body."""
    with ScriptedHTTP(status(503, b"no", retry_after="2"), scripted.garbage) as server:
        first = ask(server, b"x" * 300_000)
        assert first.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 2\r\n" in first
        assert first.endswith(b"\r\n\r\nno")
        assert not ask(server).startswith(b"HTTP")
        assert ask(server).startswith(b"HTTP/1.1 204 ")
        assert [len(request.body) for request in server.requests] == [300_000, 1, 1]


@pytest.mark.parametrize("answer", [scripted.silent, scripted.dripping, scripted.slow_head])
def test_slow_answers_are_slow(answer):
    """Silence ends a wait; drops do not, they only never end."""
    with (
        ScriptedHTTP(answer) as server,
        socket.create_connection(server.address, timeout=0.3) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        if answer is scripted.silent:
            with pytest.raises(TimeoutError):
                client.recv(1)
        else:
            assert all(client.recv(100) for _ in range(5))


def test_endless_answers_go_on_and_resets_reset():
    """More than any buffer holds."""
    with ScriptedHTTP(scripted.endless, scripted.resetting) as server:
        with socket.create_connection(server.address, timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            got = 0
            while got < 20_000_000:
                got += len(client.recv(65536))
        with pytest.raises(ConnectionResetError):
            ask(server)


@pytest.mark.parametrize("make", [lambda: Proxy(("127.0.0.1", 9)), ScriptedHTTP])
def test_they_leave_no_thread(make):
    """Also while they refuse."""
    before = threading.active_count()
    with make() as double:
        double.refuse()
    assert threading.active_count() == before
