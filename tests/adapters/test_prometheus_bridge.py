"""Every sampler in a registry of ``prometheus_client``."""

from __future__ import annotations

import threading
import urllib.request

import pytest
from hypothesis import given
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest

from sampler import Registry
from sampler_prometheus import Prometheus, SamplerCollector
from sampler_prometheus._text import OPENMETRICS, TEXT, TextRenderer
from tests.adapters.shapes import snapshots
from tests.adapters.test_prometheus_openmetrics import samples
from tests.support.ports import HOST


def sample():
    yield "connections", 3, {"state": "idle"}
    yield "io", 7
    yield "wait", {"count": 3, "sum": 2.5, "buckets": {0.5: 1, 2.0: 3}}


POOL = {
    "name": "pool",
    "sample": sample,
    "metrics": {
        "connections": {"unit": "{connection}", "help": "Connections by state."},
        "io": {"kind": "counter", "unit": "By", "help": 'All "bytes".'},
        "wait": {"kind": "histogram", "unit": "s"},
    },
}


@pytest.fixture
def behind():
    """Add a sampler registry to a client registry; return both."""
    made = []

    def put(*samplers, auto_describe=True):
        ours = Registry()
        for each in samplers:
            ours.register(each)
        theirs = CollectorRegistry(auto_describe=auto_describe)
        collector = SamplerCollector(ours)
        made.append(collector)
        theirs.register(collector)
        return ours, theirs

    yield put
    for collector in made:
        collector.close()


WANTED = {
    ("pool_connections", (("state", "idle"),)): 3,
    ("pool_io_bytes_total", ()): 7,
    ("pool_wait_seconds_bucket", (("le", "0.5"),)): 1,
    ("pool_wait_seconds_bucket", (("le", "2.0"),)): 3,
    ("pool_wait_seconds_bucket", (("le", "+Inf"),)): 3,
    ("pool_wait_seconds_sum", ()): 2.5,
    ("pool_wait_seconds_count", ()): 3,
}


def test_both_expositions_show_what_our_own_would(behind):
    """Names, units, help and kinds."""
    _, theirs = behind(POOL)
    assert samples(generate_latest(theirs).decode(), TEXT) == WANTED
    text = openmetrics_latest(theirs).decode()
    assert samples(text, OPENMETRICS) == WANTED
    assert "# UNIT pool_io_bytes bytes" in text
    assert "# HELP pool_connections Connections by state." in text


def test_registering_calls_no_sampler(behind):
    """Though the client's default registry would collect to learn the names."""
    calls = []

    def counted():
        calls.append(1)
        return [("n", len(calls))]

    _, theirs = behind({"name": "shy", "sample": counted})
    assert not calls
    generate_latest(theirs)
    assert len(calls) == 1


def test_a_sampler_that_fails_costs_itself_only(behind):
    """The client itself would lose the whole page."""

    def broken():
        raise OSError("away")

    _, theirs = behind(POOL, {"name": "broken", "sample": broken})
    assert samples(generate_latest(theirs).decode(), TEXT) == WANTED


def test_samplers_come_and_go(behind):
    """From one scrape to the next."""
    ours, theirs = behind(POOL)
    with ours.register({"name": "late", "sample": lambda: [("n", 1)]}):
        assert "late_n 1.0" in generate_latest(theirs).decode()
    assert "late_n" not in generate_latest(theirs).decode()


def test_it_lives_beside_the_clients_own_metrics(behind):
    """In one page, over the client's own server."""
    from prometheus_client import Counter

    _, theirs = behind(POOL)
    Counter("app_orders", "Orders.", registry=theirs).inc(2)
    server, thread = start_http_server(0, HOST, registry=theirs)
    try:
        with urllib.request.urlopen(f"http://{HOST}:{server.server_port}/metrics") as answer:
            found = samples(answer.read().decode(), TEXT)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert found.items() >= WANTED.items()
    assert found["app_orders_total", ()] == 2


def test_scrapes_at_once_are_all_answered(behind):
    """Eight of them, over and over."""
    _, theirs = behind(POOL)
    found = []

    def scrape():
        pages = (generate_latest(theirs).decode() for _ in range(20))
        found.extend(samples(page, TEXT) == WANTED for page in pages)

    threads = [threading.Thread(target=scrape) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 160


@given(snapshots())
def test_any_snapshot_is_the_page_of_the_adapter(shot):
    """In OpenMetrics, sample for sample."""

    class Fixed(SamplerCollector):
        class _Shot:
            def collect(self):
                return shot

            def close(self):
                pass

        def __init__(self):
            super().__init__(Registry())
            self._collector.close()
            self._collector = self._Shot()

    theirs = CollectorRegistry()
    theirs.register(Fixed())
    ours = TextRenderer().render(shot, OPENMETRICS).body.decode()
    found = samples(openmetrics_latest(theirs).decode(), OPENMETRICS)
    wanted = samples(ours, OPENMETRICS)
    assert found.keys() == wanted.keys()
    assert all(float(wanted[key]) == value for key, value in found.items())


def test_losses_are_digits_and_times(behind):
    """As of the adapter's own page."""
    kinds = {"total": {"kind": "counter", "unit": "By", "help": "Lost."}}
    lost = {"name": "lost", "sample": lambda: [("total", 2**53 + 1)], "metrics": kinds}
    _, theirs = behind(lost)
    (family,) = theirs.collect()
    (sample,) = family.samples
    assert (family.documentation, family.unit, family.type) == ("Lost.", "bytes", "counter")
    assert sample.timestamp is None
    line = generate_latest(theirs).decode().splitlines()[-1]
    assert float(line.removeprefix("lost_bytes_total ")) == 2**53
    assert set(SamplerCollector.unsupported) == set(Prometheus.unsupported)
