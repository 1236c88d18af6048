"""To prometheus_client, through its own exposition, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("prometheus_client")

from hypothesis import given, settings
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sampler import Registry
from sampler.adapterkit.prometheus_names import called, label_name, unit_name, unit_of
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.bridges.prometheus_client import sampler_of
from sampler_prometheus import SamplerCollector
from tests.roundtrips.judge import judge, pulled, rows, whole_doubles
from tests.roundtrips.programs import ONE_OF_EACH, samplers


class Page:
    """A collector of what a page says."""

    def __init__(self, text):
        self.text = text

    def collect(self):
        return text_string_to_metric_families(self.text)


def out(made):
    """Return a collector of ours in a registry of the client, and the client's page."""
    registry, theirs = Registry(), CollectorRegistry()
    registry.register(made)
    collector = SamplerCollector(registry)
    theirs.register(collector)
    page = generate_latest(theirs).decode()
    collector.close()
    return collector, page


def spread(series, row):
    """Return a series by its name on a page; labels that are reserved there have their own."""
    labels = {label_name(name).rstrip("_"): text for name, text in series.labels.items()}
    return {(called(series), tuple(sorted(labels.items()))): row}


def with_shared_bounds(row, series):
    shared = at_shared_bounds(row.value, series)
    below = shared.sum is not None and (shared.sum < 0 or min(row.value.bounds, default=0) < 0)
    return replace(
        row, value=type(shared)(shared.count, None if below else shared.sum, shared.buckets)
    )


INSTEAD = {
    "unit": lambda row, series: replace(row, unit=unit_of(unit_name(series.kind, series.unit))),
    "precision": whole_doubles,
    "histograms": with_shared_bounds,
}


def back(page):
    """Return what a sampler tells of a page, but for its own account."""
    found = rows(pulled(sampler_of(Page(page), name="back")), "back.")
    return {key: row for key, row in found.items() if not key[0].startswith("bridge.")}


def test_what_does_not_come_back_is_what_the_report_names():
    """Each word of it, for a sampler that has each loss."""
    adapter, page = out(ONE_OF_EACH)
    lost = judge(adapter, pulled(ONE_OF_EACH), back(page), spread, INSTEAD)
    assert lost == adapter.unsupported.keys() - {"timestamps"}


@settings(max_examples=60)
@given(samplers())
def test_any_sampler_comes_back_but_for_what_the_report_names(made):
    """Series, kinds, units, help and values, by the names of a page."""
    adapter, page = out(made)
    judge(adapter, pulled(made), back(page), spread, INSTEAD)
