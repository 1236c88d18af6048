"""Servers for developers, which load the code anew when a file is touched."""

from __future__ import annotations

from tests.processes.row import Row
from tests.processes.rows.reasons import LONE, NO_QUIT, NO_USR2, SIGNALS_END_IT

_KILLS = (
    *("term", "int"),  # the reloader ends by an exception inside subprocess.call
    "hup",  # the main thread ends, and others serve until the interpreter has
)
_WITHOUT = LONE | SIGNALS_END_IT | NO_USR2 | NO_QUIT

ROWS = [
    Row(
        needs=("flask",),
        name="flask run --debug",
        command=("flask", "--app", "flask_app", "run", "--port", "{port}", "--debug"),
        workers=1,
        touch="flask_app.py",
        kills=_KILLS,
        without=_WITHOUT | {"read_only": "its debugger has a file in /dev/shm itself"},
    ),
    Row(
        needs=("django",),
        name="manage.py runserver",
        command=("{python}", "manage.py", "runserver", "127.0.0.1:{port}"),
        workers=1,
        touch="wsgi_app.py",
        resets=("hup",),  # the process that serves has bound the port itself
        kills=_KILLS,
        without=_WITHOUT,
    ),
]
