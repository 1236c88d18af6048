"""Connections that are refused, unanswered, half open, reset or not read from."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from sampler.agent import DELIVERED, UNCONFIRMED, Batch, Unavailable
from tests.chaos.delivering import Rig, counted, graphite, statsd
from tests.chaos.ledger import check
from tests.support.doubles import LineSink
from tests.support.proxy import Proxy
from tests.support.waiting import wait_for, within


@pytest.fixture
def sink():
    """A receiver of lines."""
    with LineSink() as sink:
        yield sink


@pytest.fixture
def proxy(sink):
    """A proxy in front of it, for which the kernel takes little while it does not read."""
    with Proxy(sink.address, buffer=2048) as proxy:
        yield proxy


def complete(rig: Rig, sink: LineSink, *, twice: bool = False) -> None:
    """Stop; insist that every line pulled is at the sink, and none that was not."""
    rig.stop()
    balance = rig.balance("graphite")
    received = Counter(sink.lines)
    check(balance, len(received))
    assert balance.unconfirmed == 0
    assert balance.delivered == balance.collected
    assert received.keys() == set(rig.truth.lines)
    assert twice or set(received.values()) == {1}


@pytest.mark.scenario(1)
def test_what_was_refused_arrives_exactly_once(sink, monkeypatch):
    """Both protocols; the first attempt that can succeed does, one pause after the return."""
    with LineSink() as daemon:
        rig = Rig(
            monkeypatch, graphite=graphite(sink.port), statsd=statsd(daemon.port, transport="tcp")
        )
        rig.pulls(2)
        with rig.between():
            sink.refuse()
            daemon.refuse()
        rig.fails("graphite")
        rig.fails("statsd")
        rig.pulls(6)
        sink.listen()
        daemon.listen()
        with within(0.2, "the attempt after the longest pause"):
            rig.settled("graphite")
        rig.pulls(1)
        rig.stop()
        complete(rig, sink)
        balance = rig.balance("statsd")
        assert balance.unconfirmed == 0
        assert counted(daemon.lines) == rig.source.grown


@pytest.mark.scenario(2)
def test_an_unanswered_connection_delays_and_loses_nothing(sink, monkeypatch):
    """No attempt outlasts its limit, and the ticks go on meanwhile."""
    rig = Rig(monkeypatch, graphite=graphite(sink.port), timeout=0.5)
    rig.pulls(2)
    with rig.between():
        sink.blackhole()
    rig.fails("graphite")
    rig.pulls(8)
    ticker = rig.agent._consumers.loops[0].ticker
    assert ticker.schedule.skipped < ticker.ticks, "an attempt takes five intervals"
    sink.listen()
    rig.settled("graphite")
    complete(rig, sink)


@pytest.mark.scenario(2)
def test_connecting_is_given_up_after_five_seconds_however_long_an_attempt_may_take(
    sink, monkeypatch
):
    """Over all addresses of a name together."""
    monkeypatch.setattr("sampler.adapterkit.tcp.CONNECT_LIMIT", 0.4)
    sink.blackhole()
    found = [(2, 1, 6, "", sink.address)] * 3
    monkeypatch.setattr("sampler.adapterkit.dns.getaddrinfo", lambda *_, **__: found)
    begun = time.monotonic()
    with within(0.4), pytest.raises(Unavailable):
        graphite(1, host="three.test").send(Batch((b"a 1 1\n",), 1), 60.0)
    assert time.monotonic() - begun > 0.3


@pytest.mark.scenario(3)
def test_a_connection_that_dies_half_open_is_resent_whole(sink, proxy, monkeypatch):
    """What the peer's kernel did not acknowledge is not taken for sent."""
    rig = Rig(monkeypatch, graphite=graphite(proxy.port), timeout=0.5)
    rig.pulls(2)
    with rig.between():
        proxy.blackhole()
    rig.fails("graphite")
    rig.pulls(4)
    proxy.listen()
    rig.settled("graphite")
    complete(rig, sink, twice=True)


def test_bytes_that_a_middlebox_acknowledges_and_drops_are_unconfirmed(sink, proxy, monkeypatch):
    """Its kernel has them all, so no resend: they are counted, and not as delivered."""
    rig = Rig(monkeypatch, graphite=graphite(proxy.port), timeout=0.3)
    rig.pulls(2)
    rig.settled("graphite")
    with rig.between():
        proxy.swallow = True
    wait_for(lambda: rig.balance("graphite").unconfirmed, what="an unconfirmed batch")
    proxy.swallow = False
    rig.pulls(2)
    rig.stop()
    check(rig.balance("graphite"), len(set(sink.lines)))
    missing = set(rig.truth.lines) - set(sink.lines)
    assert 0 < len(missing) <= rig.balance("graphite").unconfirmed
    assert set(sink.lines) <= set(rig.truth.lines)


@pytest.fixture(params=[600, pytest.param(2048, marks=pytest.mark.long)])
def size(request) -> int:
    """How long a batch is, in bytes."""
    return request.param


def batch_of(line: bytes, size: int) -> tuple[list[bytes], Batch]:
    """Return so many bytes of numbered lines, as a list and as a batch."""
    lines = [line % i for i in range(size // len(line % 0 + b"\n"))]
    return lines, Batch((b"".join(each + b"\n" for each in lines),), len(lines))


@pytest.mark.scenario(4)
def test_a_batch_reset_after_any_number_of_bytes_arrives_whole(sink, size):
    """Graphite: the resend brings every line; nothing is torn or foreign."""
    lines, batch = batch_of(b"a.line.%03d 1 1700000000", size)
    with Proxy(sink.address) as proxy:
        adapter = graphite(proxy.port)
        for after in range(batch.size):
            proxy.reset_after = after
            before = len(sink.lines)
            with pytest.raises(Unavailable):
                adapter.send(batch, 5.0)
            proxy.reset_after = None
            assert adapter.send(batch, 5.0) is DELIVERED
            got = sink.lines[before:]
            assert Counter(got).keys() == set(lines), after
    assert all(any(line.startswith(torn) for line in lines) for torn in sink.torn)


@pytest.mark.scenario(4)
def test_increases_reset_after_any_number_of_bytes_never_count_twice(sink, size):
    """StatsD: as soon as a byte may have left, unconfirmed: no resend, and none is foreign."""
    lines, batch = batch_of(b"x.source.jobs%02d:1|c", size)
    refused = 0
    with Proxy(sink.address) as proxy:
        adapter = statsd(proxy.port, transport="tcp")
        for after in range(batch.size):
            proxy.reset_after = after
            connections, before = sink.ended, len(sink.lines)
            try:
                assert adapter.send(batch, 5.0) is UNCONFIRMED
            except Unavailable:  # it was reset before anything could leave
                assert after == 0
                refused += 1
            wait_for(lambda n=connections: sink.ended > n, what="its end", pause=0.001)
            got = sink.lines[before:]
            assert got == lines[: len(got)], after
            assert len(got) == batch.frames[0].count(b"\n", 0, after)
    assert refused <= 1


@pytest.mark.scenario(5)
def test_a_receiver_that_does_not_read_delays_and_loses_nothing(sink, proxy, monkeypatch):
    """The whole of an attempt has a limit, and each uses one socket."""
    rig = Rig(monkeypatch, graphite=graphite(proxy.port), timeout=0.5)
    rig.pulls(2)
    with rig.between():
        proxy.blackhole()
    for _ in range(2):
        accepted = proxy.accepted
        wait_for(lambda n=accepted: proxy.accepted > n, what="another attempt")
    assert "not everything was read in time" in rig.agent.troubles()["graphite"]
    proxy.listen()
    rig.settled("graphite")
    complete(rig, sink, twice=True)


@pytest.mark.scenario(5)
def test_a_receiver_that_does_not_read_makes_increases_unconfirmed(sink, proxy, monkeypatch):
    """StatsD over TCP: counted at most once, and each batch has its own connection."""
    rig = Rig(monkeypatch, statsd=statsd(proxy.port, transport="tcp"), timeout=0.3)
    rig.pulls(2)
    proxy.blackhole()
    wait_for(lambda: rig.balance("statsd").unconfirmed, what="an unconfirmed batch")
    proxy.listen()
    rig.pulls(3)
    rig.stop()
    assert counted(sink.lines) <= rig.source.grown
    assert rig.balance("statsd").delivered > 0
