"""What six peers show of a web application beside us, and what a request costs with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

PHENOMENA = 39
OURS = PHENOMENA - 2
"""Nobody inside a server sees the browser, or compares hosts."""
MARKS = "<!-- peers -->\n", "<!-- end of peers -->\n"
"""Where docs/talk.md has what :func:`table` returns."""


@attrs.frozen
class Peer:
    """A middleware, exporter or logger of others.

    Attributes:
        title: who that is.
        package: what is imported.
        kind: what it was measured around, as in the numbers of a run.
        who: its name there.
        shows: by the number of a phenomenon, the metric that shows it, as its source spells it.
    """

    title: str
    package: str
    kind: str
    who: str
    shows: Mapping[int, str]


PEERS = (
    Peer(
        "OpenTelemetry, WSGI",
        "opentelemetry.instrumentation.wsgi",
        "wsgi",
        "opentelemetry",
        {
            3: "HTTP_SERVER_REQUEST_DURATION",
            5: "active_requests",
            6: "status_code",
        },
    ),
    Peer(
        "OpenTelemetry, ASGI",
        "opentelemetry.instrumentation.asgi",
        "asgi",
        "opentelemetry",
        {
            2: "HTTP_SERVER_RESPONSE_SIZE",
            3: "HTTP_SERVER_REQUEST_DURATION",
            5: "active_requests",
            6: "status_code",
            20: "HTTP_SERVER_REQUEST_SIZE",
        },
    ),
    Peer(
        "prometheus-flask-exporter",
        "prometheus_flask_exporter",
        "flask",
        "prometheus-flask-exporter",
        {
            3: "http_request_duration_seconds",
            5: "http_request_total",
            6: "'method', 'status'",
            35: "http_request_exceptions_total",
        },
    ),
    Peer(
        "starlette_exporter",
        "starlette_exporter",
        "starlette",
        "starlette_exporter",
        {
            2: "_response_body_bytes_total",
            3: "_request_duration_seconds",
            5: "_requests_in_progress",
            6: "status_code",
            20: "_request_body_bytes_total",
        },
    ),
    Peer(
        "django-prometheus",
        "django_prometheus",
        "django",
        "django-prometheus",
        {
            2: "django_http_responses_body_total_bytes",
            3: "django_http_requests_latency_including_middlewares_seconds",
            4: "django_db_query_duration_seconds",
            5: "django_http_requests_total_by_method",
            6: "django_http_responses_total_by_status",
            20: "django_http_requests_body_total_bytes",
            21: "django_db_new_connections_total",
            35: "django_http_exceptions_total_by_type",
        },
    ),
    Peer(
        "gunicorn's statsd logger",
        "gunicorn",
        "wsgi",
        "gunicorn statsd",
        {
            3: "gunicorn.request.duration",
            5: "gunicorn.requests",
            6: "gunicorn.request.status.",
            12: "gunicorn.workers",
            15: "gunicorn.backlog",
            35: "gunicorn.log.exception",
        },
    ),
)


def table(numbers: Mapping[str, float]) -> str:
    """Return the peers of one run beside us, as a table in Markdown.

    Args:
        numbers: what was measured in it.
    """
    lines = [
        f"| | around | a request costs more | with ours | of the {PHENOMENA}, it shows |",
        "|---|---|---:|---:|---|",
    ]
    for peer in PEERS:
        theirs, ours = (numbers.get(f"web/{peer.kind}/{who}") for who in (peer.who, "ours"))
        if theirs is None or ours is None:
            continue
        shown = ", ".join(f"#{number}" for number in peer.shows)
        around = "a null application" if peer.kind in ("wsgi", "asgi") else peer.kind.capitalize()
        lines.append(
            f"| {peer.title} | {around} | {theirs / 1e3:.1f} µs | {ours / 1e3:.1f} µs "
            f"| {len(peer.shows)}: {shown} |"
        )
    lines.append(
        f"| `sampler.web` and samplers | each of these | | as above | {OURS}: all but #1 and #33 |"
    )
    return "".join(f"{line}\n" for line in lines)
