"""Servers on event loops; granian also for WSGI."""

from __future__ import annotations

from tests.processes.row import Row
from tests.processes.rows.reasons import (
    LONE,
    NO_LIMIT,
    NO_QUIT,
    NO_RELOAD,
    NO_SEMAPHORES,
    NO_TIMEOUT,
    NO_USR2,
    SIGNALS_END_IT,
)

_UVICORN = ("uvicorn", "--port", "{port}", "{options}")
_GRANIAN = (
    *("granian", "--port", "{port}", "--workers", "2", "--respawn-failed-workers"),
    *("--respawn-interval", "0.5", "--interface"),
)
_CRASH_LOOP = 6.0  # it gives up when one dies that has not lived for 5.5 s
_SERVER = SIGNALS_END_IT | NO_USR2 | NO_QUIT

_NO_KILL = dict.fromkeys(
    ("kill_idle", "kill_busy", "kill_child"), "the server ends when a worker is killed"
)

ROWS = [
    Row(
        name="uvicorn",
        needs=("uvicorn",),
        command=(*_UVICORN, "asgi_app:app"),
        workers=1,
        lone=True,
        statuses={"term": -15},  # it raises the signal again
        without=_SERVER | LONE | NO_RELOAD,
    ),
    Row(
        name="uvicorn --workers",
        needs=("uvicorn",),
        command=(*_UVICORN, "--workers", "2", "asgi_app:app"),
        workers=2,
        options={
            "max_requests": ("--limit-max-requests", "20"),
            "timeout": ("--timeout-worker-healthcheck", "2"),
        },
        resets=("hup", "max_requests"),
        without=_SERVER,
    ),
    Row(
        name="uvicorn --reload",
        needs=("uvicorn",),
        command=(*_UVICORN, "--reload", "--reload-dir", "{folder}", "asgi_app:app"),
        workers=1,
        touch="asgi_app.py",
        without=_SERVER | LONE,
    ),
    Row(
        name="granian asgi",
        needs=("granian",),
        command=(*_GRANIAN, "asgi", "asgi_app:app"),
        workers=2,
        rest=_CRASH_LOOP,
        without=_SERVER | NO_LIMIT | NO_TIMEOUT,
    ),
    Row(
        name="granian wsgi",
        needs=("granian",),
        command=(*_GRANIAN, "wsgi", "wsgi_app:app"),
        workers=2,
        rest=_CRASH_LOOP,
        without=_SERVER | NO_LIMIT | NO_TIMEOUT,
    ),
    Row(
        name="hypercorn",
        needs=("hypercorn",),
        command=(
            *("hypercorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "{options}"),
            "asgi_app:app",
        ),
        workers=2,
        options={"max_requests": ("--max-requests", "20")},
        resets=("max_requests",),
        without=_SERVER | NO_RELOAD | NO_TIMEOUT | NO_SEMAPHORES | _NO_KILL,
    ),
]
