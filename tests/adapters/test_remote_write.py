"""The bytes of remote write, read back by the package protobuf."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings

pytest.importorskip("cramjam")
pytest.importorskip("google.protobuf")

from sampler.agent import HistogramValue
from sampler_prometheus._text import TEXT
from sampler_remote_write import RemoteWrite, _requests
from tests.adapters.remote_write_schema import read, rows
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
from tests.adapters.test_prometheus_openmetrics import page, samples

STALE = 0x7FF0000000000002
WHO = {"job": "shop", "instance": "web.example:0"}


def encoded(shot, adapter=None):
    """Return the time series of all batches."""
    batches = list((adapter or RemoteWrite()).encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    return [row for batch in batches for row in rows(batch)]


def key(labels, *without):
    rest = {name: text for name, text in labels.items() if name not in ("__name__", *without)}
    return labels["__name__"], tuple(sorted(rest.items()))


@settings(max_examples=30)
@given(snapshots())
def test_any_snapshot_has_the_series_of_prometheus_own_page(shot):
    """With who measures, values as doubles, and times in milliseconds."""
    found = {}
    for labels, sample in encoded(shot):
        assert WHO.items() <= labels.items()
        assert key(labels, *WHO) not in found
        found[key(labels, *WHO)] = sample.value
        assert sample.timestamp // 1000 in range(int(NOW), int(NOW) + 4)
    wanted = samples(page(shot, TEXT), TEXT)
    assert found.keys() == wanted.keys()
    assert all(found[each] == float(value) for each, value in wanted.items())


def test_a_series_that_ends_is_marked_once():
    """By the number that has this meaning; one that fails for a while is not."""
    adapter = RemoteWrite()
    stays, ends = gauge("pool.a"), counter("pool.b")
    waits = histogram("pool.wait", "s")
    value = HistogramValue(1, 2.0, ((1.0, 1),))
    encoded(snapshot((stays, 1), (ends, 2), (waits, value)), adapter)
    found = encoded(snapshot((stays, 1)), adapter)
    marked = {
        labels["__name__"]
        for labels, sample in found
        if struct.unpack("<Q", struct.pack("<d", sample.value)) == (STALE,)
    }
    assert marked == {
        "pool_b_total",
        "pool_wait_seconds_bucket",
        "pool_wait_seconds_sum",
        "pool_wait_seconds_count",
    }
    assert len(found) == 6
    assert len(encoded(snapshot((stays, 1)), adapter)) == 1


def test_labels_of_who_measures_are_the_operators_and_give_way_to_nobody():
    """A series' own label of that name gets an underscore, unless it is the same."""
    adapter = RemoteWrite(labels={"job": "j-{service}", "zone": "eu", "none": ""})
    found = encoded(
        snapshot((gauge("a.b", zone="us", job="x"), 1), (gauge("a.c", zone="eu"), 2)), adapter
    )
    assert [labels for labels, _ in found] == [
        {"__name__": "a_b", "job": "j-shop", "job_": "x", "zone": "eu", "zone_": "us"},
        {"__name__": "a_c", "job": "j-shop", "zone": "eu"},
    ]


def test_another_identity_renders_everything_anew():
    """As in a child after a fork."""
    adapter, shot = RemoteWrite(), snapshot((gauge("a.b"), 1))
    encoded(shot, adapter)
    other = snapshot_of(*shot.blocks, identity={**IDENTITY, "instance": "1"})
    ((labels, _),) = encoded(other, adapter)
    assert labels["instance"] == "web.example:1"


def test_a_block_that_pulls_share_is_written_once():
    """It has the time at which it was read, so a second time is a duplicate."""
    adapter = RemoteWrite()
    shared, own = block((gauge("a.b"), 1)), block((gauge("c.d"), 2))
    encoded(snapshot_of(shared, own), adapter)
    found = encoded(snapshot_of(shared, block((own.series[0], 3))), adapter)
    assert [labels["__name__"] for labels, _ in found] == ["c_d"]


@pytest.mark.parametrize("limit", [300, 1_000, 100_000])
def test_requests_are_bounded_and_halves_are_whole_entries(limit):
    """Down to single ones, whatever is among them."""
    entries = [(gauge("pool.size", n=str(n)), n) for n in range(20)]
    entries[7:7] = [
        (histogram("pool.wait", n=str(n)), HistogramValue(3, 1.0, ((1.0, 2), (2.0, 3))))
        for n in range(5)
    ]
    adapter = RemoteWrite()
    adapter._encoder._limit = limit
    shot = snapshot(*entries)
    waiting = list(adapter.encode(shot, {}))
    refused = sum(sum(batch.refused.values()) for batch in waiting)
    assert refused == (5 if limit == 300 else 0)
    single = []
    while waiting:
        batch = waiting.pop(0)
        if batch.samples > 1:
            waiting[:0] = adapter.split(batch)
        else:
            single.append(rows(batch))
    assert sum(map(bool, single)) == 25 - refused
    assert sorted(map(len, filter(None, single))) == [1] * 20 + [5] * (5 - refused)


def native(value, **keys):
    """Return what a native histogram has: (index or bound, count), and more."""
    adapter = RemoteWrite(histograms="native", **keys)
    ((labels, found),) = encoded(snapshot((histogram("pool.wait", "s"), value)), adapter)
    assert labels["__name__"] == "pool_wait_seconds"
    at = count = 0
    buckets = []
    deltas = iter(found.positive_deltas)
    for span in found.positive_spans:
        at += span.offset
        for _ in range(span.length):
            count += next(deltas)
            buckets.append((at, count))
            at += 1
    return found, buckets


def test_an_exponential_histogram_is_a_native_one():
    """Bucket by bucket, nothing estimated."""
    value = HistogramValue(9, 7.5, ((0.0, 1), (2.0**0.5, 1), (2.0, 4), (4.0, 4), (2.0**2.5, 9)), 1)
    found, buckets = native(value)
    assert (found.count, found.sum, found.schema, found.zero_count) == (9, 7.5, 1, 1)
    assert buckets == [(2, 3), (5, 5)]
    assert 2 ** (2 / 2**found.schema) == 2.0
    assert found.timestamp == int(NOW * 1000)


def test_a_histogram_with_bounds_of_its_own_keeps_them():
    """As custom bounds."""
    found, buckets = native(HistogramValue(9, -7.5, ((-1.0, 1), (0.5, 1), (10.0, 4))))
    assert (found.count, found.sum, found.schema) == (9, -7.5, -53)
    assert list(found.custom_values) == [-1.0, 0.5, 10.0]
    assert buckets == [(0, 1), (2, 3), (3, 5)]


def test_an_ended_native_histogram_is_marked():
    """By its sum."""
    adapter = RemoteWrite(histograms="native")
    encoded(snapshot((histogram("a.b"), HistogramValue(0, 0.0))), adapter)
    found = encoded(snapshot((gauge("c.d"), 1)), adapter)
    assert struct.pack("<d", found[1][1].sum) == struct.pack("<Q", STALE)
    assert math.isnan(found[1][1].sum)


NEW = {"protocol": "2.0"}


def encoded_2(shot, adapter=None):
    """Return [(labels, sample or histogram, metadata, start)] of requests of version 2.0."""
    found = []
    for batch in (adapter or RemoteWrite(**NEW)).encode(shot, {}):
        request = read(batch, "Request")
        texts = list(request.symbols)
        assert len(set(texts)) == len(texts)
        assert texts[:1] == [""] or not request.timeseries
        for series in request.timeseries:
            refs = [texts[ref] for ref in series.labels_refs]
            labels = dict(zip(refs[::2], refs[1::2], strict=True))
            assert refs[::2] == sorted(labels)
            (point,) = [*series.samples, *series.histograms]
            about = series.metadata
            metadata = about.type, texts[about.help_ref], texts[about.unit_ref]
            found.append((labels, point, metadata, series.created_timestamp))
    return found


def said(rows_):
    return [
        (sorted(labels.items()), point.timestamp, struct.pack("<d", point.value))
        for labels, point, *_ in rows_
    ]


@settings(max_examples=30)
@given(snapshots())
def test_version_2_says_the_same_of_any_snapshot_and_can_be_taken_back(shot):
    """A request of 1.0 made of one of 2.0 has the same series as one made at once."""
    adapter = RemoteWrite(**NEW)
    old, new = sorted(said(encoded(shot))), sorted(said(encoded_2(shot, adapter)))
    assert old == new
    batches = list(RemoteWrite(**NEW).encode(shot, {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    back = [row for b in batches if b.frames for row in rows(_requests.downgraded(b))]
    assert sorted(said(back)) == old


def test_version_2_has_kind_help_unit_and_start():
    """Of counters and histograms where it is known."""
    hits, waits = counter("a.hits", "By", "Hits."), histogram("a.wait", "s")
    hits.start = waits.start = 1_600_000_000.5
    shot = snapshot((hits, 1), (gauge("a.size", "", "Size."), 2), (waits, HistogramValue(1, 2.0)))
    found = {
        labels["__name__"]: (*metadata, start) for labels, _, metadata, start in encoded_2(shot)
    }
    assert found == {
        "a_hits_bytes_total": (1, "Hits.", "By", 1_600_000_000_500),
        "a_size": (2, "Size.", "", 0),
        "a_wait_seconds_bucket": (3, "", "s", 1_600_000_000_500),
        "a_wait_seconds_count": (3, "", "s", 1_600_000_000_500),
        "a_wait_seconds_sum": (3, "", "s", 1_600_000_000_500),
    }


def test_version_2_marks_what_ends_and_halves_entries():
    """As version 1.0 does."""
    adapter = RemoteWrite(**NEW)
    value = HistogramValue(3, 1.0, ((1.0, 2), (2.0, 3)))
    gone = (gauge("a.gone"), 1), (histogram("a.over"), value)
    encoded_2(snapshot(*gone), adapter)
    entries = [(gauge("pool.size", n=str(n)), n) for n in range(20)]
    entries[7:7] = [(histogram("pool.wait", n=str(n)), value) for n in range(5)]
    waiting = list(adapter.encode(snapshot(*entries), {}))
    assert [_requests.markers_of(batch) for batch in waiting] == [6]
    single = []
    while waiting:
        batch = waiting.pop(0)
        if batch.samples > 1:
            waiting[:0] = adapter.split(batch)
        else:
            single.append(len(read(batch, "Request").timeseries))
    assert sorted(single) == [1] * 20 + [5] * 5


def test_native_histograms_of_version_2_can_be_taken_back():
    """They have the same form in both."""
    value = HistogramValue(9, 7.5, ((0.0, 1), (2.0**0.5, 1), (2.0, 4), (4.0, 4), (2.0**2.5, 9)), 1)
    shot = snapshot((histogram("pool.wait", "s"), value))
    ((labels, old),) = encoded(shot, RemoteWrite(histograms="native"))
    adapter = RemoteWrite(histograms="native", **NEW)
    (batch,) = adapter.encode(shot, {})
    ((back_labels, back),) = rows(_requests.downgraded(batch))
    assert (labels, old) == (back_labels, back)
