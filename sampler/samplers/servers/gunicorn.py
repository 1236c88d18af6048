"""The ``gunicorn`` sampler: what a worker of gunicorn knows of itself.

A threaded worker accepts connections beyond its threads (``worker_connections``) and keeps them in
the queue of its pool, so the kernel's backlog is empty while requests wait: ``queue.length`` is
where they are.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._objects import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("SAMPLER",)

_OLDEST = 86_400.0
"""Seconds; an older heartbeat was written by another clock."""

WORKER = Server("gunicorn", "gunicorn.workers.base:Worker")


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what this worker tells; nothing in a process that is none."""
    worker = WORKER.find()
    if worker is None:
        return
    told = WORKER.told
    config = told(worker, "cfg")
    # 0 is what a class that does not count them has: they are absent, until the first.
    if requests := told(worker, "nr"):
        yield "requests", requests
    if (most := told(worker, "max_requests")) != sys.maxsize:
        yield "request.limit", most
    yield "worker.limit", told(config, "workers")
    yield "timeout", told(config, "timeout")
    yield "heartbeat.age", _age(told(worker, "tmp.last_update"))
    if hasattr(worker, "tpool"):
        yield "thread.limit", told(config, "threads")
        yield "queue.length", told(worker, "tpool._work_queue.qsize")()
        yield "connection.idle", _length(getattr(worker, "keepalived_conns", None))
    elif type(worker).__module__ == "gunicorn.workers.sync":
        yield "thread.limit", 1
    yield "connection.count", getattr(worker, "nr_conns", None)
    yield "connection.limit", getattr(worker, "worker_connections", None)


def _age(last_update: Callable[[], float]) -> float | None:
    try:
        age = time.monotonic() - last_update()
    except (OSError, ValueError):  # its file is closed: the worker ends, and is pulled once more
        return None
    return age if 0 <= age < _OLDEST else None


def _length(idle: Any) -> int | None:
    return len(idle) if hasattr(idle, "__len__") else None


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "gunicorn",
    "sample": sample,
    "metrics": {
        "requests": metric("counter", "{request}", "Requests handled."),
        "request.limit": metric(
            "gauge", "{request}", "Requests after which a worker is replaced.", merge="min"
        ),
        "worker.limit": metric("gauge", "{process}", "Workers configured.", scope="server"),
        "timeout": metric(
            "gauge", "s", "Age of a heartbeat at which a worker is killed.", merge="max"
        ),
        "heartbeat.age": metric(
            "gauge", "s", "Time since the worker last said that it lives.", merge="max"
        ),
        "thread.limit": metric("gauge", "{thread}", "Threads that handle requests.", merge="sum"),
        "queue.length": metric(
            "gauge", "{request}", "Requests accepted that wait for a thread.", merge="sum"
        ),
        "connection.count": metric("gauge", "{connection}", "Connections open.", merge="sum"),
        "connection.idle": metric(
            "gauge", "{connection}", "Connections kept alive between requests.", merge="sum"
        ),
        "connection.limit": metric(
            "gauge", "{connection}", "Connections that may be open.", merge="sum"
        ),
    },
}
"""The ``gunicorn`` sampler."""
