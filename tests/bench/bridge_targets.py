"""What is aimed at where somebody else's library counts, or a script sends lines."""

from __future__ import annotations

from tests.bench.row import Row

_VALUES = (
    "equal lines are counted at once; those that differ are two to four objects of Python each, "
    "and to read a timer's number and to find its bucket takes as long as a counter's whole line"
)

BRIDGES = (
    *(
        Row(
            f"samples of {title} by a bridge, / its own collection",
            (f"bridges/{name}/ours",),
            peers=(f"bridges/{name}/theirs",),
            ratio=1 / 1.3,
        )
        for title, name in (
            ("prometheus_client", "prometheus_client"),
            ("OpenTelemetry", "opentelemetry"),
        )
    ),
    *(
        Row(
            f"a line for the StatsD listener, 20 a datagram, {title}, / npm's statsd",
            (f"bridges/{name}/ours",),
            peers=(f"bridges/{name}/npm",),
            ratio=3,
            why=why,
        )
        for title, name, why in (
            ("counters", "statsd", ""),
            ("half of them timers and gauges", "statsd, mixed", _VALUES),
        )
    ),
)
