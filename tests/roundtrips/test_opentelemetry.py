"""To the SDK of OpenTelemetry, as any exporter of its gets it, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("opentelemetry.sdk.metrics")

from hypothesis import given, settings
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)

from sampler import Registry
from sampler.adapterkit.exponential import exponential
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import HistogramValue
from sampler.bridges.opentelemetry import sampler_of
from sampler_otlp import SamplerExporter
from tests.roundtrips.judge import judge, pulled, rows
from tests.roundtrips.programs import ONE_OF_EACH, samplers


class Kept(MetricExporter):
    """An exporter that keeps what it gets; whoever reads it gets that again."""

    def __init__(self):
        super().__init__()
        self.data = None

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.data = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass

    def get_metrics_data(self):
        return self.data


def out(made):
    """Return our exporter, and the one behind it with what a program's export has."""
    registry, kept = Registry(), Kept()
    registry.register(made)
    ours = SamplerExporter(kept, registry)
    provider = MeterProvider([PeriodicExportingMetricReader(ours)], shutdown_on_exit=False)
    provider.get_meter("program").create_counter("own").add(7)
    provider.force_flush()
    provider.shutdown()
    return ours, kept


def back(kept):
    """Return what a sampler tells of it, but for the program's own."""
    made = sampler_of(kept, name="back", scope=False, resource=False)
    found = rows(pulled(made), "back.")
    assert found.pop(("own", ())).value == 7
    return {key: row for key, row in found.items() if not key[0].startswith("bridge.")}


def spread(series, row):
    """Return a series by its own name and labels."""
    return {(series.name, tuple(sorted(series.labels.items()))): row}


def as_the_sdk_has_it(row, series):
    value = row.value
    found = exponential(value)
    if found is None:
        value = at_shared_bounds(value, series)
    elif found.zero_count:
        above = tuple(pair for pair in value.buckets if pair[0] > found.zero_threshold)
        value = HistogramValue(
            value.count, value.sum, ((0.0, found.zero_count), *above), value.scale
        )
    return replace(
        row,
        value=HistogramValue(value.count, value.sum or 0.0, value.buckets, value.scale),
    )


INSTEAD = {"histograms": as_the_sdk_has_it}


def test_what_does_not_come_back_is_what_the_report_names():
    """Each word of it, for a sampler that has each loss."""
    exporter, kept = out(ONE_OF_EACH)
    lost = judge(exporter, pulled(ONE_OF_EACH), back(kept), spread, INSTEAD)
    assert lost == exporter.unsupported.keys()


@settings(max_examples=40)
@given(samplers())
def test_any_sampler_comes_back_but_for_what_the_report_names(made):
    """Series, kinds, units, help and values, by their own names."""
    exporter, kept = out(made)
    judge(exporter, pulled(made), back(kept), spread, INSTEAD)
