"""Samplers through exporters of the OpenTelemetry SDK."""

from __future__ import annotations

import io
import json

import pytest

pytest.importorskip("opentelemetry.sdk.metrics")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from sampler import Instruments, Registry
from sampler_otlp import SamplerExporter


class Keeps(MetricExporter):
    """Keeps what is exported."""

    def __init__(self):
        super().__init__()
        self.exported = []
        self.ended = 0

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self.ended += 1


@pytest.fixture
def registry():
    registry = Registry()
    shop = Instruments("shop", registry)
    orders = shop.counter("orders", help="Orders.", labels=("route",))
    orders.labels("buy").inc(3)
    shop.gauge("depth", unit="{item}").set(2.5)
    shop.histogram("latency", unit="s").observe(0.3)
    sizes = shop.histogram("size", unit="By", buckets=(10, 100))
    for value in (5, 50, 500):
        sizes.observe(value)

    def fails():
        raise ZeroDivisionError
        yield

    registry.register({"name": "bad", "sample": fails})
    return registry


def exported(registry, exporter):
    """Run a program that counts with the SDK; end it."""
    reader = PeriodicExportingMetricReader(SamplerExporter(exporter, registry))
    provider = MeterProvider([reader], Resource({"service.name": "web"}))
    provider.get_meter("own").create_counter("own.counter").add(7)
    provider.force_flush()
    provider.shutdown()


def test_samplers_stand_beside_what_the_sdk_has_counted(registry):
    """Under its resource, in a scope of their own; a sampler that fails is missing alone."""
    kept = Keeps()
    exported(registry, kept)
    assert kept.ended == 1
    (resource,) = kept.exported[0].resource_metrics
    assert resource.resource.attributes["service.name"] == "web"
    scopes = {each.scope.name: each.metrics for each in resource.scope_metrics}
    assert [metric.name for metric in scopes["own"]] == ["own.counter"]
    found = {metric.name: metric for metric in scopes["sampler"]}
    assert found.keys() == {"shop.orders", "shop.depth", "shop.latency", "shop.size"}
    orders = found["shop.orders"]
    assert (orders.description, orders.data.is_monotonic) == ("Orders.", True)
    (point,) = orders.data.data_points
    assert (point.value, dict(point.attributes)) == (3, {"route": "buy"})
    assert 0 < point.start_time_unix_nano <= point.time_unix_nano
    (point,) = found["shop.depth"].data.data_points
    assert (point.value, found["shop.depth"].unit) == (2.5, "{item}")
    (point,) = found["shop.latency"].data.data_points
    assert (point.count, point.sum, point.scale) == (1, 0.3, 3)
    base = 2 ** (2**-point.scale)
    assert base**point.positive.offset < 0.3 <= base ** (point.positive.offset + 1)
    (point,) = found["shop.size"].data.data_points
    assert (point.explicit_bounds, point.bucket_counts) == ((10, 100), [1, 1, 1])


def test_any_exporter_of_the_sdk_can_write_them(registry):
    """As its own console exporter does, as JSON."""
    out = io.StringIO()
    exported(registry, ConsoleMetricExporter(out=out, formatter=lambda data: data.to_json(None)))
    written, _ = json.JSONDecoder().raw_decode(out.getvalue())
    assert written["resource_metrics"]
    assert '"shop.latency"' in out.getvalue()


def test_the_protocols_own_encoder_takes_them(registry):
    """What is encoded is what our adapter would write, but for the scope."""
    encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.metrics_encoder")
    kept = Keeps()
    exported(registry, kept)
    request = encoder.encode_metrics(kept.exported[0])
    assert b"shop.orders" in request.SerializeToString()


def test_losses_are_unknown_sums_and_the_least_and_greatest_value(registry):
    """All else of a histogram is there, and whole numbers keep all of their digits."""
    value = {"count": 2, "buckets": {1: 1, 5: 2}}
    rows = [("waits", value), ("total", 2**53 + 1)]
    kinds = {"waits": {"kind": "histogram"}, "total": {"kind": "counter"}}
    registry.register({"name": "lost", "sample": lambda: rows, "metrics": kinds})
    kept = Keeps()
    exported(registry, kept)
    (resource,) = kept.exported[0].resource_metrics
    found = {m.name: m for scope in resource.scope_metrics for m in scope.metrics}
    (point,) = found["lost.waits"].data.data_points
    assert (point.count, point.sum, point.min, point.max) == (2, 0, 1, 5)
    (point,) = found["lost.total"].data.data_points
    assert point.value == 2**53 + 1
    assert set(SamplerExporter.unsupported) == {"histograms"}
