"""What requests of OTLP have in them, read by opentelemetry-proto."""

from __future__ import annotations

import gzip
from itertools import accumulate

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from sampler.agent import HistogramValue

SORTS = ("gauge", "sum", "histogram", "exponential_histogram")


def read(batch):
    """Return the request of a batch, whose bytes are all known fields."""
    data = b"".join(batch.frames)
    return read_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def read_bytes(data):
    request = ExportMetricsServiceRequest.FromString(data)
    known = request.SerializeToString()
    request.DiscardUnknownFields()
    assert request.SerializeToString() == known
    return request


def attributes(pairs):
    found = {pair.key: pair.value.string_value for pair in pairs}
    assert len(found) == len(pairs)
    return found


def rows(request):
    """Return [(resource, metric, sort, attributes, point)] of a request."""
    found = []
    for resource in request.resource_metrics:
        who = attributes(resource.resource.attributes)
        for scope in resource.scope_metrics:
            assert not scope.HasField("scope")
            for metric in scope.metrics:
                sort = metric.WhichOneof("data")
                found += [
                    (who, metric, sort, attributes(point.attributes), point)
                    for point in getattr(metric, sort).data_points
                ]
    return found


def histogram(point):
    """Return an explicit histogram of the protocol."""
    counts = accumulate(point.bucket_counts)
    buckets = tuple(zip(point.explicit_bounds, counts, strict=False))
    return HistogramValue(point.count, point.sum if point.HasField("sum") else None, buckets)


def exponential(point):
    """Return an exponential one: bucket ``i`` ends at ``2 ** ((i + 1) / 2 ** scale)``."""
    assert not point.negative.bucket_counts
    buckets, below = [], point.zero_count
    if below:
        buckets.append((point.zero_threshold, below))
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        if count:
            lower, upper = (2.0 ** (edge / 2.0**point.scale) for edge in (index, index + 1))
            if not buckets or buckets[-1][0] < lower:
                buckets.append((lower, below))
            below += count
            buckets.append((upper, below))
    total = point.sum if point.HasField("sum") else None
    return HistogramValue(point.count, total, tuple(buckets), point.scale)


READ = {
    "gauge": ("gauge", lambda point: getattr(point, point.WhichOneof("value"))),
    "sum": ("counter", lambda point: getattr(point, point.WhichOneof("value"))),
    "histogram": ("histogram", histogram),
    "exponential_histogram": ("histogram", exponential),
}
"""By a sort: the kind of its metrics, and what reads a point's value."""
