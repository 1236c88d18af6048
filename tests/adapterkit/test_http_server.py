"""The server for pages: whatever a client or a call of its own does, it serves on."""

from __future__ import annotations

import fcntl
import gc
import http.client
import logging
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager, suppress

import pytest

from sampler.adapterkit._http import client_connection
from sampler.adapterkit.http_server import Answer, Server, listening_socket, plain_answer
from sampler.adapterkit.threads import unhealthy
from sampler.agent import log
from tests.support.waiting import wait_for, within

HALF = b"GET /page HTTP/1.1\r\n"
WHOLE = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pages:
    """What a server answers: a page from the thread that makes them, anything else at once."""

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
    """Tell whether a page can be had now."""
    with suppress(OSError):
        return ask(server).endswith(b"page\n")
    return False


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.scenario(42)
@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["end", "reset"])
def test_a_client_that_leaves_while_it_makes_room_is_left_alone(leave, caplog):
    """A full server, a newcomer, and the oldest half request ends at the same moment."""
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
    """With one place and with three; before the reply, after it, and in its midst."""
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


def calls_of(server_threads, run):
    """Let `run(armed)` go, and return the calls that those threads made while armed."""
    found = []
    armed = threading.Event()

    def note(frame, event, argument):
        if armed.is_set() and (site := call(frame, event, argument, server_threads)):
            found.append(site)

    threading.setprofile(note)
    try:
        run(armed)
    finally:
        threading.setprofile(None)
    return list(dict.fromkeys(found))


def call(frame, event, argument, names):
    """Return where a call is made and of what, if it is one of the server's own loop."""
    if event == "call":
        code = frame.f_code
        what, caller = code.co_qualname, frame.f_back
    elif event == "c_call":
        what, caller = getattr(argument, "__qualname__", "?"), frame
    else:
        return None
    if caller is None or "adapterkit" not in caller.f_code.co_filename:
        return None
    if threading.current_thread().name not in names or caller.f_code.co_name == "__del__":
        return None
    if what.endswith(("lock.__exit__", "__del__")):
        return None  # nobody gets what a finalizer raises; a lock stays locked
    return what, caller.f_code.co_qualname, caller.f_lineno


def crowd(server, armed):
    """Do a bit of everything: half a request, whole ones, one that leaves, one too many."""
    armed.set()
    clients = [socket.create_connection(server.address, timeout=5) for _ in range(3)]
    with suppress(OSError):
        clients[0].sendall(HALF)
        clients[1].sendall(WHOLE)
        clients[1].recv(65536)
        clients[2].sendall(WHOLE)
        reset(clients[2])
        serves(server)
        with socket.create_connection(server.address, timeout=5) as late:
            late.sendall(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\nmore")
            late.recv(100)
    armed.clear()
    for client in clients:
        client.close()


class Boom(BaseException):
    """What no code expects."""


THREADS = ("sampler-http", "sampler-http-page")


@pytest.mark.scenario(42)
def test_whatever_call_of_the_loops_raises_the_page_is_there_again(monkeypatch):
    """Each call that they make raises once, in a server of its own, found by watching them."""

    def dry(armed):
        with serving(Pages(), max_connections=2) as server:
            crowd(server, armed)

    sites = calls_of(THREADS, dry)
    assert len(sites) > 40
    # A connection that is struck before anybody has it is freed, with the traceback.
    monkeypatch.setattr(logging.getLogger("sampler"), "disabled", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for site in sites:
            struck(site)
        assert log.flush(10)
        gc.collect()


def struck(site):
    """Let the first call there raise, and see that all is well afterwards."""
    raised = []
    armed = threading.Event()

    def strike(frame, event, argument):
        if armed.is_set() and not raised and call(frame, event, argument, THREADS) == site:
            raised.append(site)
            raise Boom

    pages = Pages()
    threading.setprofile(strike)
    try:
        with serving(pages, max_connections=2) as server:
            crowd(server, armed)
            wait_for(lambda: serves(server), limit=30, what=f"a page after {site}")
            wait_for(lambda: not unhealthy(), limit=30, what=f"health after {site}")
            wait_for(lambda: not server._clients, what=f"an end after {site}")
    finally:
        threading.setprofile(None)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name in THREADS], f"a thread is left after {site}"


@pytest.mark.scenario(42)
@pytest.mark.parametrize("fault", [ZeroDivisionError("x"), SystemExit(1), KeyboardInterrupt()])
def test_a_page_that_cannot_be_made_is_500(fault, caplog):
    """One line in the log, and the next one is served."""
    pages = Pages()
    with serving(pages) as server:
        pages.fault = fault
        for _ in range(3):
            assert ask(server).startswith(b"HTTP/1.1 500 ")
        pages.fault = None
        assert serves(server)
        for number in (lambda answers: [], lambda answers: answers * 2):
            pages.number = number
            assert ask(server).startswith(b"HTTP/1.1 500 ")
    assert len(caplog.records) == 1


@pytest.mark.scenario(42)
def test_what_a_page_of_others_raises_costs_its_client(caplog):
    """Whatever it is; the fault is in the log."""
    with serving(Pages()) as server:
        assert ask(server, b"GET /bug HTTP/1.0\r\n\r\n") == b""
        assert serves(server)
    assert "SystemExit: a bug" in caplog.text


def test_a_field_with_a_line_break_is_not_sent():
    """Nobody can put a field of his own into an answer."""
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
    """Also where it drips."""
    monkeypatch.setattr(client_connection, "HEAD_LIMIT", 0.2)
    with serving(Pages()) as server, socket.create_connection(server.address, timeout=20) as idle:
        assert idle.recv(1) == b""


@pytest.mark.scenario(45)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked as on Linux")
def test_the_kernel_has_no_copy_of_a_page_for_a_slow_reader():
    """A part of it waits there; the rest is held once, by us."""
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
    """However it is framed: the reply says that the connection ends."""
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


def test_a_server_that_cannot_begin_leaves_nothing(monkeypatch):
    """The port is free, no thread is left."""
    listener = listening_socket(socket.AF_INET, ("127.0.0.1", 0))
    where = listener.getsockname()

    def full(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("sampler.adapterkit._http.wakeup.socketpair", full)
    before = threading.active_count()
    with pytest.raises(OSError, match="Too many"):
        Server(listener, Pages().make)
    monkeypatch.undo()
    wait_for(lambda: threading.active_count() == before, what="its threads to end")
    listening_socket(socket.AF_INET, where).close()
    assert sys.getrefcount(listener) < 20


@pytest.mark.scenario(42)
def test_idle_clients_that_hold_every_descriptor_make_room(monkeypatch):
    """A descriptor is a place like those of max_connections."""
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


def at(server):
    """Connect to a server."""
    return socket.create_connection(server.address, timeout=40)


def rest(client):
    """Return what still comes, to the end."""
    return b"".join(iter(lambda: client.recv(65536), b""))


class Held(Pages):
    """Pages whose thread makes none before it may, and which say `/held` when they may, too."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.number = lambda answers: self.may.wait(60) and answers

    def quick_answer(self, request):
        if request.path == "/held":
            self.may.wait(60)
            return plain_answer(404)
        return super().quick_answer(request)


@pytest.mark.scenario(42)
def test_a_request_that_came_just_before_a_newcomer_keeps_its_place():
    """It is read before its client is told that there is no room."""
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


@pytest.mark.scenario(42)
def test_who_finds_no_place_while_all_wait_is_told_so():
    """A client whose answer is being made loses its place to nobody."""
    pages = Held()
    with serving(pages, max_connections=1) as server, at(server) as waits:
        waits.sendall(WHOLE)
        wait_for(
            lambda: [c for c in server._clients.values() if c.awaits_answer], what="its request"
        )
        assert ask(server).startswith(b"HTTP/1.1 503 ")
        pages.may.set()
        assert rest(waits).endswith(b"page\n")


@pytest.mark.scenario(42)
def test_a_client_that_only_listens_gets_its_answer_and_the_end():
    """Nothing is waited for meanwhile, and nothing once the answer has left."""
    pages = Held()
    with serving(pages, reply_timeout=600) as server, at(server) as client:
        client.sendall(WHOLE)
        client.shutdown(socket.SHUT_WR)
        (served,) = wait_for(lambda: [c for c in server._clients.values() if c.half_closed])
        wait_for(lambda: served.descriptor not in server._selector.get_map(), what="quiet")
        pages.may.set()
        assert rest(client).endswith(b"page\n")


@pytest.mark.scenario(42)
def test_a_new_start_of_the_loop_costs_no_clients(monkeypatch, caplog):
    """Neither those who are about to ask nor those who wait."""
    pages = Held()
    pause = Server._pause
    faults = []

    def fails(server):
        if faults:
            raise faults.pop()
        return pause(server)

    monkeypatch.setattr(Server, "_pause", fails)
    with serving(pages) as server, at(server) as waits, at(server) as half:
        waits.sendall(WHOLE)
        half.sendall(HALF)
        wait_for(
            lambda: [c for c in server._clients.values() if c.awaits_answer], what="its request"
        )
        wait_for(lambda: len(server._clients) == 2, what="both to be there")
        faults.append(ZeroDivisionError("a bug"))
        assert wait_for(lambda: ask(server, WHOLE.replace(b"page", b"none")))
        assert not faults
        pages.may.set()
        half.sendall(WHOLE[len(HALF) :])
        assert rest(waits).endswith(b"page\n")
        assert rest(half).endswith(b"page\n")
    assert "a bug" in caplog.text


@pytest.mark.scenario(42)
def test_half_a_request_does_not_hold_the_end(monkeypatch, caplog):
    """Whoever has connected has a moment to ask."""
    monkeypatch.setattr(client_connection, "HEAD_LIMIT", 600)
    with serving(Pages()) as server, at(server) as half:
        half.sendall(HALF)
        wait_for(lambda: server._clients, what="a client")
        with within(1, "the end"):
            server.close(300)
        assert rest(half) == b""
    assert not caplog.records


def test_a_page_that_is_read_slowly_arrives_whole():
    """It leaves in parts."""
    pages = Pages()
    pages.page = lambda body=b"x" * 2**24: Answer(200, body)
    with serving(pages) as server, at(server) as slow:
        slow.sendall(WHOLE)
        wait_for(lambda: [c for c in server._clients.values() if c.stalled], what="no progress")
        assert len(rest(slow).partition(b"\r\n\r\n")[2]) == 2**24


def test_a_whole_url_may_be_asked_for():
    """RFC 9112, 3.2.2."""
    with serving(Pages()) as server:
        whole = WHOLE.replace(b"/page", b"http://localhost/page")
        assert ask(server, whole).endswith(b"page\n")


CLOSES = """
import os, socket, sys, time
from sampler.adapterkit.http_server import Answer, Server, listening_socket
from sampler.adapterkit.threads import unhealthy

server = Server(
    listening_socket(socket.AF_INET, ("127.0.0.1", 0)),
    lambda requests: [Answer(200)] * len(requests),
)
clients = [socket.create_connection(server.address) for _ in range(3)]
for client in clients[1:]:
    client.sendall(b"GET / HTTP/1.1\\r\\n")
while len(server._clients) < 3:
    time.sleep(0.01)
kept = {1: server._listener, 2: next(iter(server._clients.values())).connection}.get(%(kept)d)
for each in sorted(os.listdir("/proc/self/fd"), key=int):
    number = int(each)
    if number > 2 and kept is not None and number == kept.fileno():
        continue
    if number > 2 and number not in [client.fileno() for client in clients]:
        try:
            os.close(number)
        except OSError:
            pass
clients[0].close()
until = time.monotonic() + 10
while not unhealthy() and time.monotonic() < until:
    try:
        socket.create_connection(server.address, timeout=0.2).close()
    except OSError:
        time.sleep(0.05)
print(bool(unhealthy()))
server.close(1.0)
print("closed")
os._exit(0)
"""


@pytest.mark.scenario(42)
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are found as on Linux")
@pytest.mark.parametrize("kept", [0, 1, 2], ids=["none", "listener", "client"])
def test_descriptors_that_a_program_closes_are_said_and_harm_no_end(kept):
    """Some programs close all they do not know: the thread says so, and close() raises nothing."""
    done = subprocess.run(
        [sys.executable, "-c", CLOSES % {"kept": kept}],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "True\nclosed\n", done.stderr


def test_descriptors_that_run_out_cost_a_pause(monkeypatch):
    """The serving thread goes on meanwhile."""
    pages = Pages()
    with serving(pages) as server:
        accept = type(server._listener).accept
        failing = [24] * 3

        def accept_later(listener):
            if failing:
                raise OSError(failing.pop(), "Too many open files")
            return accept(listener)

        monkeypatch.setattr(type(server._listener), "accept", accept_later)
        began = time.monotonic()
        assert serves(server)
        assert time.monotonic() - began >= 0.1
    assert not failing
