"""What remote write carries, read by protobuf from the protocol's schema."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest

pytest.importorskip("cramjam")
pytest.importorskip("google.protobuf")

from hypothesis import given, settings

from sampler.adapterkit.identity_labels import filled_in_labels
from sampler.adapterkit.prometheus_names import called, format_bound, label_name
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import HistogramValue
from sampler_remote_write import RemoteWrite
from tests.adapters import remote_write_schema as schema
from tests.roundtrips.judge import Row, judge, pulled, whole_doubles, with_a_double_sum
from tests.roundtrips.programs import ONE_OF_EACH, START, samplers

PARTS = ("bucket", "sum", "count")
KINDS = {1: "counter", 2: "gauge", 3: "histogram"}


def points_1(batch):
    """Yield labels, point and metadata of version 1.0: histograms are known by "le"."""
    rows = schema.rows(batch)
    bucketed = {labels["__name__"][:-7] for labels, _ in rows if "le" in labels}
    for labels, point in rows:
        name = labels["__name__"]
        part = any(f"{each}_{end}" == name for each in bucketed for end in PARTS)
        whole = part or hasattr(point, "schema")
        yield labels, point, ("histogram" if whole else "gauge", "", "")


def points_2(batch):
    """Yield labels, point and metadata of version 2.0."""
    request = schema.read(batch, "Request")
    texts = request.symbols
    for series in request.timeseries:
        words = [texts[ref] for ref in series.labels_refs]
        labels = dict(zip(words[::2], words[1::2], strict=True))
        (point,) = [*series.samples, *series.histograms]
        about = series.metadata
        kind = KINDS[about.type]
        assert series.created_timestamp == (0 if kind == "gauge" else int(START * 1000))
        yield labels, point, (kind, texts[about.unit_ref], texts[about.help_ref])


def native(point):
    """Return a native histogram: bucket ``i`` ends at ``2 ** (i / 2 ** schema)``, or a bound."""
    own = point.schema == -53
    counts = accumulate(point.positive_deltas)
    buckets, below, index = [], 0, 0
    if not own and point.zero_count:
        below = point.zero_count
        buckets.append((point.zero_threshold, below))

    def edge(at):
        return point.custom_values[at] if own else 2.0 ** (at / 2.0**point.schema)

    filled = {}
    for span in point.positive_spans:
        index += span.offset
        for _ in range(span.length):
            filled[index] = next(counts)
            index += 1
    if own:
        for at, upper in enumerate(point.custom_values):
            below += filled.get(at, 0)
            buckets.append((upper, below))
    for at in sorted(filled) if not own else ():
        if not buckets or buckets[-1][0] < edge(at - 1):
            buckets.append((edge(at - 1), below))
        below += filled[at]
        buckets.append((edge(at), below))
    scale = None if own else point.schema
    return HistogramValue(point.count, point.sum, tuple(buckets), scale)


def back(adapter, snapshot):
    """Return the rows of a snapshot's requests; times are those of the reads."""
    (block,) = snapshot.blocks
    points = points_2 if adapter.protocol == "2.0" else points_1
    found = {}
    for batch in adapter.encode(snapshot, {}):
        for labels, point, about in points(batch):
            assert point.timestamp == int(block.time * 1000)
            value = native(point) if hasattr(point, "schema") else point.value
            key = tuple(sorted(labels.items()))
            assert key not in found
            found[key] = Row(*about, value)
    return found


class Names:
    """Series by the names and labels of Prometheus."""

    def __init__(self, adapter, snapshot):
        self._native = adapter.histograms == "native"
        self._common = filled_in_labels(adapter.labels, snapshot.identity)

    def spread(self, series, row):
        """Return a series, or the parts of a histogram."""
        value = row.value
        if self._native or not isinstance(value, HistogramValue):
            return {self._key(series): row}
        buckets = [*value.buckets, (float("inf"), value.count)]
        parts = {
            self._key(series, "_bucket", le=format_bound(bound).replace("inf", "+Inf")): count
            for bound, count in buckets
        }
        parts[self._key(series, "_count")] = value.count
        if value.sum is not None:
            parts[self._key(series, "_sum")] = value.sum
        return {key: replace(row, value=part) for key, part in parts.items()}

    def _key(self, series, suffix="", **more):
        labels = {label_name(name): text for name, text in series.labels.items()}
        return tuple(
            sorted({**labels, **self._common, **more, "__name__": called(series) + suffix}.items())
        )


def doubles(row, series):
    """Return what is left of a number, or of a histogram whose counts are integers."""
    value = row.value
    if not isinstance(value, HistogramValue):
        return replace(row, value=float(value))
    return replace(row, value=with_a_double_sum(value))


def as_it_is_written(adapter):
    """Return how an adapter writes a histogram that loses."""

    def written(row, series):
        value = row.value
        if adapter.histograms == "classic":
            return replace(row, value=at_shared_bounds(value, series))
        exact = value.scale is not None and -4 <= value.scale <= 8
        scale = value.scale if exact else None
        return replace(
            row, value=HistogramValue(value.count, value.sum or 0.0, value.buckets, scale)
        )

    return written


def compare(adapter, made):
    """Encode what a sampler tells, and compare what is read; return the losses."""
    snapshot = pulled(made)
    instead = {
        "unit": lambda row, series: replace(row, unit=""),
        "help": lambda row, series: replace(row, help=""),
        "kind": lambda row, series: replace(row, kind="gauge"),
        "precision": whole_doubles if adapter.histograms == "classic" else doubles,
        "histograms": as_it_is_written(adapter),
    }
    spread = Names(adapter, snapshot).spread
    return judge(adapter, snapshot, back(adapter, snapshot), spread, instead)


WAYS = [(p, h) for p in ("1.0", "2.0") for h in ("classic", "native")]


@pytest.mark.parametrize(("protocol", "histograms"), WAYS)
def test_what_does_not_arrive_is_what_the_report_names(protocol, histograms):
    """For a sampler that has each loss; 2.0 carries units, help and kinds."""
    adapter = RemoteWrite(protocol=protocol, histograms=histograms)
    carried = {"unit", "help", "kind"} if protocol == "2.0" else set()
    assert compare(adapter, ONE_OF_EACH) == adapter.unsupported.keys() - carried


@settings(max_examples=25)
@given(samplers())
@pytest.mark.parametrize(("protocol", "histograms"), WAYS)
def test_any_sampler_arrives_but_for_what_the_report_names(protocol, histograms, made):
    """Series, kinds, units, help, values, starts and times."""
    compare(RemoteWrite(protocol=protocol, histograms=histograms), made)
