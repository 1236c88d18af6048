"""Clients of ``/metrics`` that leave, wait, or are slow: whom that costs, and what is counted."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import ExitStack

import pytest

from sampler.adapterkit._http import client_connection
from tests.adapters.scraped import ScrapedPage, large
from tests.adapters.shapes import gauge, snapshot
from tests.support.waiting import wait_for


@pytest.fixture
def few():
    """A server with room for three clients."""
    scraped = ScrapedPage(max_connections=3)
    yield scraped
    scraped.source.open.set()
    scraped.adapter.close(5.0)


def test_scrapes_that_wait_share_one_pull(scraped):
    """All that arrive while a page is made get the next page."""
    scraped.source.open.clear()
    with ExitStack() as stack:
        clients = [stack.enter_context(scraped.connect()) for _ in range(20)]
        clients[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the first pull")
        for client in clients[1:]:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server = scraped.adapter._server
        wait_for(lambda: len(server._queues[0]._waiting) == 19, what="all to wait")
        scraped.source.open.set()
        for client in clients:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert scraped.source.calls == 2


def test_a_client_that_leaves_early_leaves_its_entries_unconfirmed(scraped):
    """It is not known what the client read."""
    scraped.source.shot = large()
    with scraped.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(1000)
    balance = scraped.settled(20_000)
    assert (balance.delivered, balance.unconfirmed) == (0, 20_000)


def test_a_client_that_leaves_before_the_pull_ends_is_counted_too(scraped):
    """Its page was made for it."""
    scraped.source.open.clear()
    with scraped.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the pull")
    scraped.source.open.set()
    assert scraped.settled(2).unconfirmed == 2


def test_a_client_that_does_not_read_delays_nobody(scraped):
    """It is disconnected after ``reply_timeout``."""
    scraped.source.shot = large()
    with scraped.connect() as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the first pull")
        scraped.source.shot = snapshot((gauge("a.b"), 1))
        begun = time.monotonic()
        assert scraped.get()[0] == 200
        assert time.monotonic() - begun < 5.0  # the idle one is given up later


def test_idle_and_dripping_clients_are_ended_in_time(scraped, monkeypatch):
    """The limit is for the whole head, not for each byte."""
    monkeypatch.setattr(client_connection, "HEAD_LIMIT", 0.3)
    with scraped.connect() as idle, scraped.connect() as dripping:
        begun = time.monotonic()
        dripping.settimeout(0.05)
        ended = False
        while not ended:
            assert time.monotonic() - begun < 3.0
            try:
                dripping.send(b"G")
                ended = dripping.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert idle.recv(1) == b""


def test_many_idle_clients_do_not_keep_a_scrape_out(scraped):
    """The slowest client is evicted."""
    limit = scraped.adapter.max_connections
    with ExitStack() as stack:
        idle = [stack.enter_context(scraped.connect()) for _ in range(limit + 50)]
        for client in idle:
            client.sendall(b"GET /metrics HT")
        assert scraped.get()[0] == 200
        assert len(scraped.adapter._server._clients) <= limit
        assert len([t for t in threading.enumerate() if t.name.startswith("sampler-http")]) == 2


def test_more_scrapes_than_can_be_held_are_told_so(few):
    """Clients that wait for a page are not evicted."""
    scraped = few
    scraped.source.open.clear()
    with ExitStack() as stack:
        waiting = [stack.enter_context(scraped.connect()) for _ in range(3)]
        for client in waiting:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients = scraped.adapter._server._clients
        wait_for(
            lambda: [c.awaits_answer for c in clients.values()] == [True] * 3, what="three to wait"
        )
        with scraped.connect() as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503 ")
        scraped.source.open.set()
        for client in waiting:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_closing_lets_an_answer_under_way_end():
    """The port is free at once, and no client is accepted."""
    scraped = ScrapedPage()
    scraped.source.open.clear()
    with scraped.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the pull")
        closing = threading.Thread(target=scraped.adapter.close, args=(10.0,))
        closing.start()
        scraped.source.open.set()
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    closing.join()
    assert answer.endswith(b"a_c 2\n")
    assert scraped.settled(2).delivered == 2
    with pytest.raises(ConnectionRefusedError):
        scraped.connect()
    scraped.adapter.close(1.0)


def test_closing_does_not_wait_for_idle_clients():
    """Their time limit is longer."""
    scraped = ScrapedPage()
    with scraped.connect() as idle:
        idle.sendall(b"GET")
        begun = time.monotonic()
        scraped.adapter.close(5.0)
        assert time.monotonic() - begun < 5.0  # the idle one is given up later
