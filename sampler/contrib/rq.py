"""The ``rq`` sampler: jobs that a worker of RQ has run, by queue and by how they ended.

A work horse tells of its one job; ``sampler run --`` lets each have an agent. What became of a
job whose horse was killed its worker notes, which has none.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sampler
from sampler.contrib._seams import around

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLER = sampler.Instruments("rq")
_jobs = SAMPLER.counter(
    "jobs", unit="{job}", help="Jobs that have ended, by how.", labels=("queue", "state")
)
_duration = SAMPLER.histogram(
    "job.duration", unit="s", help="How long jobs ran.", labels=("queue",)
)
_wait = SAMPLER.histogram(
    "job.wait_time", unit="s", help="How long jobs waited in their queue.", labels=("queue",)
)


def _ended(state: str, job: Any) -> None:
    queue, started = job.origin, job.started_at
    _jobs.labels(queue, state).inc()
    if started is not None:
        ended = job.ended_at or datetime.now(started.tzinfo)
        _duration.labels(queue).observe((ended - started).total_seconds())
        if job.enqueued_at is not None:
            _wait.labels(queue).observe((started - job.enqueued_at).total_seconds())


def _counting(original: Callable[..., Any], state: str) -> Callable[..., Any]:
    def handle(worker: Any, *args: Any, **kwargs: Any) -> Any:
        _ended(state, args[0] if args else kwargs["job"])
        return original(worker, *args, **kwargs)

    return handle


_worker = import_module("rq.worker").BaseWorker
for _name, _state in (("success", "finished"), ("failure", "failed"), ("retry", "retried")):
    around(_worker, f"handle_job_{_name}", partial(_counting, state=_state))
