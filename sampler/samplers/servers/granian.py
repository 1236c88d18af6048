"""The ``granian`` sampler: what granian tells on its own page of metrics (``--metrics``).

Its workers hand it to the main process each ``--metrics-scrape-interval`` (15 s), and Python
cannot ask them: they are written in Rust. It needs no worker, so under a relay the relay reads
it, once for all. Settings: ``url`` (``http://127.0.0.1:9090/metrics``), ``socket``, ``timeout``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._status_page import StatusPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ("SAMPLER",)

URL = "http://127.0.0.1:9090/metrics"

_LINE = re.compile(r'granian_([a-z_]{1,60})(?:\{worker="([0-9]{1,9})"\})? ([0-9]{1,18})', re.ASCII)
_SERVER = {
    "workers_spawns": ("worker.starts", None),
    "workers_respawns_for_err": ("worker.restarts", "error"),
    "workers_respawns_for_lifetime": ("worker.restarts", "lifetime"),
    "workers_respawns_for_rss": ("worker.restarts", "rss"),
}
_WORKER = {
    "connections_active": ("connection.count", 1),
    "connections_handled": ("connections", 1),
    "connections_err": ("connections.failed", 1),
    "requests_handled": ("requests", 1),
    "blocking_threads": ("thread.count", 1),
    "blocking_queue": ("queue.length", 1),
    "blocking_busy_cumulative": ("busy.time", 1e6),
    "py_wait_cumulative": ("gil.wait.time", 1e6),
}
"""Our names, and by what granian's numbers are divided: its times are microseconds."""


def parse(page: str) -> Iterator[tuple[Any, ...]]:
    """Yield the samples of a page.

    Raises:
        ValueError: it is another page, or not whole.
    """
    seen = False
    for line in page.splitlines():
        if line.startswith("#") or not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"it has a line {line[:40]!r}")
        name, worker, value = found[1], found[2], int(found[3])
        if name in _SERVER and worker is None:
            ours, reason = _SERVER[name]
            seen = True
            yield (ours, value, {"reason": reason}) if reason else (ours, value)
        elif name in _WORKER and worker is not None:
            ours, divisor = _WORKER[name]
            yield ours, value if divisor == 1 else value / divisor, {"worker": worker}
    if not seen:
        raise ValueError("it has no line of granian's")


def factory(environ: Mapping[str, Any]) -> StatusPage:
    """Return what one consumer pulls."""
    return StatusPage(environ["settings"], URL, parse)


def _metric(kind: str, unit: str, text: str, label: str = "worker") -> dict[str, Any]:
    return metric(kind, unit, text, *filter(None, [label]), scope="server")


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "granian",
    "factory": factory,
    "metrics": {
        "worker.starts": _metric("counter", "{process}", "Workers started.", ""),
        "worker.restarts": _metric(
            "counter", "{process}", "Workers that were replaced, by reason.", "reason"
        ),
        "connection.count": _metric("gauge", "{connection}", "Connections open."),
        "connections": _metric("counter", "{connection}", "Connections handled."),
        "connections.failed": _metric("counter", "{connection}", "Connections that failed."),
        "requests": _metric("counter", "{request}", "Requests handled."),
        "thread.count": _metric("gauge", "{thread}", "Threads that run Python for requests."),
        "queue.length": _metric("gauge", "{request}", "Requests that wait for such a thread."),
        "busy.time": _metric("counter", "s", "Time for which these threads worked."),
        "gil.wait.time": _metric("counter", "s", "Time for which they waited for Python."),
    },
}
"""The ``granian`` sampler."""
