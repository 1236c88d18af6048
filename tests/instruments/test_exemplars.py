"""Exemplars: single events beside what they count, in OpenMetrics only, and where asked for."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sampler import Collector, Instruments, Registry
from sampler_prometheus import WSGIApp
from tests.support.waiting import wait_for

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def registry() -> Registry:
    return Registry()


def page(registry: Registry, accept: str = OPENMETRICS) -> str:
    app = WSGIApp(registry, interval=1e-6)
    body = app({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": accept}, lambda *_: None)
    text = b"".join(body).decode()
    app.close()
    return text


def exemplars(text: str) -> dict[tuple[str, str], tuple[float, Any]]:
    """Return the value and labels of each exemplar, by its sample's name and last label."""
    return {
        (sample.name, ",".join(sample.labels.values())): (
            sample.exemplar.value,
            sample.exemplar.labels,
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar is not None
    }


def test_what_is_given_with_a_recording_is_on_the_page(registry) -> None:
    """As labels or as the id of a trace; the last one of a counter, or of a bucket."""
    group = Instruments("shop", registry)
    orders = group.counter("orders", exemplars=True)
    sold = group.counter("sold", labels=("route",), exemplars=True)
    wait = group.histogram("wait", unit="s", buckets=(0.1, 1, 10), exemplars=True)
    size = group.histogram("size", labels=("route",), exemplars=True)
    orders.inc()
    orders.inc(2, exemplar="abc")
    orders.inc()
    sold.labels("buy").inc(exemplar={"trace_id": "abc", "span.id": "7"})
    sold.inc(route="sell")
    for value in (0.05, 0.5, 0.7, 100):
        wait.observe(value, exemplar=f"t{value}")
    size.labels("buy").observe(3, exemplar="t3")
    size.observe(5, route="buy")
    text = page(registry)
    assert exemplars(text) == {
        ("shop_orders_total", ""): (2, {"trace_id": "abc"}),
        ("shop_sold_total", "buy"): (1, {"trace_id": "abc", "span_id": "7"}),
        ("shop_wait_seconds_bucket", "0.1"): (0.05, {"trace_id": "t0.05"}),
        ("shop_wait_seconds_bucket", "1.0"): (0.7, {"trace_id": "t0.7"}),
        ("shop_wait_seconds_bucket", "+Inf"): (100, {"trace_id": "t100"}),
        ("shop_size_bucket", "buy,4.0"): (3, {"trace_id": "t3"}),
    }
    plain = page(registry, "")
    assert "trace_id" not in plain
    assert "shop_orders_total 4" in plain


def test_a_hook_is_asked_at_each_recording(registry) -> None:
    """However it is recorded: by keyword, by a child, by a timer of a block or a call."""
    trace: list[str | None] = ["t1"]
    group = Instruments("shop", registry)
    orders = group.counter("orders", labels=("route",), exemplars=lambda: trace[0])
    wait = group.histogram("wait", labels=("how",), buckets=(100,), exemplars=lambda: trace[0])
    orders.inc(route="a")
    orders.labels("b").inc()
    with wait.time(how="block"):
        pass
    wait.time(how="call")(int)()
    wait.observe(1, how="keyword")
    trace[0] = None
    orders.inc(route="c")
    found = {key: labels for key, (_, labels) in exemplars(page(registry)).items()}
    assert found.keys() == {
        ("shop_orders_total", "a"),
        ("shop_orders_total", "b"),
        *(("shop_wait_bucket", f"{how},100.0") for how in ("block", "call", "keyword")),
    }
    assert all(labels == {"trace_id": "t1"} for labels in found.values())


def test_text_of_any_kind_is_escaped(registry) -> None:
    """As in labels: prometheus_client's parser takes none of it in an exemplar."""
    orders = Instruments("shop", registry).counter("orders", exemplars=True)
    orders.inc(exemplar='a"b\\c\nd')
    assert r'# {trace_id="a\"b\\c\nd"} 1.0 ' in page(registry)


def test_what_openmetrics_does_not_allow_is_left_out_and_told_once(registry, caplog) -> None:
    """More than 128 characters, names that are none, a hook that raises; the count stands."""

    def broken() -> str:
        raise RuntimeError("mine")

    group = Instruments("shop", registry)
    orders = group.counter("orders", exemplars=broken)
    other = group.counter("other", exemplars=True)
    with caplog.at_level(logging.WARNING, "sampler"):
        for _ in range(3):
            orders.inc()
            other.inc(exemplar="x" * 121)
            other.inc(exemplar={"Bad-Name": "x"})
            other.inc(exemplar=7)  # type: ignore[arg-type]
        wait_for(lambda: len(caplog.records) == 2)
    assert "its hook raised RuntimeError('mine')" in caplog.records[0].getMessage()
    assert exemplars(page(registry)) == {}
    other.inc(exemplar="x" * 120)
    assert len(exemplars(page(registry))) == 1
    assert (orders.read(), other.read()) == (3, 10)


def test_what_is_refused_leaves_no_exemplar(registry) -> None:
    """Nor does a restart keep one."""
    group = Instruments("shop", registry)
    orders = group.counter("orders", exemplars=True)
    wait = group.histogram("wait", exemplars=True)
    orders.inc(-1, exemplar="x")
    wait.observe(-1, exemplar="x")
    wait.observe(float("nan"), exemplar="x")
    assert exemplars(page(registry)) == {}
    orders.inc(exemplar="x")
    wait.observe(0, exemplar="x")
    assert len(exemplars(page(registry))) == 2
    group._roster.restart()
    assert (orders.exemplars(), wait.exemplars()) == ((), ())


def test_a_consumer_is_told_of_them_by_the_series(registry) -> None:
    """None where there can be none, also with constant labels."""
    group = Instruments("shop", registry, labels={"db": "main"})
    group.counter("orders", exemplars=True).inc(exemplar="t")
    group.counter("sold", labels=("a",), exemplars=True).labels("x").inc(exemplar="u")
    group.counter("plain").inc()
    with Collector(registry) as consumer:
        found = {series.name: series.exemplars for series, _ in consumer.collect()}
    assert found["shop.plain"] is None
    for name, trace in (("shop.orders", "t"), ("shop.sold", "u")):
        (exemplar,) = found[name] or ()
        assert (exemplar.value, exemplar.labels) == (1, {"trace_id": trace})
        assert exemplar.time > 1e9
