"""The server behind ``/metrics``: what it answers, and what it refuses."""

from __future__ import annotations

import gzip
import os
import threading
import warnings
from contextlib import ExitStack

import pytest

from sampler.adapterkit.threads import Service
from sampler.agent import Ledger
from sampler_prometheus import Prometheus
from tests.adapters.scraped import ScrapedPage, Source
from tests.adapters.shapes import gauge, snapshot
from tests.support.waiting import wait_for


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
        (b"GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
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
    """As HTTP requires with 405."""
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
    """With its content type and its end; ``Vary`` says what the page depends on."""
    status, headers, body = scraped.get(Accept=OPENMETRICS)
    assert status == 200
    assert headers["Content-Type"] == f"{OPENMETRICS}; charset=utf-8"
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert body.endswith(b"\n# EOF\n")
    _, headers, body = scraped.get(method="HEAD", Accept=OPENMETRICS)
    assert (headers["Content-Type"], body) == (f"{OPENMETRICS}; charset=utf-8", b"")


@pytest.mark.parametrize("accept", ["*/*", OPENMETRICS])
def test_a_body_is_compressed_for_those_who_ask(scraped, accept):
    """It is the same text."""
    _, headers, plain = scraped.get(Accept=accept)
    assert "Content-Encoding" not in headers
    _, headers, body = scraped.get(Accept=accept, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(body)
    assert gzip.decompress(body) == plain


def test_clients_that_want_different_formats_share_one_pull(scraped):
    """Each client gets its format."""
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
        wait_for(lambda: sum(c.awaits_answer for c in served.values()) == 10, what="ten to wait")
        scraped.source.open.set()
        for client, accept in zip(clients, wanted, strict=True):
            answer = b"".join(iter(lambda client=client: client.recv(65536), b""))
            assert (b"# EOF" in answer) == (b"openmetrics" in accept)
    assert scraped.source.calls == 2


def test_ready_means_that_a_page_has_been_made(scraped):
    """Who asks first makes one, which nobody is charged for; later ones need none."""
    good, scraped.source.shot = scraped.source.shot, None
    assert scraped.get("/-/ready")[0] == 503
    scraped.source.shot = good
    assert scraped.get("/-/ready", "HEAD")[::2] == (200, b"")
    assert scraped.get("/-/ready/")[::2] == (200, b"200 OK\n")
    assert scraped.source.calls == 2
    assert scraped.ledger.balance().collected == 0


def test_a_page_that_fails_is_not_ready_until_one_succeeds(scraped):
    """Each probe tries; ``/-/healthy`` stays 200."""
    assert scraped.get("/-/ready")[0] == 200
    good, scraped.source.shot = scraped.source.shot, None
    assert scraped.get()[0] == 500
    assert scraped.get("/-/ready")[0] == 503
    assert scraped.get("/-/healthy")[0] == 200
    scraped.source.shot = good
    assert scraped.get()[0] == 200
    assert scraped.get("/-/ready")[0] == 200


def test_healthy_means_that_every_thread_serves(scraped):
    """Else it names the threads that fail; only the log says why."""
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
        b"503 Service Unavailable: these threads do not work: sampler-test-ill; the log says why\n"
    )
    mended.set()
    assert service.join(20)
    assert scraped.get("/-/healthy")[0] == 200


def test_a_successor_takes_the_port_over(scraped):
    """Connections made before, between and after the change are all answered."""
    other = ScrapedPage.__new__(ScrapedPage)
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
    """For people with a browser."""
    _, headers, body = scraped.get("/")
    assert headers["Content-Type"].startswith("text/html")
    assert b'href="/metrics"' in body


def test_a_failing_pull_is_one_line_and_one_log_line(scraped, caplog):
    """No entry is counted; a scrape that works again logs nothing."""
    scraped.source.fault = ZeroDivisionError("secret")
    for _ in range(3):
        status, _, body = scraped.get()
        assert (status, body) == (500, b"cannot collect: ZeroDivisionError\n")
    assert len(caplog.records) == 1
    scraped.source.fault = None
    assert scraped.get()[0] == 200
    assert scraped.settled(2).collected == 2


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
    """The address is in brackets."""
    try:
        scraped = ScrapedPage("[::1]:0")
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
