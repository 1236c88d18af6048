"""The bytes of OTLP, read back by opentelemetry-proto."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

pytest.importorskip("opentelemetry.proto")

from sampler.agent import Block, HistogramValue, Snapshot
from sampler_otlp import OTLP
from tests.adapters.otlp_rows import read, rows
from tests.adapters.shapes import (
    IDENTITY,
    NOW,
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
)

WHO = {
    "service.name": "shop",
    "service.instance.id": "web.example:0",
    "host.name": "web.example",
}
NOW_NS = int(NOW * 1e6) * 1000


def encoded(shot, adapter=None):
    """Return what all batches have."""
    batches = list((adapter or OTLP()).encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    return [row for batch in batches for row in rows(read(batch))]


def value_of(point):
    return getattr(point, point.WhichOneof("value"))


@settings(max_examples=30)
@given(snapshots())
def test_any_entry_is_one_point_with_all_that_its_series_has(shot):
    """Numbers keep their type, integers all of their digits, histograms their bounds."""
    found = encoded(shot)
    assert len(found) == len(shot)
    for (series, value), (who, metric, sort, labels, point) in zip(shot, found, strict=True):
        assert who == WHO
        assert (metric.name, metric.unit, metric.description) == (
            series.name,
            series.unit,
            series.help,
        )
        assert labels == series.labels
        assert point.time_unix_nano // 10**9 in range(int(NOW), int(NOW) + 4)
        assert point.flags == 0
        if isinstance(value, HistogramValue):
            assert sort == "histogram"
            assert metric.histogram.aggregation_temporality == 2
            assert point.count == value.count
            assert (point.sum if point.HasField("sum") else None) == value.sum
            assert tuple(point.explicit_bounds) == value.bounds
            counts = list(point.bucket_counts)
            assert len(counts) == len(value.bounds) + 1
            assert [sum(counts[: n + 1]) for n in range(len(value.counts))] == list(value.counts)
            assert sum(counts) == value.count
        elif series.kind == "counter":
            assert (sort, metric.sum.is_monotonic) == ("sum", True)
            assert metric.sum.aggregation_temporality == 2
            assert (type(value_of(point)), value_of(point)) == (type(value), value)
        else:
            assert sort == "gauge"
            assert (type(value_of(point)), value_of(point)) == (type(value), value)


def test_a_start_that_is_known_is_told():
    """Of cumulative values only; an unknown one is left out, as 0 means."""
    known, unknown, size = counter("a.known"), counter("a.unknown"), gauge("a.size")
    known.start = size.start = 1_600_000_000.5
    found = encoded(snapshot((known, 1), (unknown, 2), (size, 3)))
    assert [row[4].start_time_unix_nano for row in found] == [1_600_000_000_500_000_000, 0, 0]


def test_a_gauge_that_adds_up_is_a_sum_that_may_fall():
    """As gauges of several processes that have merge = "sum"."""
    series = gauge("a.connections")
    series.metric.merge = "sum"
    ((_, metric, sort, _, _),) = encoded(snapshot((series, -2)))
    assert (sort, metric.sum.is_monotonic) == ("sum", False)


def test_an_exponential_histogram_stays_one():
    """Bucket by bucket; a bucket has the number of its lower edge here."""
    value = HistogramValue(9, 7.5, ((0.0, 1), (2.0**0.5, 1), (2.0, 4), (4.0, 4), (2.0**2.5, 9)), 1)
    ((_, metric, sort, labels, point),) = encoded(snapshot((histogram("a.b", "s", x="y"), value)))
    assert (sort, labels, metric.unit) == ("exponential_histogram", {"x": "y"}, "s")
    assert metric.exponential_histogram.aggregation_temporality == 2
    assert (point.count, point.sum, point.scale, point.zero_count) == (9, 7.5, 1, 1)
    assert (point.positive.offset, list(point.positive.bucket_counts)) == (1, [3, 0, 0, 5])


@pytest.mark.parametrize(
    "value",
    [
        HistogramValue(9, None, ((-1.0, 1), (0.0, 1), (1.0, 9)), 0),
        HistogramValue(9, 1.0, ((1.0, 1), (2.0, 8)), 0),
        HistogramValue(9, 1.0, ((1.0, 1), (3.0, 9)), 0),
    ],
    ids=["below zero", "above the last bound", "a bound of no scale"],
)
def test_one_that_cannot_be_exponential_keeps_its_bounds(value):
    """Nothing is estimated."""
    ((_, _, sort, _, point),) = encoded(snapshot((histogram("a.b", "s"), value)))
    assert (sort, point.count) == ("histogram", 9)


def test_a_histogram_without_bounds_has_one_bucket():
    """VictoriaMetrics drops one that has none, and answers 200."""
    shot = snapshot((histogram("a.wait"), HistogramValue(3, 2.5)))
    ((_, _, _, _, point),) = [
        row for batch in OTLP().encode(shot, {}) for row in rows(read(batch))
    ]
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([3], [])


def test_explicit_bounds_are_those_that_all_processes_share():
    """Where a receiver knows no others."""
    value = HistogramValue(5, 7.5, ((1.0, 0), (2.0, 5)), 0)
    shot = snapshot((histogram("a.b", "s"), value))
    ((_, _, sort, _, point),) = encoded(shot, OTLP(histograms="explicit"))
    assert sort == "histogram"
    assert 0.5 in point.explicit_bounds
    assert sum(point.bucket_counts) == 5


def test_a_series_that_ends_has_a_point_without_a_value():
    """Once; a reset is no end, and the next snapshot has none."""
    adapter = OTLP()
    stays, resets, ends = gauge("a.stays"), counter("a.resets"), counter("a.ends", x="y")
    waits = histogram("a.wait")
    encoded(snapshot((stays, 1), (resets, 9), (ends, 2), (waits, HistogramValue(0, 0.0))), adapter)
    after = (stays, 1), (resets.restarted(NOW), 1)
    found = encoded(snapshot(*after), adapter)
    marked = [(row[1].name, row[2], row[3]) for row in found if row[4].flags == 1]
    assert marked == [
        ("a.ends", "sum", {"x": "y"}),
        ("a.wait", "exponential_histogram", {}),
    ]
    assert [row[4].flags for row in encoded(snapshot(*after), adapter)] == [0, 0]


def test_the_resource_is_the_operators():
    """An empty template is no attribute; another identity is another resource."""
    adapter = OTLP(resource={"service.name": "s-{service}", "zone": "", "cloud.region": "eu"})
    shot = snapshot((gauge("a.b"), 1))
    assert encoded(shot, adapter)[0][0] == {"service.name": "s-shop", "cloud.region": "eu"}
    other = snapshot_of(*shot.blocks, identity={**IDENTITY, "service": "b"})
    assert encoded(other, adapter)[0][0]["service.name"] == "s-b"


@pytest.mark.parametrize("limit", [400, 1_200, 100_000])
@pytest.mark.parametrize("gzip", [False, True])
def test_requests_are_bounded_and_halves_are_whole_entries(limit, gzip):
    """Down to single ones, with all that a point's metric says, and without marks."""
    adapter = OTLP(gzip=gzip)
    encoded(snapshot((gauge("a.gone"), 1)), adapter)
    adapter._encoder._limit = limit
    waits = HistogramValue(3, 1.0, ((1.0, 2), (2.0, 3)))
    entries = [
        *((gauge("pool.size", "By", "Help.", n=str(n)), n / 2) for n in range(15)),
        *((histogram("pool.wait", n=str(n)), waits) for n in range(5)),
        *((counter("pool.hits", n=str(n)), n) for n in range(5)),
    ]
    shot = snapshot(*entries)
    waiting, found = list(adapter.encode(shot, {})), []
    assert len(waiting) > 1 or limit > 1_200
    while waiting:
        batch = waiting.pop(0)
        if batch.samples > 1:
            waiting[:0] = adapter.split(batch)
        else:
            found += rows(read(batch))[: batch.samples]
    assert [row[1].name for row in found] == [series.name for series, _ in entries]
    assert [row[3] for row in found] == [series.labels for series, _ in entries]
    assert [row[1].unit for row in found] == [series.unit for series, _ in entries]


def test_ten_thousand_points_are_far_below_the_limit_when_compressed():
    """And none is lost where batches begin."""
    series = tuple(gauge("a.b", n=str(n)) for n in range(10_000))
    shot = Snapshot((Block("a", series, list(range(10_000)), NOW),), NOW, NOW, IDENTITY)
    batches = list(OTLP().encode(shot, {}))
    assert sum(batch.size for batch in batches) < 512 * 1024
    assert [value_of(row[4]) for b in batches for row in rows(read(b))] == list(range(10_000))


def test_a_block_that_pulls_share_is_written_again():
    """It has its own time, and a receiver keeps one of two equal points."""
    adapter, shared = OTLP(), block((gauge("a.b"), 1), time=NOW - 5)
    for _ in range(2):
        ((_, _, _, _, point),) = encoded(snapshot_of(shared), adapter)
        assert point.time_unix_nano == NOW_NS - 5 * 10**9
