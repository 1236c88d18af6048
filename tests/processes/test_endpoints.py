"""What the endpoints of a life make of what real adapters send."""

from __future__ import annotations

import socket

import pytest

from tests.processes.endpoints import SOURCES, Endpoints
from tests.support.ports import HOST
from tests.support.waiting import wait_for


@pytest.fixture
def endpoints():
    """Endpoints that are closed in the end."""
    made = Endpoints()
    yield made
    made.close()


def send(endpoints: Endpoints, *lines: str) -> None:
    """Send lines as to Graphite, and wait for the peer's end."""
    with socket.create_connection((HOST, endpoints.graphite_port)) as connection:
        connection.sendall("".join(f"{line}\n" for line in lines).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_graphite_is_read_as_a_store_keeps_it(endpoints):
    """The last value of a second stands; a lower one begins anew; paths are added up."""
    send(endpoints, "a.0.shop.requests 5 100", "a.0.shop.requests 7 100")
    send(endpoints, "a.0.shop.requests 2 101", "a.1.shop.requests 1 101", "a.0.other 9 101")
    arrived = endpoints.arrived(page=False)
    assert arrived["instrument", "graphite last"] == 2 + 1
    assert arrived["instrument", "graphite reset"] == 7 + 2 + 1


def test_statsd_is_added_up(endpoints):
    """Counters of any path that ends so; gauges are none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for text in ("a.shop.requests:2|c\nb.shop.requests:3|c", "a.pool.checkouts:4|g"):
            channel.sendto(text.encode(), (HOST, endpoints.statsd_port))
    wait_for(lambda: endpoints.arrived(page=False)["instrument", "statsd"] == 5)
    assert endpoints.arrived(page=False)["pull", "statsd"] == 0


def test_who_reports_is_told_by_a_gauge(endpoints):
    """Also where its path ends with the process that it is about."""
    send(endpoints, "a.0.pool.pid 17 100", "a.0.pool.pid.process-3 18 100", "a.0.pool.pids 19 100")
    assert endpoints.reporting(0.0) == {17, 18}


def test_a_page_that_does_not_answer_shows_nothing(endpoints):
    """Neither a total nor an error."""
    assert not endpoints.answers()
    places = {place for _, place in endpoints.arrived(page=True)}
    assert places == {"graphite last", "graphite reset", "statsd"}


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_has_arrived_at_first(endpoints, source):
    """Zero in each place."""
    assert endpoints.arrived(page=False)[source, "statsd"] == 0
