"""What is aimed at where a web application is measured."""

from __future__ import annotations

from tests.bench.row import Row

_MORE = "what is in progress, waiting, CPU time and who left are measured, too"

WEB = (
    Row(
        "advice on a window of 200 processes",
        ("advise/ours/cpu",),
        "ms",
        limit=1_000,
        peers=("advise/prometheus_client/cpu",),
        why="five pages are read line by line",
        scaled=False,
    ),
    Row("such advice: times that it waits", ("advise/ours/waits",), "", limit=0),
    *(
        row
        for kind, times in (("wsgi", 15), ("asgi", 25))
        for row in (
            Row(
                f"a request with {kind.upper()} middleware, / two readings of the clock",
                (f"web/{kind}/ours",),
                peers=(f"web/{kind}/floor",),
                ratio=1 / 11,
                why=_MORE,
            ),
            Row(
                f"a request with {kind.upper()} middleware, null application",
                (f"web/{kind}/ours",),
                peers=(f"web/{kind}/opentelemetry",),
                ratio=times,
                why=_MORE,
            ),
        )
    ),
    *(
        Row(
            f"a request behind {framework.capitalize()}",
            (f"web/{framework}/ours",),
            peers=(f"web/{framework}/{exporter}",),
            ratio=times,
            why=_MORE,
        )
        for framework, exporter, times in (
            ("flask", "prometheus-flask-exporter", 4.5),
            ("starlette", "starlette_exporter", 6),
            ("django", "django-prometheus", 5),
        )
    ),
)
