"""The ``rq`` sampler: jobs that a worker of RQ has run, by queue and by how they ended.

A work horse tells of its one job; ``sampler run --`` lets each have an agent. What became of a
job whose horse was killed its worker notes, which has none.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sampler
from sampler.contrib._seams import around

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

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
    queue, asked, started = job.origin, job.enqueued_at, job.started_at
    _jobs.labels(queue, state).inc()
    if started is not None and job.ended_at is not None:
        _duration.labels(queue).observe(_seconds(job.ended_at - started))
    if started is not None and asked is not None:
        _wait.labels(queue).observe(_seconds(started - asked))


def _seconds(time: timedelta) -> float:
    return max(time.total_seconds(), 0.0)  # clocks of several hosts differ


def _counting(original: Callable[..., Any], state: str) -> Callable[..., Any]:
    def handle(worker: Any, *args: Any, **kwargs: Any) -> Any:
        with suppress(Exception):  # an RQ of another version: its job comes first
            _ended(state, args[0] if args else kwargs["job"])
        return original(worker, *args, **kwargs)

    return handle


_worker = import_module("rq.worker").BaseWorker
for _name, _state in (("success", "finished"), ("failure", "failed"), ("retry", "retried")):
    around(_worker, f"handle_job_{_name}", partial(_counting, state=_state))
