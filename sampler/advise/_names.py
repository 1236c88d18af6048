"""What is read of a page: our metrics, and what each is called there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS = {"s": "seconds", "By": "bytes"}
_TABLE = """
counter {request} http.server.requests http.server.slow_requests http.server.stale_requests
counter {request} http.server.abandoned_requests
counter {module} http.server.modules.loaded
counter s http.server.busy.time http.server.thread.cpu.time http.server.request.read.time
counter s http.server.response.write.time
histogram s http.server.request.duration http.server.queue.duration
gauge {request} http.server.active_requests http.server.active_requests.max
gauge s http.server.active_requests.oldest http.server.first_request.duration
counter s process.cpu.time system.cpu.time system.cgroup.cpu.throttled.time
gauge s process.uptime
gauge {cpu} system.cpu.logical.count system.cgroup.cpu.limit
gauge By system.memory.available system.cgroup.memory.limit system.cgroup.memory.usage
gauge By memory.pss memory.unique
histogram s cpython.wakeup.delay
gauge {process} server.process.count gunicorn.worker.limit uwsgi.worker.limit
gauge {process} mod_wsgi.process.limit
gauge {thread} gunicorn.thread.limit uwsgi.thread.limit mod_wsgi.thread.limit
gauge {thread} granian.thread.count apache.thread.count
gauge {request} gunicorn.queue.length granian.queue.length
counter s granian.gil.wait.time granian.busy.time
gauge {connection} listener.backlog.length listener.backlog.limit nginx.connection.count
counter {connection} listener.drops
gauge {connection} pgbouncer.client.count sqlalchemy.connection.count
gauge {connection} sqlalchemy.connection.idle.max
counter s pgbouncer.query.time pgbouncer.wait.time
histogram s db.client.connection.create_time sqlalchemy.connection.create_time
histogram s sqlalchemy.connection.use_time
gauge s django.setup.duration
"""

OWN_LABELS = frozenset(
    {"address", "cpu_mode", "database", "db_client_connection_state", "db_system_name", "state"}
    | {"db_client_connection_pool_name", "http_request_method", "http_response_status_class"}
    | {"http_route", "overflow", "user"}
)
"""Labels that the metrics have themselves, as pages have them; others tell processes apart."""
_ONE = ("system.", "listener.", "uwsgi.", "nginx.", "pgbouncer.", "apache.", "server.")
_ONE_NAMES = {
    *("gunicorn.worker.limit", "mod_wsgi.process.limit"),
    *("http.server.active_requests.oldest", "http.server.first_request.duration"),
    "django.setup.duration",
}


def one_speaks(name: str) -> bool:
    """Tell whether values of several processes are of one thing, and so are not added up.

    They are of the host, of the server, or the highest one counts.
    """
    return name.startswith(_ONE) or name in _ONE_NAMES


def _described() -> Iterator[tuple[str, tuple[str, str]]]:
    for line in _TABLE.split("\n"):
        kind, unit, *names = line.split() or ("", "")
        for name in names:
            yield name, (kind, unit)


METRICS: Mapping[str, tuple[str, str]] = dict(_described())
"""The kind and unit of each metric that statements use, by its full name."""


def page_name(name: str) -> str:
    """Return a metric's name on a page: dots become ``_``, the unit and ``_total`` follow."""
    kind, unit = METRICS[name]
    plain, word = label_name(name), _WORDS.get(unit, "")
    if word and not plain.endswith(f"_{word}"):
        plain = f"{plain}_{word}"
    return f"{plain}_total" if kind == "counter" else plain


def label_name(name: str) -> str:
    """Return a label's name on a page."""
    return name.replace(".", "_")


def _lines() -> Iterator[tuple[str, str]]:
    for name, (kind, _) in METRICS.items():
        if kind == "histogram":
            for part in ("sum", "count"):
                yield f"{page_name(name)}_{part}", f"{name}.{part}"
        else:
            yield page_name(name), name


READ: Mapping[str, str] = dict(_lines())
"""By the name at the beginning of a line: the metric; of histograms ``.sum`` and ``.count``."""
KEYS = frozenset(READ.values())
"""What a scrape may hold."""
