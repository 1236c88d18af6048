"""Faults of the network itself; collected only by name, in namespaces of `test_networks.py`."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

from sampler.adapterkit.dns import resolve
from sampler.agent import Unavailable
from tests.chaos.delivering import Rig, graphite
from tests.chaos.ledger import check
from tests.chaos.test_destinations import PROGRAM, resolvers
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.waiting import timely, wait_for, within


@pytest.fixture
def sink():
    """A receiver of lines."""
    with LineSink() as sink:
        yield sink


def rule(*words: str | int, remove: bool = False) -> None:
    """Add a rule for what comes in, or remove it."""
    verb = "-D" if remove else "-A"
    subprocess.run(["iptables", verb, "INPUT", *map(str, words)], check=True, timeout=20)


def dropped() -> int:
    """Return the packets that rules have dropped."""
    listed = subprocess.run(
        ["iptables", "-L", "INPUT", "-vxn"], check=True, timeout=20, capture_output=True, text=True
    )
    return sum(int(line.split()[0]) for line in listed.stdout.splitlines() if " DROP " in line)


def complete(rig: Rig, sink: LineSink) -> None:
    """Stop, and insist that every line arrived and no other; what came twice is equal."""
    rig.stop()
    balance = rig.balance("graphite")
    check(balance, len(set(sink.lines)))
    assert balance.unconfirmed == 0
    assert balance.delivered == balance.collected
    assert set(sink.lines) == set(rig.truth.lines)


def test_a_firewall_that_drops_syn(sink, monkeypatch) -> None:
    """Exactly once, as nothing had left; ticks go on."""
    rig = Rig(monkeypatch, timeout=1.0, graphite=graphite(sink.port))
    rig.pulls(2)
    hole = ("-p", "tcp", "--dport", sink.port, "--syn", "-j", "DROP")
    rule(*hole)
    rig.fails("graphite")
    rig.pulls(6)
    assert dropped() > 0
    rule(*hole, remove=True)
    rig.settled("graphite")
    complete(rig, sink)
    assert set(Counter(sink.lines).values()) == {1}


def test_a_connection_that_goes_dark_once_established(sink, monkeypatch) -> None:
    """Handshakes pass, nothing after them does: not confirmed, so sent again."""
    rig = Rig(monkeypatch, timeout=0.5, graphite=graphite(sink.port))
    rig.pulls(2)
    rig.settled("graphite")
    dark = ("-p", "tcp", "--dport", sink.port, "!", "--syn", "-j", "DROP")
    rule(*dark)
    rig.fails("graphite")
    rig.pulls(6)
    assert "not everything was read in time" in rig.agent.troubles()["graphite"]
    assert dropped() > 0
    rule(*dark, remove=True)
    rig.settled("graphite")
    complete(rig, sink)


def test_every_fifth_packet_lost(sink, monkeypatch) -> None:
    """In both directions; nothing but delay comes of it."""
    for way in ("--dport", "--sport"):
        every = ("-m", "statistic", "--mode", "nth", "--every", 5, "--packet", 0)
        rule("-p", "tcp", way, sink.port, *every, "-j", "DROP")
    rig = Rig(monkeypatch, timeout=10.0, flush=60.0, graphite=graphite(sink.port))
    rig.pulls(10)  # each takes a second now: the final flush does most of it
    complete(rig, sink)
    assert dropped() >= 10


def test_a_fifth_of_all_packets_lost_at_random(sink, monkeypatch) -> None:
    """For a minute: the kernel sends again what it wants, we what was not confirmed."""
    for way in ("--dport", "--sport"):
        some = ("-m", "statistic", "--mode", "random", "--probability", 0.2)
        rule("-p", "tcp", way, sink.port, *some, "-j", "DROP")
    rig = Rig(monkeypatch, timeout=10.0, flush=60.0, graphite=graphite(sink.port))
    since = time.monotonic()
    rig.pulls(20)
    wait_for(lambda: time.monotonic() - since > 60, limit=70, what="a minute")
    remove = ["iptables", "-F", "INPUT"]
    lost = dropped()
    subprocess.run(remove, check=True, timeout=20)
    rig.settled("graphite")
    complete(rig, sink)
    assert lost >= 20


def test_a_dead_name_server() -> None:
    """The real resolver, which waits for ten seconds: we do not, nor does a program at its end."""
    rule("-p", "udp", "--dport", 53, "-j", "DROP")
    with within(5 * 0.3, "giving up five times"):
        for _ in range(5):
            with pytest.raises(Unavailable, match="no answer in time"):
                resolve("dead.test", 2003, socket.SOCK_STREAM, 0.3)
    assert len(resolvers()) == 1
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        input="",
    )
    assert done.returncode == 0, done.stderr
    stopped, holds, ended = done.stdout.split()
    assert holds == "True"
    timely(float(stopped), 5.0, "stop()")
    timely(float(ended), 5.0, "the end")
    assert dropped() > 0
