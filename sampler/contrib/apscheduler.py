"""The ``apscheduler`` sampler: runs of the jobs of APScheduler 3, by how they ended."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import Any

import sampler
from sampler.contrib._seams import Noted

SAMPLER = sampler.Instruments("apscheduler")
_runs = SAMPLER.counter(
    "runs", unit="{run}", help="Runs that were due, by what became of them.", labels=("state",)
)
_turnaround = SAMPLER.histogram(
    "run.turnaround", unit="s", help="From when a run was due until it had ended."
)
_events = import_module("apscheduler.events")
_STATES = {
    _events.EVENT_JOB_EXECUTED: "finished",
    _events.EVENT_JOB_ERROR: "failed",
    _events.EVENT_JOB_MISSED: "missed",
    _events.EVENT_JOB_MAX_INSTANCES: "skipped",
}


def _heard(event: Any) -> None:
    state = _STATES[event.code]
    _runs.labels(state).inc(len(event.scheduled_run_times) if state == "skipped" else 1)
    if state in ("finished", "failed"):
        due = event.scheduled_run_time
        _turnaround.observe(max((datetime.now(due.tzinfo) - due).total_seconds(), 0.0))


def _listen(scheduler: Any) -> bool:
    scheduler.add_listener(_heard, sum(_STATES))
    return True


_schedulers = Noted(import_module("apscheduler.schedulers.base").BaseScheduler, _listen)
