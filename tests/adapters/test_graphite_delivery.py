"""The ``graphite`` adapter delivers when, and only when, the peer has read everything."""

from __future__ import annotations

import socket
import sys

import pytest

from sampler.adapterkit.sockets import Socket
from sampler.agent import DELIVERED, UNCONFIRMED, Batch, Unavailable
from sampler_graphite import Graphite
from tests.support.doubles import LineSink
from tests.support.ports import HOST, hold_ports
from tests.support.waiting import within

LINES = [b"a.b%d 1 1700000000" % i for i in range(100)]
BATCH = Batch((b"".join(line + b"\n" for line in LINES),), len(LINES))
HUGE = Batch((b"a.b 1 1700000000\n" * 2_000_000,), 2_000_000)
"""More than the kernel takes for a peer that does not read."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux only")


@pytest.fixture
def sink():
    """A receiver of lines."""
    with LineSink() as sink:
        yield sink


def adapter(sink):
    return Graphite(host=HOST, port=sink.port)


def test_a_batch_is_delivered_once_the_peer_ends_too(sink):
    """Each batch has its own connection."""
    graphite = adapter(sink)
    for _ in range(2):
        assert graphite.send(BATCH, 5.0) is DELIVERED
    assert sink.lines == LINES * 2
    assert sink.accepted == 2
    assert not sink.torn


def test_a_batch_without_frames_asks_whether_the_peer_answers(sink):
    """Nothing is sent."""
    assert adapter(sink).send(Batch((), 0), 5.0) is DELIVERED
    assert not sink.lines
    sink.refuse()
    with pytest.raises(Unavailable):
        adapter(sink).send(Batch((), 0), 5.0)


def test_a_refused_connection_is_unavailable(sink):
    """The message says where and why; a later attempt may succeed."""
    sink.refuse()
    graphite = adapter(sink)
    with pytest.raises(Unavailable, match=rf"{HOST}:{sink.port}: Connection refused"):
        graphite.send(BATCH, 5.0)
    sink.listen()
    assert graphite.send(BATCH, 5.0) is DELIVERED


def test_an_unanswered_connection_is_given_up_in_time(sink):
    """As behind a firewall that drops packets."""
    sink.blackhole()
    with within(0.5), pytest.raises(Unavailable):
        adapter(sink).send(BATCH, 0.5)


def test_a_peer_that_does_not_read_is_given_up_in_time(sink):
    """The limit is for the whole batch, and it is sent again as a whole."""
    sink.stall()
    graphite = adapter(sink)
    with within(0.5), pytest.raises(Unavailable):
        graphite.send(HUGE, 0.5)
    sink.listen()
    assert graphite.send(BATCH, 5.0) is DELIVERED
    assert sink.lines[-len(LINES) :] == LINES


@linux
def test_a_batch_that_only_our_kernel_has_is_sent_again(sink):
    """Our kernel has all of it, the peer's has not: that is no delivery."""
    sink.stall()
    large = Batch((b"a.b 1 1700000000\n" * 30_000,), 30_000)  # as large as a batch may be
    with pytest.raises(Unavailable, match="not everything was read in time"):
        adapter(sink).send(large, 0.5)


@linux
def test_a_peer_that_never_ends_leaves_a_batch_unconfirmed(sink):
    """Its kernel has every byte: a resend cannot help."""
    sink.hold_eof()
    assert adapter(sink).send(BATCH, 0.3) is UNCONFIRMED
    assert sink.lines == LINES


def test_where_the_kernel_does_not_tell_a_batch_is_resent_twice(sink, monkeypatch):
    """Afterwards it is unconfirmed."""
    monkeypatch.setattr(sys, "platform", "unknown")
    sink.hold_eof()
    graphite = adapter(sink)
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(Unavailable):
                graphite.send(BATCH, 0.1)
        assert graphite.send(BATCH, 0.1) is UNCONFIRMED
        monkeypatch.setattr(graphite, "_unconfirmed", None)


@pytest.mark.parametrize("after", [0, 1, len(LINES[0]), len(BATCH.frames[0]) - 1])
def test_a_reset_in_the_middle_is_unavailable_and_the_resend_is_whole(sink, after):
    """A point that arrives twice has the same time and value."""
    sink.reset_next(after)
    graphite = adapter(sink)
    with pytest.raises(Unavailable):
        graphite.send(BATCH, 5.0)
    assert graphite.send(BATCH, 5.0) is DELIVERED
    assert sink.lines[-len(LINES) :] == LINES
    assert set(sink.lines) == set(LINES)


class Rude:
    """A peer that answers a connection with ``text`` and its end, before anything came."""

    def __init__(self, text):
        (self._listener,) = hold_ports(1)
        self._listener.listen(1)
        self._text = text
        self.port = self._listener.getsockname()[1]

    def meet(self):
        """Make the next connection of this process wait until the peer's end is there."""
        connect = Socket.connect
        peers = []

        def connected(this, address):
            connect(this, address)
            peer, _ = self._listener.accept()
            peer.sendall(self._text)
            peer.shutdown(socket.SHUT_WR)
            peers.append(peer)

        return connected, peers

    def close(self):
        self._listener.close()


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_peer_that_ends_or_answers_first_is_no_receiver(monkeypatch, text):
    """It closed before it could have read everything, which confirms nothing."""
    rude = Rude(text)
    connected, peers = rude.meet()
    monkeypatch.setattr(Socket, "connect", connected)
    try:
        with pytest.raises(Unavailable, match="before it had read everything"):
            Graphite(host=HOST, port=rude.port).send(BATCH, 5.0)
    finally:
        rude.close()
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("absence", [LineSink.refuse, LineSink.blackhole])
def test_the_first_address_that_accepts_is_taken(sink, monkeypatch, absence):
    """An address that does not answer takes only its share of the time."""
    with LineSink() as absent:
        absence(absent)
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", peer.address) for peer in (absent, sink)
        ]
        monkeypatch.setattr("sampler.adapterkit.dns.getaddrinfo", lambda *_args, **_options: found)
        assert Graphite(host="two.test", port=1).send(BATCH, 2.0) is DELIVERED
    assert sink.lines == LINES


def test_no_descriptor_is_left_behind(sink):
    """Whatever the outcome: pytest turns a socket left open into an error."""
    graphite = adapter(sink)
    graphite.send(BATCH, 5.0)
    sink.refuse()
    with pytest.raises(Unavailable):
        graphite.send(BATCH, 5.0)
    assert sink.open_connections == 0
