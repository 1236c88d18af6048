"""The server goes on when its own calls, or those of the page, fail."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress

import pytest

from sampler.adapterkit.http_server import Server, listening_socket
from sampler.adapterkit.threads import unhealthy
from sampler.agent import log
from tests.adapterkit.pages import HALF, WHOLE, Held, Pages, ask, at, reset, rest, serves, serving
from tests.support.waiting import wait_for


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
    """Return what is called and where, if the call is one of the server's own loop."""
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
    """Send half a request, whole ones, one and leave, and one too many."""
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
    """Each call that the threads were seen to make raises once, each in a new server."""

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
    """Let the first call at this place raise, and check that the server goes on."""
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
    wait_for(lambda: not threads_left(), what=f"the end of all threads after {site}")


def threads_left():
    """Return the names of the server's threads that have not ended."""
    return [thread.name for thread in threading.enumerate() if thread.name in THREADS]


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
    (line,) = caplog.messages
    assert line.startswith("sampler-http: an answer could not be made")


@pytest.mark.scenario(42)
def test_what_a_page_of_others_raises_costs_its_client(caplog):
    """Whatever it raises; the log has it."""
    with serving(Pages()) as server:
        assert ask(server, b"GET /bug HTTP/1.0\r\n\r\n") == b""
        assert serves(server)
    assert "SystemExit: a bug" in caplog.text


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
    if hasattr(sys, "getrefcount"):
        assert sys.getrefcount(listener) < 20


def test_a_new_start_of_the_loop_costs_no_clients(monkeypatch, caplog):
    """Neither those that are sending a request nor those that wait."""
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
theirs = []
while %(reused)d and len(theirs) < 40:  # they get the numbers that are free now
    theirs += socket.socketpair()
for each in theirs:
    each.setblocking(False)
inodes = [os.fstat(each.fileno()).st_ino for each in theirs]
clients[0].close()
status, until = b"", time.monotonic() + 30
while not status and time.monotonic() < until:
    try:
        with socket.create_connection(server.address, timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
            status = client.recv(12)
    except OSError:
        time.sleep(0.05)
print(status.decode(), unhealthy())
server.close(1.0)
print([os.fstat(each.fileno()).st_ino for each in theirs] == inodes)
for each in theirs:
    try:
        print("got", each.recv(9))
    except BlockingIOError:
        pass
os._exit(0)
"""


@pytest.mark.scenario(42)
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are found as on Linux")
@pytest.mark.parametrize("reused", [False, True], ids=["free", "reused"])
@pytest.mark.parametrize("kept", [0, 1, 2], ids=["none", "listener", "client"])
def test_descriptors_that_a_program_closes_are_opened_again(kept, reused):
    """Some programs close all that they find; what has the numbers afterwards is not touched."""
    done = subprocess.run(
        [sys.executable, "-c", CLOSES % {"kept": kept, "reused": reused}],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "HTTP/1.1 200 {}\nTrue\n", done.stderr
    assert ("os.closerange()" in done.stderr) == (kept != 1)
    assert "Traceback" not in done.stderr


def test_descriptors_that_run_out_cost_a_pause(monkeypatch):
    """The serving thread goes on."""
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


def test_a_listener_that_the_program_has_closed_is_said(monkeypatch, caplog):
    """It is no lack of descriptors: the thread has failed, and is started again."""
    with serving(Pages()) as server:
        accept = type(server._listener).accept
        failing = [errno.EBADF]

        def accept_later(listener):
            if failing:
                raise OSError(failing.pop(), "Bad file descriptor")
            return accept(listener)

        monkeypatch.setattr(type(server._listener), "accept", accept_later)
        assert serves(server)
    assert not failing
    assert "Bad file descriptor" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="the lowest free descriptor is taken next")
def test_a_client_whose_descriptor_another_one_had_is_served():
    """The program had closed that one, and the server does not know."""
    with serving(Pages()) as server, at(server) as first, socket.socket() as second:
        first.sendall(HALF)
        wait_for(lambda: server._clients, what="the first client")
        (taken,) = server._clients
        os.close(taken)
        second.settimeout(20)
        second.connect(server.address)
        second.sendall(WHOLE)
        assert rest(second).endswith(b"page\n")
