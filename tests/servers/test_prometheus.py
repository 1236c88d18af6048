"""Both formats of the ``prometheus`` adapter on a real Prometheus, and what it cannot carry."""

from __future__ import annotations

import http.server
import math
import threading
import time
from contextlib import contextmanager

import pytest

from sampler.agent import HistogramValue, Ledger
from sampler_prometheus import Prometheus
from sampler_prometheus._text import OPENMETRICS, TEXT
from tests.adapters.corpus import corpus
from tests.adapters.shapes import block, counter, gauge, histogram, snapshot_of
from tests.adapters.test_prometheus_openmetrics import page, samples
from tests.support.ports import HOST
from tests.support.waiting import wait_for


@pytest.fixture
def served(prometheus_server):
    """Serve a snapshot to a real Prometheus; return it, scraped, and the adapter's ledger."""
    opened = []

    def serve(shot):
        ledger, adapter = Ledger(), Prometheus(listen="127.0.0.1:0")
        adapter.open(lambda: shot, ledger)
        opened.append(adapter)
        server = prometheus_server([adapter.address])
        server.wait_scraped()
        return server, ledger

    yield serve
    for adapter in opened:
        adapter.close(5.0)


def stored(server):
    """Return {(name, labels): value} of everything that was scraped."""
    found = {}
    for item in server.query('{job="test",__name__!~"up|scrape_.*"}'):
        labels = {k: v for k, v in item["metric"].items() if k not in ("job", "instance")}
        found[labels.pop("__name__"), tuple(sorted(labels.items()))] = float(item["value"][1])
    return found


def test_hostile_entries_are_stored_one_by_one(served):
    """As OpenMetrics, which this Prometheus asks for."""
    shot = snapshot_of(block(*corpus(5_000)))
    server, ledger = served(shot)
    expected = samples(page(shot, OPENMETRICS), OPENMETRICS)
    # A scrape that takes too long leaves nothing behind until the next one.
    found = wait_for(lambda: stored(server), limit=60, what="what a scrape has brought")
    assert found.keys() == expected.keys()
    assert all(
        math.isclose(value, expected[key], rel_tol=1e-12, abs_tol=0.0)
        for key, value in found.items()
    )
    balance = ledger.balance()
    assert balance.holds
    assert balance.delivered % len(shot) == 0


def test_hostile_entries_are_as_many_when_scraped(prometheus_server, hostile):
    """Prometheus' own parser counts them, and its store keeps each apart."""
    shot, ledger = snapshot_of(block(*hostile)), Ledger()
    adapter = Prometheus(listen="127.0.0.1:0")
    adapter.open(lambda: shot, ledger)
    try:
        server = prometheus_server([adapter.address], scrape_interval="10s")
        server.wait_scraped(limit=60.0)
        expected = len(samples(page(shot, OPENMETRICS), OPENMETRICS))
        assert len(hostile) == len(shot) < expected
        for query in (
            "scrape_samples_scraped",
            'count({job="test",__name__!~"up|scrape_.*"})',
        ):
            (found,) = server.query(query)
            assert float(found["value"][1]) == expected
    finally:
        adapter.close(5.0)


@contextmanager
def text_only(body):
    """Serve our text page to any request: this Prometheus would not ask for it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", TEXT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_the_text_format_is_stored_one_by_one(prometheus_server):
    """Hostile entries; this Prometheus prefers the other format where it can."""
    text = page(snapshot_of(block(*corpus(5_000))), TEXT)
    with text_only(text.encode()) as address:
        server = prometheus_server([address])
        server.wait_scraped()
        found = stored(server)
    expected = samples(text, TEXT)
    assert found.keys() == expected.keys()
    assert all(
        math.isclose(value, expected[key], rel_tol=1e-12, abs_tol=0.0)
        for key, value in found.items()
    )


def test_openmetrics_and_text_make_the_same_series(served, prometheus_server):
    """Counters, units, bounds: nothing changes its name when a scraper changes its mind."""
    shot = snapshot_of(
        block(
            (counter("web.io", "By", dir="in"), 7),
            (gauge("web.load", "1"), 0.25),
            (histogram("web.wait", "s"), HistogramValue(9, 3.0, ((1e-9, 1), (0.5, 4), (1e7, 9)))),
        )
    )
    server, _ = served(shot)
    assert stored(server).keys() == samples(page(shot, TEXT), TEXT).keys()


def test_kind_unit_and_help_are_carried(served):
    """That is why they are no loss, but for units that have no word."""
    shot = snapshot_of(block((counter("web.io", "By", "Bytes sent."), 7)))
    server, _ = served(shot)
    found = wait_for(lambda: server.metadata("web_io_bytes"), what="the metadata")
    assert found["type"] == "counter"
    assert found["help"] == "Bytes sent."
    assert found["unit"] in ("", "bytes")  # 2.42 reads it and does not always show it
    assert "web_io_bytes_total" in {name for name, _ in stored(server)}
    assert set(Prometheus.unsupported) == {"unit", "precision", "timestamps", "histograms"}


def test_large_integers_lose_their_last_digits(served):
    """They are doubles."""
    server, _ = served(snapshot_of(block((gauge("a.b"), 2**53 + 1))))
    assert stored(server)["a_b", ()] == float(2**53)


def test_the_time_of_a_reading_is_that_of_its_scrape(served):
    """However old the reading is."""
    server, _ = served(snapshot_of(block((gauge("a.b"), 1), time=time.time() - 900)))
    (item,) = server.query("timestamp(a_b)")
    assert abs(float(item["value"][1]) - time.time()) < 60
