"""Outages that outlast the buffer, that a neighbour has, or that are a name server's."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest

from sampler.agent import UNCONFIRMED, Batch, Rejected, Unavailable
from tests.chaos.delivering import Rig, counted, graphite, statsd
from tests.chaos.ledger import check
from tests.support.command import environment
from tests.support.doubles import DatagramSink, LineSink
from tests.support.waiting import timely, wait_for

BOUND = 20_000


@pytest.fixture
def sink():
    """A receiver of lines."""
    with LineSink() as sink:
        yield sink


@pytest.fixture
def name_server(monkeypatch):
    """Whether names are looked up at once; if not, as a dead name server does: not in ten seconds.

    `localhost` is such a name; numbers need no look-up.
    """
    answers = threading.Event()
    answers.set()
    real = socket.getaddrinfo

    def look_up(host, port, **options):
        if not options.get("flags"):
            assert answers.wait(60)
        return real(host, port, **options)

    monkeypatch.setattr("sampler.adapterkit.dns.getaddrinfo", look_up)
    monkeypatch.setattr("sampler.adapterkit.dns._good", {})
    yield answers
    answers.set()
    wait_for(lambda: not resolvers(), what="the look-ups to end")


def resolvers():
    return [t for t in threading.enumerate() if t.name.startswith("sampler-resolve")]


@pytest.mark.scenario(6)
def test_the_last_good_address_serves_while_the_name_server_is_dead(
    sink, name_server, monkeypatch
):
    """Everything arrives, and one thread waits."""
    rig = Rig(monkeypatch, graphite=graphite(sink.port, host="localhost"), timeout=0.5)
    rig.pulls(2)
    rig.settled("graphite")
    name_server.clear()
    wait_for(resolvers, what="a look-up to hang")
    rig.pulls(10)
    rig.settled("graphite")
    assert len(resolvers()) == 1
    rig.stop()
    balance = rig.balance("graphite")
    check(balance, len(set(sink.lines)))
    assert balance.delivered == balance.collected == len(sink.lines)


@pytest.mark.scenario(6)
def test_a_name_server_that_was_always_dead_delays_and_loses_nothing(
    sink, name_server, monkeypatch
):
    """Once it answers, all arrives exactly once; until then one thread waits."""
    name_server.clear()
    rig = Rig(monkeypatch, graphite=graphite(sink.port, host="localhost"), timeout=0.2)
    rig.fails("graphite")
    rig.pulls(6)
    assert len(resolvers()) == 1
    assert "cannot look up 'localhost'" in rig.agent.troubles()["graphite"]
    name_server.set()
    rig.settled("graphite")
    rig.stop()
    balance = rig.balance("graphite")
    check(balance, len(set(sink.lines)))
    assert balance.delivered == balance.collected == len(sink.lines)


PROGRAM = """\
import atexit, time
import sampler.agent
from sampler.agent.config.reading import parse
agent = sampler.agent.Agent(parse(
    {"interval": 0.2, "service": "s",
     "adapters": {"graphite": {"host": "dead.test", "timeout": 1}}}, "t"))
agent.start()
while not agent.troubles():
    time.sleep(0.01)
begun = time.monotonic()
agent.stop()
print(time.monotonic() - begun, agent.balances()["graphite"].holds, flush=True)
atexit.register(lambda: print(time.monotonic() - begun, flush=True))
"""
"""Stops once a look-up of a name has not been answered; prints how long that and the end took."""
STUCK = """\
import threading
from sampler.adapterkit import dns
real = dns.getaddrinfo
def look_up(host, port, **options):
    return real(host, port, **options) if options.get("flags") else threading.Event().wait()
dns.getaddrinfo = look_up
"""


@pytest.mark.scenario(6)
def test_a_program_with_a_stuck_look_up_ends_at_once():
    """Neither the final flush nor the interpreter waits for it."""
    done = subprocess.run(
        [sys.executable, "-c", STUCK + PROGRAM],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    stopped, holds, ended = done.stdout.split()
    assert holds == "True"
    timely(float(stopped), 5.0, "stop()")
    timely(float(ended), 5.0, "the end")


@pytest.mark.scenario(7)
def test_an_outage_longer_than_the_buffer_loses_the_oldest_and_counts_them(
    sink, monkeypatch, caplog
):
    """What is missing at the end is what was counted, and memory did not grow with the outage."""
    sink.refuse()
    rig = Rig(monkeypatch, graphite=graphite(sink.port), outbox=BOUND)
    wait_for(lambda: rig.balance("graphite").dropped["oldest"] > 200, limit=30, what="drops")
    rig.truth.lines.clear()
    then = rig.balance("graphite")
    gone = then.dropped["oldest"] + then.queued  # of what waits, truth knows nothing any more
    tracemalloc.start()
    wait_for(lambda: rig.balance("graphite").dropped["oldest"] > gone, limit=30, what="drops")
    first = tracemalloc.get_traced_memory()[0]
    rig.pulls(20)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    (channel,) = [each for each in rig.agent._pushed if each.name == "graphite"]
    assert channel.bytes <= BOUND
    assert grown < 2**20 + sum(map(len, rig.truth.lines)) * 2
    sink.listen()
    rig.settled("graphite")
    rig.stop()
    balance = rig.balance("graphite")
    check(balance, len(set(sink.lines)))
    assert balance.collected - len(sink.lines) == balance.dropped["oldest"]
    assert sum(balance.dropped.values()) == balance.dropped["oldest"]
    assert rig.truth.lines[-len(sink.lines) :] == sink.lines, "the newest, in order"
    assert caplog.text.count("the outbox is full") == 1


@pytest.mark.scenario(8)
@pytest.mark.parametrize("absence", [LineSink.refuse, LineSink.blackhole, LineSink.stall])
def test_a_destination_that_is_away_costs_its_neighbour_nothing(sink, absence, monkeypatch):
    """No tick waits or is lost, and the neighbour has every line exactly once."""
    with LineSink() as away:
        absence(away)
        rig = Rig(
            monkeypatch,
            timeout=0.5,
            flush=0.5,
            away=graphite(away.port),
            here=graphite(sink.port),
        )
        rig.pulls(15)
        ticker = rig.agent._consumers.loops[0].ticker
        assert ticker.schedule.skipped < ticker.ticks, "an attempt takes five intervals"
        rig.stop()
    balance = rig.balance("here")
    check(balance, len(set(sink.lines)))
    assert balance.delivered == balance.collected
    assert Counter(sink.lines) == Counter(rig.truth.lines)
    assert sink.lines == rig.truth.lines, "in the same order"
    jobs = [int(line.split()[1]) for line in sink.lines if b".source.jobs " in line]
    assert all(later - one == 7 for one, later in pairwise(jobs)), "each tick is there"


@pytest.mark.scenario(1)
def test_datagrams_that_are_refused_cost_no_count(monkeypatch):
    """UDP on this machine: refused counts are in a later difference; nothing is ever delivered."""
    with DatagramSink() as sink:
        rig = Rig(monkeypatch, statsd=statsd(sink.port))
        rig.pulls(2)
        with rig.between():
            sink.refuse()
        rig.fails("statsd")
        rig.pulls(4)
        sink.listen()
        rig.pulls(2)
        rig.settled("statsd")
        rig.stop()
        balance = rig.balance("statsd")
        assert balance.delivered == 0
        wait_for(lambda: counted(sink.lines) == rig.source.grown, what="the sum of the counts")


class Failing:
    """A datagram socket in front of which the kernel fails."""

    family = socket.AF_INET

    def __init__(self, number: int) -> None:
        self._number = number

    def send(self, frame):
        raise OSError(self._number, "no")

    def getsockopt(self, *_):
        return 0

    def is_ours(self):
        return True

    def close(self):
        pass


@pytest.mark.parametrize(
    "number",
    [errno.EAGAIN, errno.ENOBUFS, errno.ECONNREFUSED, errno.ENETUNREACH, errno.EPERM],
)
def test_whatever_the_kernel_says_to_a_datagram_is_an_outage(number):
    """Not sent, so owed; the next one goes by another socket."""
    with DatagramSink() as sink:
        adapter = statsd(sink.port)
        datagram = Batch((b"x.source.jobs:1|c",), 1)
        assert adapter.send(datagram, 1.0) is UNCONFIRMED
        adapter._datagrams._socket.close()
        adapter._datagrams._socket = Failing(number)
        with pytest.raises(Unavailable):
            adapter.send(datagram, 1.0)
        assert adapter.send(datagram, 1.0) is UNCONFIRMED
        adapter._datagrams._socket.close()
        adapter._datagrams._socket = Failing(errno.EMSGSIZE)
        with pytest.raises(Rejected, match="too_long"):
            adapter.send(datagram, 1.0)
        adapter.close()
        wait_for(lambda: len(sink.lines) == 2, what="two datagrams")
