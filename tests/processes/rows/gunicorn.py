"""gunicorn: its kinds of workers, with the application loaded before the fork or after it."""

from __future__ import annotations

from tests.processes.row import Row
from tests.processes.rows.reasons import SIGNALS_END_IT

_COMMAND = (
    *("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "3"),
    *("--graceful-timeout", "5", "{options}"),  # a worker that boots just then misses the signal
)
_KINDS = {
    "sync": ("wsgi_app:app", ()),
    "gthread": ("wsgi_app:app", ("--worker-class", "gthread", "--threads", "4")),
    "gevent": ("wsgi_app:app", ("--worker-class", "gevent")),
    "uvicorn": ("asgi_app:app", ("--worker-class", "uvicorn.workers.UvicornWorker")),
}

_UVICORN = dict.fromkeys(
    ("int", "quit"), "its workers do not end by QUIT, with or without an agent"
)

ROWS = [
    Row(
        name=" ".join(("gunicorn", kind, *preload)),
        command=(*_COMMAND, *words, *preload, app),
        needs=("gunicorn", "gevent" if kind == "gevent" else "uvicorn"),
        options={"max_requests": ("--max-requests", "10"), "timeout": ("--timeout", "2")},
        resets=("hup", "usr2", "max_requests") if kind == "uvicorn" else (),
        without=SIGNALS_END_IT | (_UVICORN if kind == "uvicorn" else {}),
    )
    for kind, (app, words) in _KINDS.items()
    for preload in ((), ("--preload",))
]
