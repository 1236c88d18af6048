"""Names are looked up within a limit, and one dead name server holds one thread."""

from __future__ import annotations

import socket
import threading

import pytest

from sampler.adapterkit.dns import resolve
from sampler.agent import Unavailable
from tests.support.waiting import wait_for, within

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class NameServer:
    """Stands in for ``getaddrinfo``, which no test can have answer slowly in another way."""

    def __init__(self):
        self.real = socket.getaddrinfo
        self.calls = 0
        self.open = threading.Event()
        self.open.set()
        self.fault = None

    def __call__(self, host, port, **keywords):
        if keywords.get("flags"):
            return self.real(host, port, **keywords)
        self.calls += 1
        assert self.open.wait(20)
        if self.fault:
            raise self.fault
        return ANSWER


@pytest.fixture
def server(monkeypatch):
    """A name server under the test's control; no thread of it outlives the test."""
    server = NameServer()
    monkeypatch.setattr("sampler.adapterkit.dns.getaddrinfo", server)
    yield server
    server.open.set()
    wait_for(lambda: not threads(), what="the resolver threads to end")


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("sampler-resolve")]


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_a_numeric_address_needs_no_look_up(server, host, family):
    """And takes no thread."""
    ((found, address),) = resolve(host, 2003, socket.SOCK_STREAM, 0.0)
    assert (found, address[:2]) == (family, (host, 2003))
    assert server.calls == 0


def test_localhost_is_found():
    """By the real resolver, on a thread that ends."""
    found = resolve("localhost", 2003, socket.SOCK_STREAM, 5.0)
    assert {address[0] for _, address in found} <= {"127.0.0.1", "::1"}
    wait_for(lambda: not threads(), what="the resolver thread to end")


def test_the_last_good_answer_stands_in_for_a_failure(server):
    """A name server that is down for a while costs nothing."""
    good = resolve("fails.test", 80, socket.SOCK_STREAM, 5.0)
    assert good == [(socket.AF_INET, ("192.0.2.1", 80))]
    server.fault = socket.gaierror(-3, "Temporary failure")
    assert resolve("fails.test", 80, socket.SOCK_STREAM, 5.0) == good


@pytest.mark.parametrize("host", ["unknown.test", "a..b", "x" * 70, "nul\0"])
def test_no_answer_at_all_is_unavailable(server, host):
    """Invalid names, too."""
    server.fault = socket.gaierror(-2, "Name or service not known")
    with pytest.raises(Unavailable, match="cannot look up"):
        resolve(host, 80, socket.SOCK_STREAM, 5.0)


def test_a_stuck_look_up_holds_one_thread_and_no_caller(server):
    """One caller waits for it; then the last good answer is returned at once."""
    good = resolve("stuck.test", 80, socket.SOCK_STREAM, 5.0)
    server.open.clear()
    with within(2.0):
        for _ in range(20):
            assert resolve("stuck.test", 80, socket.SOCK_STREAM, 2.0) == good
    assert len(threads()) == 1
    with pytest.raises(Unavailable, match="no answer in time"):
        resolve("other.test", 80, socket.SOCK_STREAM, 0.05)
