"""A relay among peers that break its rules: they cost themselves, and nothing of others."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sampler.adapterkit._unix.listener import Listener, SocketProblem
from sampler.agent import DELIVERED, Batch, Settings, Snapshot, Unavailable
from sampler.agent.config.relay import RelaySettings
from sampler.relay import peers, server
from sampler.relay.adapter import Relay
from sampler.relay.frames import MAX_BODY, FrameReader, frame
from sampler.relay.members import MAX_PER_PID, Members
from sampler.relay.messages import VERSION, Kind, decode_body, packed
from sampler.relay.program import RelayAgent
from sampler.relay.server import Server
from sampler.testing import AdapterContract
from tests.relay.rig import Worker
from tests.support.descriptors import taken_over, untouched
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = (VERSION, "u", "shop", "0", "worker", 1.0, 10.0, "a")


class Running:
    """A server of this process, and its members."""

    def __init__(
        self, address: str = "", users: frozenset[int] | None = None, nobody: str = ""
    ) -> None:
        self.address = address or f"@{os.urandom(8).hex()}"
        self.listener = Listener.at(self.address)
        self.members = Members(time.time(), time.time)
        allowed = frozenset({os.getuid()}) if users is None else users
        self.server = Server(
            [self.listener.socket],
            self.members,
            allowed,
            {"interval": 3.0},
            self.snapshot,
            nobody,
        )

    def connected(self) -> socket.socket:
        """Return a peer that may send anything."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(20)
        peer.connect(self.address.replace("@", "\0", 1))
        return peer

    def snapshot(self, within: float = 0.0) -> Snapshot:
        """Return what readers are told."""
        del within
        blocks = self.members.collect(self.members.reader())
        return Snapshot(blocks, time.time(), 1.0, {})

    def totals(self) -> dict[str, Any]:
        """Return what processes have counted."""
        blocks = self.members.collect(self.members.reader())
        return {str(series): value for block in blocks for series, value in block}


@contextmanager
def running(**more: Any) -> Iterator[Running]:
    relay = Running(**more)
    relay.server.start()
    try:
        yield relay
    finally:
        relay.server.close(20)
        relay.listener.close()


@pytest.fixture
def relay() -> Iterator[Running]:
    with running() as relay:
        yield relay


def report(adapter: Relay, worker: Worker) -> None:
    """Let a worker report as the agent has it report."""
    snapshot = worker.pull(time.time())
    for batch in adapter.encode(snapshot, worker.baselines.since()):
        assert adapter.send(batch, 20.0) is DELIVERED
    worker.baselines.handed_over(snapshot)


def is_closed(peer: socket.socket) -> bool:
    """Tell whether the server has closed a connection."""
    try:
        return not peer.recv(65536)
    except ConnectionError:
        return True


TABLE = frame(
    Kind.TABLE,
    (0, "evil", [(1, "evil.n", (), "counter", "", "", "process", None, None, None)]),
)
LAYOUT = frame(Kind.LAYOUT, ([0],))
HISTOGRAM = (
    frame(
        Kind.TABLE,
        (0, "evil", [(1, "evil.h", (), "histogram", "", "", "process", None, None, None)]),
    )
    + LAYOUT
)
ROW = (1, "evil.n", (), "gauge", "", "", "process", None, None, None)


def row(**changes: Any) -> bytes:
    """Return a table with one series that has something wrong."""
    fields = (
        "number",
        "name",
        "labels",
        "kind",
        "unit",
        "help",
        "scope",
        "merge",
        "start",
        "base",
    )
    changed = dict(zip(fields, ROW, strict=True)) | changes
    return frame(Kind.TABLE, (0, "evil", [tuple(changed.values())]))


BAD = {
    "garbage": b"GET / HTTP/1.1\r\n\r\n",
    "a length of 4 GB": struct.pack("!IB", 2**32 - 1, Kind.VALUES),
    "a length beyond the bound": struct.pack("!IB", MAX_BODY + 1, Kind.VALUES),
    "no such kind": struct.pack("!IB", 0, 99),
    "no MessagePack": struct.pack("!IB", 3, Kind.TABLE) + b"\xc1\xc1\xc1",
    "deep nesting": struct.pack("!IB", 60_000, Kind.TABLE) + b"\x91" * 60_000,
    "another message's body": frame(Kind.TABLE, ([0],)),
    "HELLO twice": frame(Kind.HELLO, HELLO),
    "an answer": frame(Kind.ACK, ()),
    "a body where none is": struct.pack("!IB", 1, Kind.SYNC) + b"\x90",
    "values before a layout": frame(Kind.VALUES, (0, [1], [])),
    "values that are too many": TABLE + LAYOUT + frame(Kind.VALUES, (0, [1, 2], [])),
    "a value beyond 64 bits": TABLE + LAYOUT + frame(Kind.VALUES, (0, [2**64 - 1], [])),
    "a value that is infinite": TABLE + LAYOUT + frame(Kind.VALUES, (0, [float("inf")], [])),
    "a value that is no number": TABLE + LAYOUT + frame(Kind.VALUES, (0, [float("nan")], [])),
    "a text for a value": TABLE + LAYOUT + frame(Kind.VALUES, (0, ["1"], [])),
    "a counter below 0": TABLE + LAYOUT + frame(Kind.VALUES, (0, [-1], [])),
    "a histogram for a counter": TABLE
    + LAYOUT
    + frame(Kind.VALUES, (0, [(0, 1, 1, ())], [(b"", None, None)])),
    "a number for a histogram": HISTOGRAM + frame(Kind.VALUES, (0, [1], [])),
    "a histogram without its shape": HISTOGRAM + frame(Kind.VALUES, (0, [(7, 1, 1, ())], [])),
    "counts that fall": HISTOGRAM
    + frame(Kind.VALUES, (0, [(0, 2, 1, (2, 1))], [(packed((1.0, 2.0)), None, None)])),
    "bounds that fall": HISTOGRAM
    + frame(Kind.VALUES, (0, [(0, 2, 1, (1, 2))], [(packed((2.0, 1.0)), None, None)])),
    "a bound that is infinite": HISTOGRAM
    + frame(Kind.VALUES, (0, [(0, 2, 1, (1,))], [(packed((float("inf"),)), None, None)])),
    "half a bound": HISTOGRAM
    + frame(Kind.VALUES, (0, [(0, 2, 1, (1,))], [(b"1234", None, None)])),
    "a layout of tables that are not there": frame(Kind.LAYOUT, ([5],)),
    "a table twice": TABLE + frame(Kind.LAYOUT, ([0, 0],)),
    "a name that is none": row(name="evil.N"),
    "a name that breaks a page": row(name='evil\n"x'),
    "labels that are not sorted": row(labels=(("b", "1"), ("a", "1"))),
    "a label twice": row(labels=(("a", "1"), ("a", "2"))),
    "a text that is too long": row(help="x" * 2_000),
    "no such kind of metric": row(kind="summary"),
    "a gauge that begins somewhere": row(base=5),
    "a counter that merges": row(kind="counter", merge="max"),
    "a counter that begins below 0": row(kind="counter", base=-1),
}


@pytest.mark.parametrize("what", BAD)
def test_who_breaks_the_protocol_is_disconnected(relay: Running, what: str) -> None:
    """And nobody else; what it has counted before stands."""
    good, worker = Relay(socket=relay.address), Worker(time.time())
    orders = worker.add("shop.orders", 1, start=time.time())
    report(good, worker)
    with relay.connected() as peer:
        peer.sendall(frame(Kind.HELLO, HELLO))
        peer.recv(65536)
        peer.sendall(BAD[what])
        assert is_closed(peer)
    worker.values[orders] = 5
    report(good, worker)
    assert relay.totals()["shop.orders"] == 5
    good.close()


def test_half_a_message_has_its_time(relay: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its sender is disconnected, as is who says nothing at all."""
    monkeypatch.setattr(peers, "MESSAGE", 0.2)
    monkeypatch.setattr(peers, "GREETING", 0.2)
    with relay.connected() as slow, relay.connected() as silent:
        slow.sendall(frame(Kind.HELLO, HELLO))
        slow.recv(65536)
        slow.sendall(TABLE[:7])
        assert is_closed(slow)
        assert is_closed(silent)
    good, worker = Relay(socket=relay.address), Worker(time.time())
    worker.add("shop.orders", 1, start=time.time())
    report(good, worker)
    good.close()


def test_an_honest_process_may_send_in_pieces(relay: Running) -> None:
    """Byte by byte."""
    with relay.connected() as peer:
        parts = frame(Kind.HELLO, HELLO) + TABLE + LAYOUT
        for byte in parts + frame(Kind.VALUES, (0, [3], [])) + frame(Kind.SYNC):
            peer.sendall(bytes([byte]))
        reader, kinds = FrameReader(), []
        while Kind.ACK not in kinds:
            kinds += [kind for kind, _ in reader.feed(peer.recv(65536))]
        assert kinds == [Kind.WELCOME, Kind.ACK]
        assert relay.totals() == {"evil.n": 3}


def test_a_million_tables_are_too_many(relay: Running) -> None:
    """The sender finds out long before."""
    with relay.connected() as peer:
        peer.sendall(frame(Kind.HELLO, HELLO))
        peer.recv(65536)
        rows = [
            (n, "evil.n", (), "counter", "", "", "process", None, None, None) for n in range(5000)
        ]
        with pytest.raises(OSError):
            for table in range(1_000_000):
                peer.sendall(frame(Kind.TABLE, (table, "evil", rows)))
    assert relay.totals() == {}


def test_many_connections_of_one_process_are_too_many(relay: Running) -> None:
    """Others find a place."""
    many = 2 * server.MAX_PER_PROCESS
    peers_ = [relay.connected() for _ in range(many)]
    wait_for(lambda: sum(map(is_closed_now, peers_)) >= many - server.MAX_PER_PROCESS)
    for peer in peers_:
        peer.close()
    wait_for(lambda: is_open(relay))


def test_a_second_adapter_of_a_process_is_refused(relay: Running) -> None:
    """It would count everything once more; one that takes another's place is none."""
    with relay.connected() as first, relay.connected() as second, relay.connected() as third:
        for peer, mark, wanted in (
            (first, "a", Kind.WELCOME),
            (second, "b", Kind.REFUSED),
            (third, "a", Kind.WELCOME),
        ):
            peer.sendall(frame(Kind.HELLO, (*HELLO[:-1], mark)))
            ((kind, _),) = FrameReader().feed(peer.recv(65536))
            assert kind is wanted
        assert is_closed(first)
    wait_for(lambda: not relay.server._peers)
    with relay.connected() as next_one:
        next_one.sendall(frame(Kind.HELLO, (*HELLO[:-1], "b")))
        ((kind, _),) = FrameReader().feed(next_one.recv(65536))
        assert kind is Kind.WELCOME
    assert relay.members.starts == 1


def test_a_process_that_gives_itself_many_names_is_refused(relay: Running) -> None:
    """After as many as it may have interpreters."""
    last = b""
    for name in range(MAX_PER_PID + 1):
        with relay.connected() as peer:
            peer.sendall(frame(Kind.HELLO, (VERSION, f"u{name}", *HELLO[2:])))
            last = peer.recv(65536)
    ((kind, _),) = FrameReader().feed(last)
    assert kind is Kind.REFUSED
    assert len(relay.members) == MAX_PER_PID


def is_closed_now(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return not peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def is_open(relay: Running) -> bool:
    return Relay.ask(relay.address, 20.0) == {"interval": 3.0}


def test_another_users_process_is_refused() -> None:
    """By the kernel's word, whatever it says itself."""
    with running(users=frozenset({12_345})) as relay, relay.connected() as peer:
        assert is_closed(peer)
        with pytest.raises(Unavailable):
            Relay(socket=relay.address).send(Batch((), 0), 5.0)


_DROPS = """
import os, sys, time
from sampler.agent import Unavailable
from tests.relay.rig import Worker
from tests.relay.test_server import Relay, report
worker, adapter = Worker(1.0), Relay(socket=sys.argv[1])
worker.add("shop.orders", 4, start=1.0)
os.setuid(65_534)
try:
    report(adapter, worker)
except Unavailable:
    print("refused")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can drop its privileges")
@pytest.mark.parametrize("users", [(), (65_534,)])
def test_a_server_that_drops_its_privileges_is_taken_where_its_user_is_named(users) -> None:
    """The kernel says whose process it is when it connects."""
    with running(users=frozenset({0, *users})) as relay:
        done = subprocess.run(
            [sys.executable, "-c", _DROPS, relay.address],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("" if users else "refused\n", 0), done.stderr
        assert relay.totals() == ({"shop.orders": 4} if users else {})


def test_another_users_relay_is_refused(relay: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's numbers go to a stranger who was there first."""
    monkeypatch.setattr("sampler.relay.connection.user_ids", lambda _: {12_345})
    with pytest.raises(Unavailable, match="belongs to user"):
        Relay(socket=relay.address).send(Batch((), 0), 5.0)


def test_another_version_is_told_so(relay: Running) -> None:
    """Both sides have a line for it."""
    with relay.connected() as peer:
        peer.sendall(frame(Kind.HELLO, (VERSION + 1, "whatever", {"comes": "then"})))
        ((kind, body),) = FrameReader().feed(peer.recv(65536))
        assert kind is Kind.REFUSED
        assert "version 3, and the relay version 2" in decode_body(kind, body).reason
        assert is_closed(peer)


def test_a_process_that_is_gone_without_a_pidfd_is_lost_after_some_intervals(
    relay: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a connection alone is no end."""
    monkeypatch.setattr(peers.PeerConnection, "pidfd", lambda _: None)
    monkeypatch.setattr(server, "_SHORTEST_WAIT", 0.1)
    with relay.connected() as peer:
        peer.sendall(frame(Kind.HELLO, (*HELLO[:-2], 0.1, "a")))
        peer.recv(65536)
        assert len(relay.members) == 1
    wait_for(lambda: relay.members.exits["lost"] == 1)
    assert len(relay.members) == 0


def test_two_relays_on_one_path(tmp_path) -> None:
    """The second is told who is there; a file that a killed one has left is in nobody's way."""
    file = tmp_path / "socket"
    path = str(file)
    first = Listener.at(path)
    with pytest.raises(SocketProblem, match=f"process {os.getpid()} listens at {path} already"):
        Listener.at(path)
    first.close()
    assert not file.exists()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    Listener.at(path).close()
    file.write_text("precious")
    with pytest.raises(SocketProblem, match="is no socket"):
        Listener.at(path)
    assert file.exists()
    with pytest.raises(SocketProblem, match="cannot listen there"):
        Listener.at(str(tmp_path / "none" / "socket"))


def test_two_relays_on_one_name() -> None:
    """Likewise."""
    name = f"@{os.urandom(8).hex()}"
    first = Listener.at(name)
    with pytest.raises(SocketProblem, match="listens at"):
        Listener.at(name)
    first.close()
    Listener.at(name).close()


class TestRelay(AdapterContract):
    """It does what the agent relies on."""

    @pytest.fixture(autouse=True)
    def _relay(self) -> Iterator[None]:
        with running() as self.relay:
            yield

    def adapter(self) -> Relay:
        return Relay(socket=self.relay.address)

    def unreachable(self) -> Relay:
        return Relay(socket=f"@{os.urandom(8).hex()}")


def test_that_nobody_reports_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With reasons and remedies; where somebody does, nothing is said."""
    monkeypatch.setattr(server, "NOBODY", 0.2)
    with running(nobody="install it there") as relay:
        wait_for(lambda: "no process has reported for 0.2 s: install it there" in caplog.text)
        monkeypatch.setattr(server, "NOBODY", 1e-9)
        with relay.connected() as peer:  # the clock is looked at
            peer.sendall(frame(Kind.HELLO, HELLO))
            peer.recv(65536)
        assert caplog.text.count("no process has reported") == 1
    caplog.clear()
    monkeypatch.setattr(server, "NOBODY", 20.0)
    with running(nobody="install it there") as relay:
        with relay.connected() as peer:
            peer.sendall(frame(Kind.HELLO, HELLO))
            peer.recv(65536)
        wait_for(lambda: relay.server._nobody_at == float("inf"))
    assert "no process" not in caplog.text


@pytest.mark.parametrize(("wired", "remedy"), [(True, "sampler run --"), (False, "SAMPLER_RELAY")])
def test_a_relay_says_why_nobody_may_report(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wired: bool, remedy: str
) -> None:
    """Whoever has started it."""
    monkeypatch.setattr(server, "NOBODY", 0.1)
    socket_ = f"@{os.urandom(8).hex()}"
    relay = RelayAgent(Settings(relay=RelaySettings(socket=socket_)))
    relay.sees_them_off = wired
    relay.start()
    try:
        wait_for(lambda: "no process has reported" in caplog.text)
        (line,) = [each for each in caplog.text.splitlines() if "no process" in each]
        assert remedy in line
        assert wired or socket_ in line
    finally:
        relay.stop(0)


def test_after_a_rollback_processes_say_again_what_they_declare(relay: Running) -> None:
    """Their connection ends, and with the next one it stands; what they count then arrives."""
    old, new = Worker(1.0), Worker(2.0, instance="1")
    jobs = old.add("shop.jobs", 1, start=time.time())
    new.add("shop.jobs", 7, "gauge", merge="sum")
    first, second = Relay(socket=relay.address), Relay(socket=relay.address)
    report(first, old)
    assert relay.totals() == {"shop.jobs": 1}
    report(second, new)
    old.values[jobs] = 5
    report(first, old)
    assert relay.totals() == {"shop.jobs": 7}
    second.close()
    wait_for(lambda: not relay.server._peers)
    old.values[jobs] = 9
    with pytest.raises(Unavailable):
        report(first, old)
    report(first, old)
    assert relay.totals() == {"shop.jobs": 4}
    assert relay.members.starts == 2
    first.close()


def test_a_relay_that_restarts_within_a_snapshot_gets_each_part_once() -> None:
    """What the one before has confirmed of it, the next one does not count."""
    many, address = 70_000, f"@{os.urandom(8).hex()}"
    worker, adapter = Worker(time.time()), Relay(socket=address)
    series = [worker.add(f"shop.n{each}", 0.5, start=worker.began) for each in range(many)]

    def batches(value: float) -> list[Batch]:
        worker.values.update(dict.fromkeys(series, value))
        snapshot = worker.pull(time.time())
        return list(adapter.encode(snapshot, worker.baselines.since()))

    def send(batch: Batch, first: int) -> int:
        assert adapter.send(batch, 20.0) is DELIVERED
        until = first + batch.entries
        worker.baselines.handed_over([(s, worker.values[s]) for s in series[first:until]])
        return until

    with running(address=address):
        first, second = batches(1.5)
        assert send(second, send(first, 0)) == many
        first, second = batches(4.5)
        middle = send(first, 0)
    with running(address=address) as relay:
        with pytest.raises(Unavailable):
            adapter.send(second, 20.0)
        send(second, middle)
        first, second = batches(10.5)
        assert send(second, send(first, 0)) == many
        totals = relay.totals()
        assert totals["shop.n0"] == 6
        assert totals[f"shop.n{many - 1}"] == 9
    adapter.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the lowest free descriptor is taken next")
def test_nothing_is_said_to_what_has_the_connections_number_now(relay: Running) -> None:
    """The program has closed it, as daemons do: the process connects anew."""
    adapter, worker = Relay(socket=relay.address), Worker(time.time())
    series = worker.add("shop.n", 1, start=worker.began)
    report(adapter, worker)
    assert adapter._connection is not None
    pair = taken_over(adapter._connection._socket)
    worker.values[series] = 3
    report(adapter, worker)
    assert relay.totals() == {"shop.n": 3}
    adapter.close()
    assert untouched(pair)
