"""The ``celery`` sampler: tasks that a process of a worker runs, and has run.

A child of a prefork pool knows of its own tasks only; what the worker has fetched and not given to
a child yet is told where the pool has no children (solo, threads, gevent, eventlet).
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any

import sampler

SAMPLER = sampler.Instruments("celery")
_tasks = SAMPLER.counter(
    "tasks", unit="{task}", help="Tasks that have ended, by how.", labels=("task", "state")
)
_duration = SAMPLER.histogram(
    "task.duration", unit="s", help="How long tasks ran.", labels=("task",)
)
_active = SAMPLER.gauge("task.active", unit="{task}", help="Tasks that run now.", merge="sum")
_reserved = SAMPLER.gauge(
    "task.reserved", unit="{task}", help="Tasks fetched that have not ended.", merge="sum"
)
_signals = import_module("celery.signals")
_worker = import_module("celery.worker.state")
_process = import_module("billiard.process")
_begun: dict[str, float] = {}


def _prerun(task_id: str, **_: Any) -> None:
    _begun[task_id] = perf_counter()


def _postrun(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    begun = _begun.pop(task_id, None)
    _tasks.labels(task.name, (state or "unknown").lower()).inc()
    if begun is not None:  # it began while this sampler was loaded
        _duration.labels(task.name).observe(perf_counter() - begun)


def _fetched() -> int | None:
    return (
        len(_worker.reserved_requests)
        if _process.current_process().name == "MainProcess"
        else None
    )


_active.set_function(_begun.__len__)
_reserved.set_function(_fetched)
_signals.task_prerun.connect(_prerun, dispatch_uid=__name__)
_signals.task_postrun.connect(_postrun, dispatch_uid=__name__)
