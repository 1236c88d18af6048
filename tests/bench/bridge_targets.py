"""What is aimed at where numbers go out to others' backends."""

from __future__ import annotations

from tests.bench.row import Row

_REWRITTEN = "a page keeps the lines of what has not changed; a request has a new time for each"

BRIDGES = (
    Row(
        "remote write with snappy, 10,000, all change, / our text page",
        ("bridges/remote write/ours",),
        peers=("bridges/text/ours",),
        ratio=1 / 1.3,
        why=_REWRITTEN,
    ),
    Row(
        "remote write by hand, / by protobuf's classes",
        ("bridges/remote write/ours",),
        peers=("bridges/remote write by protobuf/ours",),
        ratio=3,
    ),
    Row(
        "OTLP, 10,000, all change, / OpenTelemetry's reader and encoder",
        ("bridges/otlp/ours",),
        peers=("bridges/otlp/opentelemetry",),
        ratio=3,
    ),
)
