"""What OTLP carries, read by the package that defines the protocol."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("opentelemetry.proto")

from hypothesis import given, settings

from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler_otlp import OTLP
from tests.adapters import otlp_rows
from tests.roundtrips.judge import Row, judge, pulled, with_a_double_sum
from tests.roundtrips.programs import ONE_OF_EACH, START, samplers


def back(adapter, snapshot):
    """Return the rows of a snapshot's requests; times are those of the reads, starts are kept."""
    (block,) = snapshot.blocks
    found = {}
    for batch in adapter.encode(snapshot, {}):
        for _, metric, sort, labels, point in otlp_rows.rows(otlp_rows.read(batch)):
            kind, read = otlp_rows.READ[sort]
            assert point.time_unix_nano // 1000 == int(block.time * 1e6)
            assert point.start_time_unix_nano == (
                0 if kind == "gauge" else int(START * 1000) * 10**6
            )
            key = metric.name, tuple(sorted(labels.items()))
            assert key not in found
            found[key] = Row(kind, metric.unit, metric.description, read(point))
    return found


def spread(series, row):
    """Return a series by its own name and labels."""
    return {(series.name, tuple(sorted(series.labels.items()))): row}


def with_shared_bounds(row, series):
    return replace(row, value=at_shared_bounds(row.value, series))


def with_a_double(row, series):
    return replace(row, value=with_a_double_sum(row.value))


INSTEAD = {"histograms": with_shared_bounds, "precision": with_a_double}
WAYS = [{"histograms": "exponential"}, {"histograms": "explicit", "gzip": False}]


@pytest.mark.parametrize("keys", WAYS, ids=lambda keys: keys["histograms"])
def test_what_does_not_arrive_is_what_the_report_names(keys):
    """For a sampler that has each loss; exponential histograms arrive unless they are not to."""
    adapter, snapshot = OTLP(**keys), pulled(ONE_OF_EACH)
    lost = judge(adapter, snapshot, back(adapter, snapshot), spread, INSTEAD)
    named = set(adapter.unsupported)
    assert lost == named - {"histograms"} if adapter.histograms == "exponential" else named


@settings(max_examples=40)
@given(samplers())
@pytest.mark.parametrize("keys", WAYS, ids=lambda keys: keys["histograms"])
def test_any_sampler_arrives_but_for_what_the_report_names(keys, made):
    """Series, kinds, units, help, values, starts and times."""
    adapter, snapshot = OTLP(**keys), pulled(made)
    judge(adapter, snapshot, back(adapter, snapshot), spread, INSTEAD)
