"""Every transport, label style and choice of the ``statsd`` adapter on the real daemon."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections import Counter
from contextlib import contextmanager

import pytest

from sampler import Registry
from sampler.agent import DELIVERED, UNCONFIRMED, Agent, Batch, HistogramValue, Unavailable
from sampler.agent.config.reading import parse
from sampler_statsd import StatsD
from tests.adapters.shapes import block, counter, gauge, histogram, snapshot, snapshot_of
from tests.adapters.test_real_receivers import hostile
from tests.support.ports import free_port, hold_ports
from tests.support.servers import StatsD as Daemon
from tests.support.waiting import stop_child, wait_for

STREAMS = ("tcp", "unix")


def adapter(daemon, transport="tcp", **options):
    """Return an adapter for a running daemon."""
    if transport == "unix":
        return StatsD(transport=transport, path=str(daemon.socket), **options)
    return StatsD(transport=transport, port=daemon.port, **options)


def deliver(sender, shot, since=None):
    """Send a snapshot; return the outcomes."""
    batches = list(sender.encode(shot, since or {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    return [sender.send(batch, 10.0) for batch in batches]


def lines(daemon):
    """Return the lines of all packets so far."""
    return [line for packet in daemon.packets() for line in packet.splitlines() if line]


def numbers(entries, kind):
    """Return what entries of a kind add up to, each by itself."""
    found = []
    for series, value in entries:
        if isinstance(value, HistogramValue) and kind == "counter":
            found += [value.count, value.sum or 0]
        elif series.kind == kind:
            found.append(value)
    return sorted(float(number) for number in found if number or kind == "gauge")


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("transport", ["udp", *STREAMS])
def test_hostile_entries_arrive_one_by_one(statsd, transport, tags):
    """None merged, none foreign, no bad line; streams confirm."""
    entries = [(s, v) for s, v in hostile() if tags is False or len(str(s)) < 800]
    sender = adapter(statsd, transport, tags=tags)
    batches = list(sender.encode(snapshot_of(block(*entries)), {}))
    assert not any(batch.refused for batch in batches)
    sent = 0
    for batch in batches:
        outcome = sender.send(batch, 10.0)
        assert outcome is (DELIVERED if transport in STREAMS else UNCONFIRMED)
        sent += sum(frame.count(b"\n") + (frame[-1:] != b"\n") for frame in batch.frames)
        wait_for(lambda wanted=sent: len(lines(statsd)) >= wanted, what="its lines")
    assert statsd.own_counts()["bad_lines_seen"] == 0
    assert sorted(map(float, statsd.gauges().values())) == numbers(entries, "gauge")
    totals = sorted(float(total) for total in statsd.counters_total().values() if total)
    assert totals == numbers(entries, "counter")
    sender.close()


def test_tags_are_read_as_tags(statsd):
    """The daemon joins them to the key."""
    sender = adapter(statsd, tags=True, prefix="p")
    deliver(sender, snapshot((gauge("web.up", name="n", host="a.b"), -5), (counter("web.n"), 2)))
    assert statsd.gauges() == {"p.web.up;host=a.b;name_=n": -5}
    assert statsd.counters_total() == {"p.web.n": 2}


def test_a_histogram_is_counted_by_bucket(statsd):
    """Each observation in one bucket, the open one included; differences later."""
    wait = histogram("web.wait", "s", le="x")
    sender = adapter(statsd, histograms="buckets", prefix="p")
    first = HistogramValue(5, 9.5, ((0.5, 1), (1.0, 3)))
    deliver(sender, snapshot((wait, first)))
    deliver(sender, snapshot((wait, HistogramValue(7, 10.5, ((0.5, 2), (1.0, 4))))), {wait: first})
    assert statsd.counters_total() == {
        "p.web.wait.count.le_-x": 7,
        "p.web.wait.sum.le_-x": 10.5,
        "p.web.wait.bucket.le-0_5.le_-x": 2,
        "p.web.wait.bucket.le-1_0.le_-x": 2,
        "p.web.wait.bucket.le-inf.le_-x": 3,
    }


def test_buckets_may_be_tags(statsd):
    """With the bound as it is."""
    sender = adapter(statsd, histograms="buckets", tags=True, prefix="")
    deliver(sender, snapshot((histogram("a.wait"), HistogramValue(2, 1.5, ((0.5, 1), (1e20, 2))))))
    found = {key for key in statsd.counters_total() if "bucket" in key}
    assert found == {"a.wait.bucket;le=0.5", "a.wait.bucket;le=1e20"}


def test_a_histogram_is_quantiles_of_what_was_observed_since(statsd):
    """Beside its count and sum; nothing new leaves the gauges as they are."""
    wait = histogram("web.wait", "s")
    before = HistogramValue(100, 500.0, ((1.0, 0), (9.0, 100)))
    after = HistogramValue(104, 502.0, ((1.0, 4), (9.0, 104)))
    sender = adapter(statsd, histograms="quantiles", quantiles=(0.5, 0.999), prefix="")
    deliver(sender, snapshot((wait, after)), {wait: before})
    wanted = {"web.wait.p50": 0.5, "web.wait.p99_9": 0.999}
    assert statsd.gauges() == wanted
    assert statsd.counters_total() == {"web.wait.count": 4, "web.wait.sum": 2}
    packets = len(statsd.packets())
    assert deliver(sender, snapshot((wait, after)), {wait: after}) == [UNCONFIRMED]
    assert len(statsd.packets()) == packets
    assert statsd.gauges() == wanted  # the loss report says so: a daemon repeats a gauge


def test_the_daemon_outlives_two_hundred_connections(statsd):
    """Resetting an idle connection would crash the daemon."""
    sender = adapter(statsd)
    series = counter("web.n")
    for n in range(200):
        outcomes = deliver(sender, snapshot((series, n + 1)), {series: n} if n else None)
        assert outcomes == [DELIVERED]
    assert statsd.counters_total() == {"shop.web_example.0.web.n": 200}
    assert statsd.running


def test_a_daemon_that_does_not_answer_in_time_gets_nothing_twice(statsd):
    """A batch that was sent and not confirmed is never sent again; the daemon survives."""
    sender = adapter(statsd, prefix="p")
    series = counter("web.n")
    stop_child(statsd.pid)
    try:
        (batch,) = sender.encode(snapshot((series, 5)), {})
        assert sender.send(batch, 0.3) is UNCONFIRMED
        with pytest.raises(Unavailable):
            sender.send(Batch((), 0), 0.3)
    finally:
        os.kill(statsd.pid, signal.SIGCONT)
    wait_for(statsd.packets, what="the packet")
    assert deliver(sender, snapshot((series, 7)), {series: 5}) == [DELIVERED]
    assert statsd.counters_total() == {"p.web.n": 7}
    assert statsd.running


@pytest.mark.parametrize("transport", STREAMS)
def test_sums_survive_a_restart_of_the_daemon(statsd, transport):
    """Increases that were not sent are in the next batch, so both bounds hold."""
    reads = []

    def sample():
        reads.append(1)
        yield "n", 3 * len(reads)

    registry = Registry()
    registry.register({"name": "job", "sample": sample, "metrics": {"n": {"kind": "counter"}}})
    where = {"path": str(statsd.socket)} if transport == "unix" else {"port": statsd.port}
    keys = {"transport": transport, "prefix": "p", **where}
    tables = {"interval": 0.2, "samplers": {"enable": ["job"]}, "adapters": {"statsd": keys}}
    agent = Agent(parse(tables), registry)
    agent.start()
    wait_for(lambda: len(statsd.packets()) > 2, what="some packets")
    statsd.stop()
    wait_for(agent.troubles, what="the outage to be noticed")
    begun = len(reads)
    wait_for(lambda: len(reads) > begun + 5, what="five pulls without a daemon")
    statsd.start()
    packets = len(statsd.packets())
    wait_for(lambda: len(statsd.packets()) > packets + 2, 20, what="packets after the outage")
    agent.stop()
    balance = agent.balances()["statsd"]
    assert balance.holds
    assert balance.queued == 0
    assert balance.delivered > 0
    received = sum(
        float(value)
        for line in lines(statsd)
        for value in re.findall(r"^p\.job\.n:([\d.]+)\|c$", line)
    )
    assert received == 3 * len(reads) - 3


def test_hostile_entries_are_as_many_when_counted(launch, hostile):
    """By the real daemon, over TCP, without a bad line."""
    daemon = launch(Daemon, flush_interval=3.0)
    outcomes = deliver(adapter(daemon, prefix=""), snapshot_of(block(*hostile)))
    assert set(outcomes) == {DELIVERED}
    assert daemon.own_counts()["bad_lines_seen"] == 0
    assert Counter(map(float, daemon.gauges().values())) == Counter(
        float(value) for series, value in hostile if series.kind == "gauge"
    )
    totals = sorted(float(total) for total in daemon.counters_total().values() if total)
    assert totals == numbers(hostile, "counter")


def test_what_is_lost_is_declared(statsd):
    """Unit and help leave no trace, large integers are rounded, times are the daemon's."""
    sender = adapter(statsd, prefix="")
    shot = snapshot((gauge("a.b", "By", "Help."), 2**53 + 1), (counter("a.none"), 0), time=1.0)
    deliver(sender, shot)
    assert statsd.packets() == [f"a.b:{2**53 + 1}|g\n"]
    assert statsd.gauges() == {"a.b": float(2**53)}
    assert statsd.flushes()[-1]["time"] > 1_000_000_000
    assert set(StatsD.unsupported) == {
        "unit",
        "help",
        "precision",
        "timestamps",
        "histograms",
        "zeros",
    }


@contextmanager
def unix_datagrams(path):
    """Listen on a unix datagram socket; yield a function that returns what has come."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        ear.setblocking(False)
        got = []

        def received():
            while True:
                try:
                    got.append(ear.recv(65536))
                except BlockingIOError:
                    return got

        yield received


def test_datagrams_go_to_a_unix_socket_too(tmp_path):
    """A missing receiver is unavailable, and a full one, too."""
    path = tmp_path / "d"
    sender = StatsD(transport="unixgram", path=str(path), prefix="")
    shot = snapshot((counter("a.n"), 3))
    (batch,) = sender.encode(shot, {})
    with pytest.raises(Unavailable, match=rf"StatsD at {path}: No such file"):
        sender.send(batch, 1.0)
    with unix_datagrams(path) as received:
        assert sender.send(batch, 1.0) is UNCONFIRMED
        assert received() == [b"a.n:3|c"]
        with pytest.raises(Unavailable):
            for _ in range(10_000):
                sender.send(batch, 0.05)
    with pytest.raises(Unavailable, match="refused"):
        sender.send(batch, 1.0)
    sender.close()


@pytest.mark.parametrize("transport", STREAMS)
def test_nobody_there_is_an_outage(tmp_path, transport):
    """Certainly nothing has arrived."""
    keys = {"path": str(tmp_path / "s")} if transport == "unix" else {"port": free_port()}
    sender = StatsD(transport=transport, **keys)
    with pytest.raises(Unavailable, match="StatsD at "):
        deliver(sender, snapshot((counter("a.n"), 3)))


def test_one_that_ends_connections_at_once_has_counted_nothing():
    """As a proxy without a daemon does: that it closes confirms nothing."""
    (held,) = hold_ports(1)
    held.listen()
    over = threading.Event()

    def turn_away():
        while not over.is_set():
            held.accept()[0].close()

    thread = threading.Thread(target=turn_away)
    thread.start()
    sender = StatsD(transport="tcp", port=held.getsockname()[1])
    (batch,) = sender.encode(snapshot((counter("a.n"), 3)), {})
    outcomes = []
    for _ in range(300):
        try:
            outcomes.append(sender.send(batch, 5.0))
        except Unavailable:
            outcomes.append(None)
    over.set()
    socket.create_connection(held.getsockname()).close()
    thread.join(10)
    held.close()
    assert DELIVERED not in outcomes


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"transport": "unix"}, "transport = 'unix': set path"),
        ({"transport": "unixgram"}, "transport = 'unixgram': set path"),
        ({"path": "/tmp/x"}, "transport = 'udp': leave path out"),
        ({"transport": "sctp"}, "'udp', 'tcp', 'unix', 'unixgram'"),
        ({"histograms": "timers"}, "'sums', 'buckets', 'quantiles'"),
        ({"quantiles": (2.0,)}, "at most 1"),
    ],
)
def test_a_bad_setting_says_what_is_wrong(keys, said):
    """And what to do."""
    with pytest.raises(ValueError, match=re.escape(said)):
        StatsD(**keys)
