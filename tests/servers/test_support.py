"""The tests' own tools: waiting, ports, the reader of whisper files and the fault doubles."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.doubles import DatagramSink, LineSink
from tests.support.ports import HOST, accepts, free_ports, hold_ports
from tests.support.servers import Carbon
from tests.support.waiting import wait_for


def connect(sink: LineSink, timeout: float = 10.0) -> socket.socket:
    """Open a connection to a sink."""
    return socket.create_connection(sink.address, timeout=timeout)


def deliver(sink: LineSink, data: bytes, timeout: float = 10.0) -> bytes:
    """Send data, end, and return what the sink answers: nothing but its end."""
    with connect(sink, timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(1)


def fill(connection: socket.socket) -> int:
    """Send lines until the peer's window is shut; return how many bytes went."""
    connection.setblocking(False)
    sent = 0
    try:
        while True:
            sent += connection.send(b"x" * 9_999 + b"\n")
    except BlockingIOError:
        return sent


def test_wait_for_returns_the_first_true_value():
    """Polling ends with the value that was true."""
    values = iter([0, "", "here"])
    assert wait_for(lambda: next(values)) == "here"


def test_wait_for_names_what_did_not_come(monkeypatch):
    """The error says what was waited for and what was last seen."""
    monkeypatch.setattr("tests.support.waiting.SLACK", 0.0)
    with pytest.raises(AssertionError, match=r"the bus; last: \[\]"):
        wait_for(list, limit=0.05, what="the bus")


def test_free_ports_are_distinct_and_bindable():
    """Many at once, each free for TCP and for UDP."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as taken:
                taken.bind((HOST, port))


def test_a_held_port_refuses_yet_a_server_may_use_it_twice():
    """Connecting is refused while it is only held; a listener with SO_REUSEADDR comes and goes."""
    (held,) = hold_ports(1)
    address = held.getsockname()
    with held:
        for _ in range(2):
            assert not accepts(address[1])
            with socket.create_server(address):
                assert accepts(address[1])
        assert not accepts(address[1])


def test_series_agrees_with_whisper_fetch(carbon):
    """The project's own reader and whisper's program see the same points."""
    whisper_fetch = shutil.which("whisper-fetch") or "/usr/bin/whisper-fetch"
    now = int(time.time())
    sent = {now - 570 + 7 * i: i / 3 for i in range(80)}
    with socket.create_connection((HOST, carbon.line_port)) as connection:
        connection.sendall("".join(f"p {v!r} {t}\n" for t, v in sent.items()).encode())
    wait_for(lambda: len(carbon.series("p")) == len(sent))
    command = [whisper_fetch, "--json", f"--from={now - 580}", str(carbon.file("p"))]
    fetched = json.loads(subprocess.check_output(command))
    times = range(fetched["start"], fetched["end"], fetched["step"])
    theirs = {t: v for t, v in zip(times, fetched["values"], strict=True) if v is not None}
    assert carbon.series("p") == sent == theirs


def test_series_forgets_the_turn_before(launch):
    """A point older than the archive is long does not show, though its slot still holds it."""
    carbon = launch(Carbon, retention="1s:60s")
    now = int(time.time())
    for moment in (now - 50, now + 30):
        with socket.create_connection((HOST, carbon.line_port)) as connection:
            connection.sendall(f"p 1 {moment}\n".encode())
        wait_for(lambda moment=moment: moment in carbon.series("p"))
    assert carbon.series("p") == {now + 30: 1.0}


def test_line_sink_tells_whole_lines_from_torn_ones():
    """A line counts with its newline; the rest of a connection is torn."""
    with LineSink() as sink:
        assert deliver(sink, b"one\ntwo\nthr") == b""
        assert deliver(sink, b"four\n") == b""
        assert sink.lines == [b"one", b"two", b"four"]
        assert sink.torn == [b"thr"]
        assert (sink.accepted, sink.ended, sink.reset) == (2, 2, 0)


def test_line_sink_takes_many_connections_at_once():
    """Lines of parallel connections do not mix."""
    with LineSink() as sink:
        lines = [b"%d" % i * 2000 for i in range(10)]
        clients = [
            threading.Thread(target=deliver, args=(sink, (line + b"\n") * 50)) for line in lines
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert sorted(sink.lines) == sorted(lines * 50)


def test_line_sink_holds_back_its_end_until_released():
    """The lines are read, but the peer's end is answered only on release."""
    with LineSink() as sink:
        sink.hold_eof()
        with connect(sink) as connection:
            connection.sendall(b"one\n")
            connection.shutdown(socket.SHUT_WR)
            wait_for(lambda: sink.ended == 1)
            assert (sink.lines, sink.open_connections) == ([b"one"], 1)
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
            connection.settimeout(10)
            sink.release_eof()
            assert connection.recv(1) == b""
        assert deliver(sink, b"two\n") == b""


def test_line_sink_refuses_and_comes_back_on_its_port():
    """Refusing resets open connections and refuses new ones; `listen` ends it."""
    with LineSink() as sink, connect(sink) as connection:
        wait_for(lambda: sink.accepted)
        sink.refuse()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(sink)
        sink.listen()
        assert deliver(sink, b"one\n") == b""
        assert sink.lines == [b"one"]


@pytest.mark.parametrize(
    ("after", "lines", "torn"),
    [(0, [], []), (2, [], [b"on"]), (4, [b"one"], []), (6, [b"one"], [b"tw"])],
)
def test_line_sink_resets_after_exactly_so_many_bytes(after, lines, torn):
    """One connection is cut at a byte; the next is served."""
    with LineSink() as sink:
        sink.reset_next(after)
        with pytest.raises(OSError, match=r".") as caught:
            deliver(sink, b"one\ntwo\n")
        assert caught.value.errno in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}
        wait_for(lambda: sink.reset == 1)
        assert (sink.lines, sink.torn) == (lines, torn)
        assert deliver(sink, b"three\n") == b""
        assert sink.lines == [*lines, b"three"]


def test_line_sink_stalls_a_sender_until_it_listens():
    """A stalled sink lets the window close; afterwards nothing is missing."""
    with LineSink() as sink:
        sink.stall()
        with connect(sink) as connection:
            sent = fill(connection)
            assert (sink.accepted, sink.lines) == (0, [])
            sink.listen()
            connection.settimeout(10)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        assert sum(map(len, sink.lines + sink.torn)) + len(sink.lines) == sent


def test_line_sink_blackholes_connecting_until_it_listens():
    """A connect into the black hole gets no answer at all."""
    with LineSink() as sink:
        sink.blackhole()
        with pytest.raises(TimeoutError):
            connect(sink, timeout=0.3)
        sink.listen()
        assert deliver(sink, b"one\n") == b""
        assert sink.lines == [b"one"]


def test_datagram_sink_remembers_and_refuses():
    """Datagrams come whole and in order; while it refuses, the sender is told."""
    with (
        DatagramSink() as sink,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        sender.connect(sink.address)
        sender.send(b"a:1|c\nb:2|c")
        sender.send(b"c:3|c")
        wait_for(lambda: len(sink.datagrams) == 2)
        assert sink.lines == [b"a:1|c", b"b:2|c", b"c:3|c"]
        sink.refuse()
        sender.send(b"lost:1|c")
        with pytest.raises(ConnectionRefusedError):
            sender.send(b"told:1|c")
        sink.listen()
        sender.send(b"back:1|c")
        wait_for(lambda: len(sink.datagrams) == 3)
        assert sink.lines[-1] == b"back:1|c"


@pytest.mark.parametrize("double", [LineSink, DatagramSink])
def test_a_double_leaves_no_thread(double):
    """Closing joins the thread, also twice and also while refusing."""
    before = threading.active_count()
    with double() as sink:
        sink.refuse()
        sink.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("switch", "outcome"), [((), "1 skipped"), (("--require-servers",), "1 error")]
)
def test_a_missing_server_is_skipped_unless_required(switch, outcome, tmp_path):
    """The skip, or with the switch the failure, says what to install."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *switch),
            f"{Path(__file__).with_name('test_launchers.py')}::test_statsd_counts_what_it_could_not_parse",
        ],
        env=os.environ | {"SAMPLER_STATSD_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"= {outcome} in" in run.stdout
    assert "stats.js is absent: npm install" in run.stdout
    assert run.returncode == bool(switch)


def test_tests_of_real_servers_carry_the_marker():
    """`-m "not server"` leaves out what needs a server, and only that."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q"),
            *("-m", "not server", __file__, str(Path(__file__).with_name("test_launchers.py"))),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "test_series_agrees_with_whisper_fetch" not in run.stdout
    assert "test_statsd_records" not in run.stdout
    assert "test_tests_of_real_servers_carry_the_marker" in run.stdout
    assert "test_a_server_that_exits_at_start_shows_its_log" in run.stdout
