"""Workers that take tasks from queues."""

from __future__ import annotations

from tests.processes.daemons import REDIS
from tests.processes.row import Row
from tests.processes.rows.reasons import (
    LONE,
    NO_QUIT,
    NO_RELAY,
    NO_SEMAPHORES,
    NO_USR2,
    SIGNALS_END_IT,
)

_CELERY = (
    *("celery", "--app", "celery_tasks", "worker", "--without-gossip", "--without-mingle"),
    *("--without-heartbeat", "--loglevel", "WARNING", "--concurrency", "2"),
)
_SERVER = SIGNALS_END_IT | NO_USR2 | {"timeout": "a time limit is kill -9 in a task"}
_STATUSES = {"int": 1}
_PREFORK = _SERVER | NO_SEMAPHORES
_LOCK = dict.fromkeys(
    ("kill_idle", "kill_busy", "kill_child"),
    "one that is killed may hold the pool's lock for ever, with or without an agent",
)
_HORSES = dict.fromkeys(
    ("hup", "kill_idle", "kill_busy", "kill_child", "max_requests", "timeout"),
    "a work horse lives for one job",
)

ROWS = [
    Row(
        name="Celery prefork",
        command=(*_CELERY, "--pool", "prefork"),
        work="celery",
        needs=("celery",),
        workers=2,
        statuses=_STATUSES,
        without=_PREFORK | {"max_requests": "the next row"},
    ),
    Row(
        name="Celery --max-tasks-per-child",
        command=(*_CELERY, "--pool", "prefork", "--max-tasks-per-child", "10"),
        work="celery",
        needs=("celery",),
        workers=2,
        statuses=_STATUSES,
        brief=True,
        without=_PREFORK | _LOCK | NO_RELAY | {"max_requests": "always"},
    ),
    Row(
        name="Celery solo",
        command=(*_CELERY, "--pool", "solo"),
        work="celery",
        needs=("celery",),
        workers=1,
        lone=True,
        statuses=_STATUSES,
        without=_SERVER | LONE,
    ),
    Row(
        name="RQ",
        command=(
            *("rq", "worker", "--config", "rq_settings", "--path", "{folder}"),
            *("{written}", "default"),
        ),
        written=("--worker-class", "rq_worker.Worker"),
        work="rq",
        needs=("rq", REDIS),
        workers=0,
        slower=6,  # each job is a fork
        without=_SERVER | _HORSES | NO_QUIT | NO_RELAY,
    ),
]
