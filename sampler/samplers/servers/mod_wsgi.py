"""The ``mod_wsgi`` sampler: what mod_wsgi tells of a process, from 4.9 on, and of Apache.

``request_metrics()`` is never called: each call drains it, and would take from another reader.
From 6 on ``process_metrics()`` needs ``start_recording_metrics()``, which is called once here.
Where the external telemetry service of mod_wsgi has the numbers, they are not told to us.
The scoreboard of Apache needs ``server-metrics=On``; what ``apache`` tells needs no worker.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("SAMPLER",)

MIN_INTERVAL = 1.0
"""Seconds for which consumers share a reading: it makes a dictionary for each thread of Apache."""

STATES = {
    "_": "idle",
    "S": "starting",
    "R": "reading",
    "W": "writing",
    "K": "keepalive",
    "D": "dns",
    "C": "closing",
    "L": "logging",
    "G": "finishing",
    "I": "cleanup",
    ".": "open",
}
"""What the letters of Apache's scoreboard say."""

_recording = 0
"""The process in which recording has begun."""


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what mod_wsgi tells in this process; nothing outside of Apache."""
    module: Any = sys.modules.get("mod_wsgi")
    if not hasattr(module, "process_metrics"):  # the package of this name, which is no server
        return
    _record(module)
    told = module.process_metrics() or {}
    yield "requests", told.get("request_count")
    yield "busy.time", told.get("request_busy_time")
    yield "request.active", told.get("active_requests")
    yield "thread.used", told.get("request_threads")
    yield "thread.limit", getattr(module, "threads_per_process", None)
    yield "process.limit", getattr(module, "maximum_processes", None)
    told = module.server_metrics() or {}
    states = dict.fromkeys(STATES.values(), 0)
    for process in told.get("processes", ()):
        for worker in process["workers"]:
            states[STATES.get(worker["status"], "idle")] += 1
    if told:
        del states["open"]  # how many more there may be is the configuration's
        yield from (("apache.thread.count", n, {"state": each}) for each, n in states.items())
        yield "apache.generation", told.get("running_generation")


def _record(module: Any) -> None:
    global _recording  # noqa: PLW0603
    if _recording != os.getpid() and hasattr(module, "start_recording_metrics"):
        module.start_recording_metrics()
    _recording = os.getpid()


SAMPLER: dict[str, str | float | Callable[..., Any] | dict[str, Any]] = {
    "name": "mod_wsgi",
    "sample": sample,
    "min_interval": MIN_INTERVAL,
    "metrics": {
        "requests": metric("counter", "{request}", "Requests handled."),
        "busy.time": metric("counter", "s", "Time that requests took, all threads together."),
        "request.active": metric("gauge", "{request}", "Requests at present.", merge="sum"),
        "thread.used": metric(
            "gauge", "{thread}", "Threads that have handled a request.", merge="sum"
        ),
        "thread.limit": metric("gauge", "{thread}", "Threads that handle requests.", merge="sum"),
        "process.limit": metric("gauge", "{process}", "Processes configured.", scope="server"),
        "apache.thread.count": metric(
            "gauge", "{thread}", "Threads of Apache, by what they do.", "state", scope="host"
        ),
        "apache.generation": metric(
            "gauge", "{generation}", "How often Apache was restarted gracefully.", scope="host"
        ),
    },
}
"""The ``mod_wsgi`` sampler."""
