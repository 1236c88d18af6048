"""A page and a pusher that get bytes nobody should send; minutes of it: `python -m tests.fuzz`."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from sampler.adapterkit._http.exchange import Exchange, plain_answer
from sampler.adapterkit._http.head import BadMessage
from sampler.agent import Batch, Ledger, Rejected, Unavailable
from sampler_prometheus import Prometheus, Pushgateway
from tests.adapters.shapes import gauge, snapshot
from tests.fuzz import mutants
from tests.fuzz.peers import GOOD, Gateway
from tests.fuzz.run import attack
from tests.support.waiting import timely

STATUSES = {200, 400, 401, 404, 405, 414, 421, 431, 501, 503, 505}
SEEDS = st.integers(0, 2**32).map(Random)


@pytest.fixture(scope="module")
def page():
    """A page with credentials, and where it is."""
    ledger = Ledger()
    adapter = Prometheus(listen="127.0.0.1:0", username="p", password="p", max_connections=4)
    adapter.open(lambda: snapshot((gauge("a.b"), 1)), ledger)
    host, _, port = adapter.address.rpartition(":")
    yield host, int(port)
    adapter.close(5.0)
    assert ledger.balance().holds


@pytest.mark.scenario(42)
@seed(14)
@settings(max_examples=1500)
@given(SEEDS)
def test_any_bytes_of_a_client_get_an_answer_or_an_end(page, random):
    """And whoever comes next gets its own."""
    message = mutants.request(random)
    with socket.create_connection(page, timeout=20) as client, suppress(OSError):
        for part in mutants.pieces(random, message):
            client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(65536)
        assert not answer or int(answer[9:12]) in STATUSES
    with socket.create_connection(page, timeout=20) as client:
        client.sendall(GOOD)
        assert client.recv(12) == b"HTTP/1.1 401"


@pytest.mark.scenario(42)
@seed(14)
@settings(max_examples=4000)
@given(SEEDS)
def test_any_bytes_are_a_request_or_a_refusal(random):
    """However they are cut, they mean the same; the answer's head is one in any case."""
    message = mutants.request(random)
    outcomes = []
    for parts in ([message], mutants.pieces(random, message)):
        exchange, found = Exchange(), None
        try:
            for part in parts:
                if (found := exchange.receive(part)) is not None:
                    break
        except BadMessage as error:
            assert error.status in STATUSES
            found = None
        outcomes.append(found)
        head = exchange.parts(plain_answer(404))[0]
        assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert head.endswith(b"\r\n\r\n")
    assert outcomes[0] == outcomes[1]


@pytest.mark.scenario(43)
def test_any_bytes_of_a_gateway_are_an_outcome():
    """Delivered, refused, or to be sent again: nothing else is raised, and it is printable."""
    with Gateway(Random(14)) as gateway:
        adapter = Pushgateway(url=gateway.url, gzip=False, delete_on_stop=False)
        gateway.fine = False

        @seed(14)
        @settings(max_examples=1000, database=None)
        @given(SEEDS)
        def push(random):
            gateway._random = random
            try:
                adapter.send(Batch((b"up 1\n",), 1, note="/metrics/job/x"), 0.3)
            except (Unavailable, Rejected) as error:
                assert str(error).isprintable()

        push()
        gateway.fine = True
        adapter.send(Batch((b"up 1\n",), 1, note="/metrics/job/x"), 20.0)


@pytest.mark.scenario(42, 43)
def test_a_program_with_an_agent_outlives_all_of_it():
    """No thread is lost, no traceback written, no memory kept, no thread of its own held."""
    threads = threading.active_count()
    result = attack(requests=3000, replies=500, seed=14)
    assert result.faults == []
    timely(result.pause, max(result.control, result.beside), "the longest pause")
    assert result.statuses["200"] > 100
    assert result.pushes["delivered"] > 5
    assert threading.active_count() == threads
