"""What is aimed at where numbers go out to others' backends."""

from __future__ import annotations

from tests.bench.row import Row

_REWRITTEN = "a page keeps the lines of what has not changed; a request has a new time for each"

DESTINATIONS = (
    Row(
        "remote write with snappy, 10,000, all change, / our text page",
        ("destinations/remote write/ours",),
        peers=("destinations/text/ours",),
        ratio=1 / 1.3,
        why=_REWRITTEN,
    ),
    Row(
        "remote write by hand, / by protobuf's classes",
        ("destinations/remote write/ours",),
        peers=("destinations/remote write by protobuf/ours",),
        ratio=3,
    ),
    Row(
        "OTLP, 10,000, all change, / OpenTelemetry's reader and encoder",
        ("destinations/otlp/ours",),
        peers=("destinations/otlp/opentelemetry",),
        ratio=3,
    ),
)
