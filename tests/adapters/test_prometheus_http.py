"""The server behind ``/metrics``: what it answers, what it refuses, and whom it counts."""

from __future__ import annotations

import gzip
import http.client
import os
import socket
import struct
import threading
import time
import warnings
from contextlib import ExitStack

import pytest

from sampler.adapterkit import http_served
from sampler.adapterkit.threads import Service
from sampler.agent import Ledger, Series
from sampler_prometheus import Prometheus
from tests.adapters.shapes import gauge, snapshot
from tests.support.waiting import wait_for


class Source:
    """A collect function that counts, can be held up, and can fail."""

    def __init__(self):
        self.calls = 0
        self.shot = snapshot((gauge("a.b"), 1), (gauge("a.c"), 2))
        self.open = threading.Event()
        self.open.set()
        self.fault = None

    def __call__(self):
        self.calls += 1
        assert self.open.wait(20)
        if self.fault:
            raise self.fault
        return self.shot


class ScrapeChannel:
    """An adapter that listens, what it collects and its law."""

    def __init__(self, listen="127.0.0.1:0", **options):
        self.source, self.ledger = Source(), Ledger()
        self.adapter = Prometheus(listen=listen, **options)
        self.adapter.open(self.source, self.ledger)
        host, _, port = self.adapter.address.rpartition(":")
        self.address = (host.strip("[]"), int(port))

    def connect(self):
        return socket.create_connection(self.address, timeout=10)

    def ask(self, request):
        """Send raw bytes; return all that comes back."""
        with self.connect() as client:
            client.sendall(request)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def get(self, path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request(
                method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
            with connection.getresponse() as response:
                return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def settled(self, entries):
        """Wait until the law knows so many entries."""
        wait_for(lambda: self.ledger.balance().collected >= entries, what=f"{entries} entries")
        balance = self.ledger.balance()
        assert balance.holds
        return balance


@pytest.fixture
def scraped():
    """A server of the test's own."""
    scraped = ScrapeChannel()
    yield scraped
    scraped.source.open.set()
    scraped.adapter.close(5.0)


@pytest.fixture
def few():
    """A server with room for three clients."""
    scraped = ScrapeChannel(max_connections=3)
    yield scraped
    scraped.source.open.set()
    scraped.adapter.close(5.0)


def test_a_scrape_gets_one_consistent_page(scraped):
    """With its length and its content type."""
    status, headers, body = scraped.get()
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body)
    assert body == b"# TYPE a_b gauge\na_b 1\n# TYPE a_c gauge\na_c 2\n"
    balance = scraped.settled(2)
    assert (balance.collected, balance.delivered, balance.unconfirmed) == (2, 2, 0)


def test_what_the_format_cannot_carry_is_dropped_by_reason(scraped):
    """Each response counts its entries."""
    scraped.source.shot = snapshot((gauge("a.b_c"), 1), (gauge("a_b.c"), 2))
    for _ in range(3):
        scraped.get()
    balance = scraped.settled(6)
    assert (balance.delivered, balance.dropped["collision"]) == (3, 3)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.0\n\n", 200),
        (b"GET /metrics?name[]=a HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET //metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\0\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET http://127.0.0.1/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"POST /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /-/quit HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: \xff\xfe/;;=q\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 1000 + b"\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 2000 + b"\r\n", 431),
        (b"GET  /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nA: b\rc\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nA : b\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nA:" + b" " * 8000 + b"\0\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /metrics HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\nzz", 200),
        (b"GET /metrics HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"GET /\xff HTTP/1.0\r\n\r\n", 400),
        (b"get /metrics HTTP/1.0\r\n\r\n", 405),
        (b"GET /metrics HTTP/0.9\r\n\r\n", 505),
        (b"GET /metrics HTTP/1.1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 5000, 414),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000, 431),
    ],
)
def test_each_request_has_its_answer(scraped, request_, status):
    """Four paths are known, and no file is ever opened."""
    answer = scraped.ask(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in answer


def test_other_methods_are_told_which_are_allowed(scraped):
    """As HTTP wants it with 405."""
    status, headers, _ = scraped.get(method="PUT")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_head_request_has_no_body_and_costs_no_pull(scraped):
    """Nothing is collected, nothing counted."""
    status, headers, body = scraped.get(method="HEAD")
    assert (status, body) == (200, b"")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert scraped.source.calls == 0


OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def test_openmetrics_is_served_to_those_who_ask(scraped):
    """With its own content type and its end; caches are told what it depends on."""
    status, headers, body = scraped.get(Accept=OPENMETRICS)
    assert status == 200
    assert headers["Content-Type"] == f"{OPENMETRICS}; charset=utf-8"
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert body.endswith(b"\n# EOF\n")
    _, headers, body = scraped.get(method="HEAD", Accept=OPENMETRICS)
    assert (headers["Content-Type"], body) == (f"{OPENMETRICS}; charset=utf-8", b"")


@pytest.mark.parametrize("accept", ["*/*", OPENMETRICS])
def test_a_body_is_compressed_for_those_who_ask(scraped, accept):
    """The same text after all."""
    _, headers, plain = scraped.get(Accept=accept)
    assert "Content-Encoding" not in headers
    _, headers, body = scraped.get(Accept=accept, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(body)
    assert gzip.decompress(body) == plain


def test_clients_that_want_different_formats_share_one_pull(scraped):
    """Each gets its own."""
    scraped.source.open.clear()
    wanted = [b"*/*", OPENMETRICS.encode(), b"text/plain"] * 3
    with ExitStack() as stack:
        first = stack.enter_context(scraped.connect())
        first.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the first pull")
        clients = [stack.enter_context(scraped.connect()) for _ in wanted]
        for client, accept in zip(clients, wanted, strict=True):
            client.sendall(
                b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n" % accept
            )
        served = scraped.adapter._server._clients
        wait_for(lambda: sum(c.waits for c in served.values()) == 10, what="ten to wait")
        scraped.source.open.set()
        for client, accept in zip(clients, wanted, strict=True):
            answer = b"".join(iter(lambda client=client: client.recv(65536), b""))
            assert (b"# EOF" in answer) == (b"openmetrics" in accept)
    assert scraped.source.calls == 2


def test_ready_means_that_pages_can_be_made(scraped):
    """Not so after a pull that failed, until one succeeds; healthy it is all the time."""
    assert scraped.get("/-/ready")[0] == 200
    good, scraped.source.shot = scraped.source.shot, None
    assert scraped.get()[0] == 500
    assert scraped.get("/-/ready")[0] == 503
    assert scraped.get("/-/healthy")[0] == 200
    scraped.source.shot = good
    assert scraped.get()[0] == 200
    assert scraped.get("/-/ready")[0] == 200


def test_healthy_means_that_every_thread_serves(scraped):
    """Else it names those of the process that do not; why is for the log, not for strangers."""
    assert scraped.get("/-/healthy")[0] == 200
    mended = threading.Event()

    def serve():
        if not mended.is_set():
            raise ZeroDivisionError("broken")

    service = Service(serve, "sampler-test-ill")
    service.start()
    wait_for(lambda: scraped.get("/-/healthy")[0] == 503, what="the truth")
    body = wait_for(
        lambda: (got := scraped.get("/-/healthy"))[0] == 503 and got[2], what="the truth again"
    )
    assert body == (
        b"503 Service Unavailable: does not serve: sampler-test-ill; the log says why\n"
    )
    mended.set()
    assert service.join(20)
    assert scraped.get("/-/healthy")[0] == 200


def test_a_successor_takes_the_port_over(scraped):
    """Connections made before, between and after the change are all answered."""
    other = ScrapeChannel.__new__(ScrapeChannel)
    other.source, other.ledger, other.address = Source(), Ledger(), scraped.address
    # Room for all of them: which of the two accepts whom is the kernel's choice.
    other.adapter = Prometheus(listen="127.0.0.1:0", max_connections=10)
    with ExitStack() as stack:
        waiting = [stack.enter_context(scraped.connect()) for _ in range(5)]
        other.adapter.replace(scraped.adapter, other.source, other.ledger)
        stack.callback(other.adapter.close, 5.0)
        assert other.adapter.address == scraped.adapter.address
        waiting += [stack.enter_context(scraped.connect()) for _ in range(5)]
        for client in waiting:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for client in waiting:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            client.close()
        scraped.adapter.close(5.0)
        calls = other.source.calls
        assert other.get()[0] == 200
        assert other.source.calls == calls + 1


def test_the_front_page_leads_to_the_metrics(scraped):
    """For people."""
    _, headers, body = scraped.get("/")
    assert headers["Content-Type"].startswith("text/html")
    assert b'href="/metrics"' in body


def test_scrapes_that_wait_share_one_pull(scraped):
    """Those that come while a page is made get the next one, all of them."""
    scraped.source.open.clear()
    with ExitStack() as stack:
        clients = [stack.enter_context(scraped.connect()) for _ in range(20)]
        clients[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the first pull")
        for client in clients[1:]:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server = scraped.adapter._server
        wait_for(lambda: len(server._making._waiting) == 19, what="all to wait")
        scraped.source.open.set()
        for client in clients:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert scraped.source.calls == 2


def test_a_failing_pull_is_one_line_and_one_log_line(scraped, caplog):
    """And no entry; the next scrape that works says nothing."""
    scraped.source.fault = ZeroDivisionError("secret")
    for _ in range(3):
        status, _, body = scraped.get()
        assert (status, body) == (500, b"cannot collect: ZeroDivisionError\n")
    assert len(caplog.records) == 1
    scraped.source.fault = None
    assert scraped.get()[0] == 200
    assert scraped.settled(2).collected == 2


def large():
    """More than the kernel takes for a client that does not read."""
    entries = [(Series(f"a.m{i}", {"v": "x" * 1000}), i) for i in range(20_000)]
    return snapshot(*entries)


def test_a_client_that_leaves_early_leaves_its_entries_unconfirmed(scraped):
    """Nobody knows what it read."""
    scraped.source.shot = large()
    with scraped.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(1000)
    balance = scraped.settled(20_000)
    assert (balance.delivered, balance.unconfirmed) == (0, 20_000)


def test_a_client_that_leaves_before_the_pull_ends_is_counted_too(scraped):
    """Its page was made."""
    scraped.source.open.clear()
    with scraped.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: scraped.source.calls == 1, what="the pull")
    scraped.source.open.set()
    assert scraped.settled(2).unconfirmed == 2


def test_a_client_that_does_not_read_delays_nobody(scraped):
    """And is given up after a while."""
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
    monkeypatch.setattr(http_served, "HEAD_LIMIT", 0.3)
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
    """The one that dawdles longest makes room."""
    limit = scraped.adapter.max_connections
    with ExitStack() as stack:
        idle = [stack.enter_context(scraped.connect()) for _ in range(limit + 50)]
        for client in idle:
            client.sendall(b"GET /metrics HT")
        assert scraped.get()[0] == 200
        assert len(scraped.adapter._server._clients) <= limit
        assert len([t for t in threading.enumerate() if t.name.startswith("sampler-http")]) == 2


def test_more_scrapes_than_can_be_held_are_told_so(few):
    """Those that wait for a page are not thrown out for a newcomer."""
    scraped = few
    scraped.source.open.clear()
    with ExitStack() as stack:
        waiting = [stack.enter_context(scraped.connect()) for _ in range(3)]
        for client in waiting:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients = scraped.adapter._server._clients
        wait_for(lambda: [c.waits for c in clients.values()] == [True] * 3, what="three to wait")
        with scraped.connect() as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503 ")
        scraped.source.open.set()
        for client in waiting:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_closing_lets_an_answer_under_way_end():
    """And frees the port; nothing is accepted any more."""
    scraped = ScrapeChannel()
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
    """Their limit is not ours."""
    scraped = ScrapeChannel()
    with scraped.connect() as idle:
        idle.sendall(b"GET")
        begun = time.monotonic()
        scraped.adapter.close(5.0)
        assert time.monotonic() - begun < 5.0  # the idle one is given up later


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_keep_the_port(scraped):
    """A server that restarts beside its old workers can listen again."""
    held, release = os.pipe()
    told, tell = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.write(tell, b"!")
        os.read(held, 1)
        os._exit(0)
    try:
        assert os.read(told, 1) == b"!", "the child has begun, and let go"
        assert scraped.get()[0] == 200
        scraped.adapter.close(5.0)
        again = Prometheus(listen="{}:{}".format(*scraped.address))
        again.open(scraped.source, scraped.ledger)
        again.close(1.0)
    finally:
        os.write(release, b"!")
        os.waitpid(child, 0)
        for end in (held, release, told, tell):
            os.close(end)


def test_only_loopback_is_bound_by_default():
    """Numbers are not for everyone on the network."""
    assert Prometheus().listen == "127.0.0.1:9464"


def test_ipv6_works_too():
    """The address stands in brackets."""
    try:
        scraped = ScrapeChannel("[::1]:0")
    except OSError:
        pytest.skip("no IPv6 here")
    assert scraped.adapter.address.startswith("[::1]:")
    assert scraped.get()[0] == 200
    scraped.adapter.close(5.0)


def test_a_port_in_use_is_an_error(scraped):
    """Which the agent explains."""
    with pytest.raises(OSError, match="in use"):
        Prometheus(listen=scraped.adapter.address).open(scraped.source, scraped.ledger)


@pytest.mark.parametrize(
    "listen", ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "a:70000", "::1:9464"]
)
def test_a_bad_address_is_explained(listen):
    """Constructing the adapter raises ValueError."""
    with pytest.raises(ValueError, match=r"listen: .*(expected|port|brackets)"):
        Prometheus(listen=listen)
