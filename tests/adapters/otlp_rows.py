"""What requests of OTLP have in them, read by opentelemetry-proto."""

from __future__ import annotations

import gzip

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

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
