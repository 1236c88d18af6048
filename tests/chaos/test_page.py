"""The page under crowds of clients and under hostile ones."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.ledger import check
from tests.chaos.page import Crowd, Slow, entries, many_descriptors, page, replies
from tests.support.command import environment
from tests.support.waiting import wait_for

HALF = b"GET /metrics HTTP/1.1\r\nHost: loc"
DRIPPED = b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
WHOLE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
MIB = 2**20


def scrapes_beside_a_crowd(seconds=None, scrapes=10):
    """Scrape a page of two megabytes beside a thousand slow clients, each scrape in time.

    Without a time, one that is told that there is no room tries again: the machine is busy.
    """
    with many_descriptors(), page(count=2000, size=1000) as served:
        received = served.scrape()[1]
        before = served.tell()
        slow = (
            *(Slow(served.address, HALF, b"x") for _ in range(400)),
            *(Slow(served.address, DRIPPED, b"x") for _ in range(300)),
            *(Slow(served.address, WHOLE) for _ in range(300)),
        )
        with Crowd(slow) as crowd:
            wait_for(lambda: crowd.connected > 500, limit=30, what="the crowd")
            for _ in range(scrapes):
                status, count, took = served.scrape()
                while seconds is None and status == 503:
                    status, count, took = served.scrape()
                assert (status, count) == (200, 2000)
                assert seconds is None or took < seconds
                received += count
            during = served.tell()
        assert during["threads"] <= before["threads"]
        assert during["descriptors"] <= before["descriptors"] + 130
        assert during["memory"] < before["memory"] + 48 * MIB
        check(served.close(), received)


@pytest.mark.scenario(35)
def test_a_thousand_slow_clients_do_not_keep_a_scrape_out():
    """Half heads, bodies that drip, replies that nobody reads; each comes again when sent away."""
    scrapes_beside_a_crowd()


@pytest.mark.long
@pytest.mark.scenario(35)
def test_a_scrape_beside_a_thousand_slow_clients_takes_less_than_a_second():
    """A hundred times."""
    scrapes_beside_a_crowd(seconds=1.0, scrapes=100)


@pytest.mark.long
@pytest.mark.scenario(35)
def test_idle_clients_are_closed_after_five_seconds():
    """However they dawdle over the head."""
    with page() as served, ExitStack() as stack:
        begun = time.monotonic()
        clients = [stack.enter_context(socket.create_connection(served.address)) for _ in "abc"]
        clients[1].sendall(HALF)
        clients[2].sendall(WHOLE[:-1])
        for client in clients:
            client.settimeout(10)
            assert client.recv(1) == b""
        assert 4.0 < time.monotonic() - begun < 6.0


def slow_reader(address):
    """Ask for the page, read how it begins, and no more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(address)
    client.sendall(WHOLE)
    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    return client


@pytest.mark.scenario(45)
@pytest.mark.parametrize("entries_", [500, 2000])
def test_readers_that_take_their_time_do_not_have_a_page_each(entries_):
    """A hundred, one after the other, of pages of half and of two megabytes: five are held."""
    with page(count=entries_, size=1000, reply_timeout=600) as served:
        received = served.scrape()[1]
        before = served.tell()
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(slow_reader(served.address))
            during = served.tell()
            received += served.scrape()[1]
        assert during["memory"] < before["memory"] + 12 * entries_ * 1100
        assert during["pulls"] - before["pulls"] < 50
        wait_for(lambda: served.tell()["descriptors"] <= before["descriptors"], what="their end")
        balance = served.close()
        assert balance.holds
        assert balance.delivered == received
        assert balance.unconfirmed == 100 * entries_


@pytest.mark.scenario(45)
def test_a_page_that_is_shared_is_a_young_one():
    """A later request gets newer numbers, however many clients still read old ones."""
    with page(count=1000, size=1000, reply_timeout=2) as served, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(slow_reader(served.address))
        pulls = served.tell()["pulls"]
        wait_for(
            lambda: served.scrape()[0] == 200 and served.tell()["pulls"] > pulls,
            what="another pull",
        )


@pytest.mark.scenario(36)
def test_a_thousand_scrapes_at_once_share_pulls():
    """Each gets the whole page, or the answer that there is no room."""
    with many_descriptors(), page(count=50, size=100, seconds=0.1) as served:
        begun = time.monotonic()
        answers = replies(served.address, 1000)
        took = time.monotonic() - begun
        statuses = Counter(answer[9:12] for answer in answers)
        whole = 0
        for answer in answers:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert b"Content-Length: %d\r\n" % len(body) in head, answer[:200]
            if head.startswith(b"HTTP/1.1 200 "):
                assert entries(body) == 50
                whole += 1
        assert set(statuses) <= {b"200", b"503"}
        assert whole > 0
        assert served.tell()["pulls"] <= 1 + took / 0.1
        check(served.close(), 50 * whole)


HOSTILE = [
    (b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /metrics/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /metrics%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET //etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /\\..\\etc\\passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /METRICS HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /metrics/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    *(
        (b"%s /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" % m, 405)
        for m in (b"POST", b"PUT", b"TRACE", b"OPTIONS")
    ),
    *(
        (b"%s / HTTP/1.1\r\nHost: localhost\r\n\r\n" % m, 405)
        for m in (b"DELETE", b"PATCH", b"BREW")
    ),
    (b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (10 * MIB) + b"\r\n\r\n", 431),
    (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * (2 * MIB), 431),
    (b"GET /" + b"x" * (10 * MIB), 414),
    (b"\0" * (10 * MIB), 400),
]


def status_of(address, request):
    """Send a request, however long; return the status of its answer."""
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(request)
        return int(client.recv(100).split()[1])


@pytest.mark.scenario(37)
def test_strangers_get_refusals_and_no_file_is_touched():
    """Neither do they take memory."""
    with page() as served:
        received = served.scrape()[1]
        for request, _ in HOSTILE * 2:
            status_of(served.address, request)
        before = served.tell("watch")
        for request, status in HOSTILE * 2:
            assert status_of(served.address, request) == status, request[:60]
        received += served.scrape()[1]
        after = served.tell()
        assert after["touched"] == []
        assert after["memory"] < before["memory"] + 4 * MIB  # of more than eighty
        check(served.close(), received)


START = 'ip link set lo up && exec "$0" -m sampler run'


def listening(pid):
    """Return where a process' network namespace listens: addresses and ports in hexadecimal."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if state == "0A":
                found.add(local)
    return found


@pytest.mark.netns
@pytest.mark.scenario(38)
def test_without_a_word_only_loopback_is_listened_on(tmp_path):
    """In a namespace of its own nothing else listens."""
    process = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", START, sys.executable],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        own, its = Path("/proc/self/ns/net"), Path(f"/proc/{process.pid}/ns/net")
        wait_for(lambda: own.readlink() != its.readlink(), what="a namespace of its own")
        found = wait_for(lambda: listening(process.pid), what="something to listen")
        assert found == {"0100007F:24F8"}  # 127.0.0.1:9464
    finally:
        process.terminate()
        process.wait(10)
