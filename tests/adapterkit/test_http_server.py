"""The server for pages: whatever a client sends, and whenever it leaves, the server goes on."""

from __future__ import annotations

import fcntl
import gc
import http.client
import math
import os
import selectors
import socket
import struct
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from sampler.adapterkit import http_server
from sampler.adapterkit._http import client_connection
from sampler.adapterkit.http_server import Answer, plain_answer
from tests.adapterkit.pages import HALF, WHOLE, Held, Pages, ask, at, reset, rest, serves, serving
from tests.support.waiting import wait_for, within

DESCRIPTORS = Path("/proc/self/fd")


@pytest.mark.parametrize("what", ["Wakeup", "Service.start"])
def test_a_server_that_cannot_be_made_says_why_and_leaves_nothing_open(what, monkeypatch):
    """No descriptor is left, or no thread can start: its listener is closed."""

    def refuse(*_):
        raise OSError(24, "too many open files")

    monkeypatch.setattr(f"sampler.adapterkit.http_server.{what}", refuse)
    listener = http_server.listening_socket(socket.AF_INET, ("127.0.0.1", 0))
    with pytest.raises(OSError, match="too many open files"):
        http_server.Server(listener, Pages().make)
    assert listener.fileno() < 0


@pytest.mark.scenario(42)
@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["end", "reset"])
def test_a_client_that_leaves_while_it_makes_room_is_left_alone(leave, caplog):
    """The server is full, and the client to be evicted leaves when a new one connects."""
    pages = Pages()
    with serving(pages, max_connections=4) as server:
        half = []
        for _ in range(600):
            client = socket.create_connection(server.address)
            client.sendall(HALF)
            half.append(client)
            if len(half) > 4:
                leave(half.pop(0))
        assert serves(server)
        for client in half:
            client.close()
    assert not caplog.records


@pytest.mark.scenario(42)
@pytest.mark.parametrize("sent", [b"", HALF, WHOLE, WHOLE + b"x" * 100_000, b"\x16\x03\x01\0"])
@pytest.mark.parametrize("leave", ["close", "reset", "half", "half and reset", "wait"])
@pytest.mark.parametrize("limit", [1, 3])
def test_no_order_of_a_clients_doings_stops_the_server(sent, leave, limit, caplog):
    """With one place and with three; before, during and after the answer."""
    pages = Pages()
    with serving(pages, max_connections=limit) as server:
        waiting = []
        for number in range(20):
            client = socket.create_connection(server.address)
            with suppress(OSError):
                client.sendall(sent)
                if number % 3 == 1:
                    client.settimeout(0.01)
                    client.recv(100)
                if "half" in leave:
                    client.shutdown(socket.SHUT_WR)
            if leave == "close":
                client.close()
            elif "reset" in leave:
                reset(client)
            else:
                waiting.append(client)
        wait_for(lambda: serves(server), limit=30, what="a page")
        for client in waiting:
            client.close()
        wait_for(lambda: not server._clients, what="all to leave")
    assert not caplog.records


def test_a_field_with_a_line_break_is_not_sent():
    """A value cannot add a field to an answer."""
    pages = Pages()
    pages.page = lambda: Answer(200, b"page", fields=(("X", "a\r\nSet-Cookie: b"),))
    with serving(pages) as server:
        assert ask(server) == b""
        pages.page = lambda: Answer(200, b"page\n")
        assert serves(server)


def test_a_unix_socket_is_served_too(tmp_path):
    """The same server."""
    where = str(tmp_path / "page")
    with serving(Pages(), socket.AF_UNIX, where) as server:
        assert server.address == (where, 0)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(where)
            client.sendall(WHOLE)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"\r\n\r\npage\n")


def test_a_client_without_a_request_is_closed_in_time(monkeypatch):
    """Even if it sends a byte now and then."""
    monkeypatch.setattr(client_connection, "HEAD_LIMIT", 0.2)
    with serving(Pages()) as server, socket.create_connection(server.address, timeout=20) as idle:
        assert idle.recv(1) == b""


@pytest.mark.scenario(45)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked as on Linux")
def test_the_kernel_has_no_copy_of_a_page_for_a_slow_reader():
    """It holds a part only; the whole page is in memory once."""
    pages = Pages()
    pages.page = lambda body=b"x" * 2**24: Answer(200, body)
    with serving(pages) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(server.address)
        slow.sendall(WHOLE)
        wait_for(lambda: [c for c in server._clients.values() if c.stalled], what="no progress")
        (client,) = server._clients.values()
        waiting = struct.pack("i", 0)
        waiting = fcntl.ioctl(client.connection, termios.TIOCOUTQ, waiting)
        assert 0 < struct.unpack("i", waiting)[0] < 3 * client_connection.UNSENT


def test_what_a_body_holds_is_thrown_away():
    """However it is framed: the answer says that the connection closes."""
    chunked = b"POST /other HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\0"
    with serving(Pages()) as server:
        for request in (chunked, WHOLE * 3, WHOLE + b"\0\x1b"):
            answer = ask(server, request)
            assert answer.count(b"HTTP/1.1 ") == 1
            assert b"\r\nConnection: close\r\n" in answer


def test_a_head_of_an_answer_is_read_by_others():
    """By http.client: HEAD has no body, and GET the length of its own."""
    with serving(Pages()) as server:
        for method, body in (("GET", b"404 Not Found\n"), ("HEAD", b"")):
            connection = http.client.HTTPConnection(*server.address, timeout=20)
            connection.request(method, "/none")
            response = connection.getresponse()
            assert (response.status, response.read()) == (404, body)
            assert response.getheader("Content-Length") == "14"
            connection.close()


@pytest.mark.scenario(42)
def test_idle_clients_that_hold_every_descriptor_make_room(monkeypatch):
    """The server evicts clients for lack of descriptors as for max_connections."""
    with serving(Pages()) as server:
        half = [socket.create_connection(server.address) for _ in range(10)]
        for client in half:
            client.sendall(HALF)
        wait_for(lambda: len(server._clients) == 10, what="all to be there")
        accept = type(server._listener).accept

        def limited(listener):
            if len(server._clients) >= 10:
                raise OSError(24, "Too many open files")
            return accept(listener)

        monkeypatch.setattr(type(server._listener), "accept", limited)
        monkeypatch.setattr(client_connection, "HEAD_LIMIT", 600)
        assert serves(server)
        monkeypatch.undo()
        for client in half:
            client.close()


def test_a_request_that_came_just_before_a_newcomer_keeps_its_place():
    """It is read before its client would be evicted."""
    pages = Held()
    with serving(pages, max_connections=2) as server, at(server) as early, at(server) as holds:
        early.sendall(HALF)
        wait_for(lambda: len(server._clients) == 2, what="both to be there")
        holds.sendall(WHOLE.replace(b"page", b"held"))
        with at(server) as late:
            late.sendall(WHOLE)
            early.sendall(WHOLE[len(HALF) :])
            pages.may.set()
            assert rest(early).endswith(b"page\n")
            assert rest(late).endswith(b"page\n")


def test_who_finds_no_place_while_all_wait_is_told_so():
    """A client whose answer is being made is not evicted."""
    pages = Held()
    with serving(pages, max_connections=1) as server, at(server) as waits:
        waits.sendall(WHOLE)
        wait_for(
            lambda: [c for c in server._clients.values() if c.awaits_answer], what="its request"
        )
        assert ask(server).startswith(b"HTTP/1.1 503 ")
        pages.may.set()
        assert rest(waits).endswith(b"page\n")


def test_a_place_that_becomes_free_soon_is_waited_for(monkeypatch):
    """A newcomer to a full server is not sent away at once."""
    monkeypatch.setattr(http_server, "FULL", 60.0)
    pages = Held()
    with serving(pages, max_connections=1) as server, at(server) as waits:
        waits.sendall(WHOLE)
        wait_for(
            lambda: [c for c in server._clients.values() if c.awaits_answer], what="its request"
        )
        with at(server) as late:
            late.sendall(WHOLE)
            wait_for(lambda: server._full_since < math.inf, what="the server to see who waits")
            pages.may.set()
            assert rest(waits).endswith(b"page\n")
            assert rest(late).endswith(b"page\n")


def test_a_client_that_only_listens_gets_its_answer_and_the_end():
    """It is not in the selector while it waits, and is closed after the answer."""
    pages = Held()
    with serving(pages, reply_timeout=600) as server, at(server) as client:
        client.sendall(WHOLE)
        client.shutdown(socket.SHUT_WR)
        (served,) = wait_for(lambda: [c for c in server._clients.values() if c.half_closed])
        wait_for(lambda: served.descriptor not in server._selector.get_map(), what="quiet")
        pages.may.set()
        assert rest(client).endswith(b"page\n")


def test_half_a_request_does_not_hold_the_end(monkeypatch, caplog):
    """Connected clients have a moment to send their request."""
    monkeypatch.setattr(client_connection, "HEAD_LIMIT", 600)
    with serving(Pages()) as server, at(server) as half:
        half.sendall(HALF)
        wait_for(lambda: server._clients, what="a client")
        with within(1, "the end"):
            server.close(300)
        assert rest(half) == b""
    assert not caplog.records


def test_a_page_that_is_read_slowly_arrives_whole():
    """It is sent in parts."""
    pages = Pages()
    pages.page = lambda body=b"x" * 2**24: Answer(200, body)
    with serving(pages) as server, at(server) as slow:
        slow.sendall(WHOLE)
        wait_for(lambda: [c for c in server._clients.values() if c.stalled], what="no progress")
        assert len(rest(slow).partition(b"\r\n\r\n")[2]) == 2**24


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://localhost/page", "/page", ""),
        (b"http://localhost/page?a=/b?c", "/page", "a=/b?c"),
        (b"http://localhost", "/", ""),
        (b"http://localhost?a=/b", "/", "a=/b"),
        (b"HTTPS://localhost:1/page", "/page", ""),
        (b"ftp://localhost/page", "ftp://localhost/page", ""),
        (b"http", "http", ""),
    ],
)
def test_a_whole_url_may_be_asked_for(target, path, query):
    """RFC 9112, 3.2.2: of http or https."""
    asked, pages = [], Pages()
    pages.quick_answer = lambda request: asked.append(request) or plain_answer(404)
    with serving(pages) as server:
        assert ask(server, WHOLE.replace(b"/page", target)).startswith(b"HTTP/1.1 404 ")
    assert [(each.path, each.query) for each in asked] == [(path, query)]


def test_a_head_alone_is_sent_where_only_it_is_asked_for():
    """RFC 9110, 9.3.2: not a byte of the content follows."""
    with serving(Pages()) as server:
        answer = ask(server, b"HEAD /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors cannot be listed")
def test_a_closed_server_holds_no_descriptor():
    """Though the program may still refer to it."""

    def open_now():
        return len(list(DESCRIPTORS.iterdir()))

    gc.collect()
    before = open_now()
    with serving(Pages()) as server, at(server) as client:
        assert open_now() > before + 3
        server.close(5.0)
        client.close()
        wait_for(lambda: open_now() <= before, what="the descriptors to be closed")
        assert server.closing


def test_one_answer_is_sent_and_another_is_settled_as_not_taken():
    """Likewise one for a client that has left."""
    ours, theirs = socket.socketpair()
    settled = []
    with ours, theirs:
        client = client_connection.ClientConnection(ours)
        theirs.sendall(WHOLE)
        assert client.read() is not None
        for number in (1, 2):
            body = b"page %d" % number
            taken = partial(lambda number, taken: settled.append((number, taken)), number)
            client.answer(Answer(200, body, settle=taken), 60)
        assert settled == [(2, False)]
        client.leave(taken=True)
        client.answer(Answer(200, b"late", settle=lambda taken: settled.append((3, taken))), 60)
        assert settled == [(2, False), (1, True), (3, False)]
        assert theirs.recv(65536).endswith(b"page 1")


def test_a_client_that_takes_its_answer_is_not_stalled(monkeypatch):
    """Progress is counted from the last byte that the kernel took."""
    monkeypatch.setattr(client_connection, "STALLED", 20.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        client = client_connection.ClientConnection(ours)
        client.answer(Answer(200, b"x" * 2**24), 60)
        assert client.events & selectors.EVENT_WRITE
        assert not client.stalled
        client.leave()


def test_another_version_of_http_is_told_so():
    """Only 1.0 and 1.1 are spoken."""
    with serving(Pages()) as server:
        assert ask(server, b"GET /page HTTP/2.0\r\nHost: localhost\r\n\r\n")[9:12] == b"505"


def test_a_request_that_is_on_its_way_is_answered_though_the_server_closes(monkeypatch):
    """A client that was let in has a moment for its request."""
    monkeypatch.setattr(http_server, "GRACE", 40.0)
    with serving(Pages()) as server, at(server) as client, ThreadPoolExecutor() as threads:
        wait_for(lambda: server._clients, what="the client to be let in")
        closed = threads.submit(server.close, 40.0)
        wait_for(lambda: server._listener.fileno() < 0, what="the server to accept no more")
        client.sendall(WHOLE)
        assert rest(client).endswith(b"page\n")
        client.close()
        closed.result(60)


def test_closing_waits_for_the_threads_a_moment_longer_than_for_the_clients(monkeypatch):
    """So that they can close what is open; and not for ever."""
    patience = []
    join = http_server.Service.join
    with serving(Pages()) as server:
        monkeypatch.setattr(
            http_server.Service, "join", lambda *of: [patience.append(of[1]), join(of[0], 20.0)][1]
        )
        server.close(0.0)
    assert len(patience) >= 2
    assert all(0.0 < each <= http_server.GRACE for each in patience[:2])


def test_an_answer_whose_client_has_gone_was_not_taken():
    """It left while its page was being made."""
    pages, taken = Held(), []
    pages.page = partial(Answer, 200, b"page\n", settle=taken.append)
    with serving(pages) as server:
        client = at(server)
        client.sendall(WHOLE)
        wait_for(server._queues[0].clients, what="the request to be read")
        reset(client)
        wait_for(lambda: not server._clients, what="the client to be gone")
        pages.may.set()
        wait_for(lambda: taken, what="the answer to be settled")
    assert taken == [False]


@pytest.mark.parametrize("end", ["time", "close"])
def test_a_client_that_does_not_read_its_answer_has_not_taken_it(end):
    """It is dropped when its time is over, or when the server closes."""
    pages, taken = Pages(), []
    pages.page = partial(Answer, 200, b"x" * 50_000_000, settle=taken.append)
    with serving(pages, reply_timeout=0.2 if end == "time" else 60.0) as server:
        with at(server) as client:
            client.sendall(WHOLE)
            assert client.recv(1)
            if end == "close":
                server.close(0.0)
            wait_for(lambda: not server._clients, what="the client to be dropped")
        assert taken == [False]


def test_a_listener_of_ipv6_has_an_address_of_two_parts():
    """Host and port; and accepting from it does not block."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with serving(Pages(), socket.AF_INET6, ("::1", 0)) as server:
        assert server.address == ("::1", server.address[1])
        assert not server._listener.getblocking()
        assert serves(server)


def test_clients_that_are_there_are_served_after_a_failure_of_the_serving_thread(monkeypatch):
    """It goes on with everybody, those in the middle of a request included."""
    with serving(Pages()) as server, at(server) as client:
        client.sendall(HALF)
        wait_for(lambda: server._clients, what="the client to be let in")
        failures, serve_a_round = [RuntimeError("a bug")], server._round

        def fail_once():
            if failures:
                raise failures.pop()
            serve_a_round()

        monkeypatch.setattr(server, "_round", fail_once)
        server._wakeup.wake()
        wait_for(lambda: not failures, what="the failure")
        client.sendall(WHOLE.removeprefix(HALF))
        assert rest(client).endswith(b"page\n")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_childs_copy_of_a_server_holds_nothing_open():
    """Its listener would keep the port taken, and clients would not see the parent's end."""
    with serving(Pages()) as server, at(server) as client:
        client.sendall(HALF)
        wait_for(lambda: server._clients, what="the client to be let in")
        sockets = [server._listener, *(each.connection for each in server._clients.values())]
        if not (child := os.fork()):
            os._exit(sum(each.fileno() >= 0 for each in sockets))
        assert os.waitpid(child, 0)[1] == 0
        client.sendall(WHOLE.removeprefix(HALF))
        assert rest(client).endswith(b"page\n")
