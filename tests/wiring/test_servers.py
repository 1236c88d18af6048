"""Web servers under ``sampler run --``, with an application that knows nothing of an agent.

Each request counts once by an instrument and once by a source that is pulled. After SIGTERM both
have arrived to the last one, as many processes have reported as there are workers, the exit status
is the server's, and nothing is left.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes.procfs import waits_for_requests
from tests.support.waiting import wait_for
from tests.wiring.rig import APPS, LIMIT, need, running

pytestmark = pytest.mark.server

BIND = ("-b", "127.0.0.1:{port}")
GUNICORN = ("gunicorn", "-w", "2", *BIND)
UVICORN = ("uvicorn", "--port", "{port}", "--log-level", "warning")
UWSGI = (
    *("uwsgi", "--http-socket", "127.0.0.1:{port}", "--module", "web:application"),
    *("--virtualenv", sys.prefix, "--die-on-term"),
)
FINISH = ("--hook-master-start", "unix_signal:15 gracefully_kill_them_all")
"""Has uWSGI's workers answer what they are in; where it is missing, they end without Python."""
GRANIAN = ("granian", "--workers", "2", "--port", "{port}", "--interface")
ENDED = -signal.SIGTERM
UWSGI_END = 30
"""uWSGI's own status where it has no master."""


class Row(NamedTuple):
    """A server, how many workers it has, and the status with which it ends."""

    command: tuple[str, ...]
    workers: int = 2
    status: int = 0
    cuts: bool = False  # it ends a worker inside a request, and without Python


ROWS = {
    "gunicorn sync": Row((*GUNICORN, "web:application")),
    "gunicorn sync --preload": Row((*GUNICORN, "--preload", "web:application")),
    "gunicorn gthread": Row((*GUNICORN, "-k", "gthread", "--threads", "4", "web:application")),
    "gunicorn gevent": Row((*GUNICORN, "-k", "gevent", "web:application")),
    "gunicorn gevent --preload": Row((*GUNICORN, "-k", "gevent", "--preload", "web:application")),
    "gunicorn asgi": Row((*GUNICORN, "-k", "asgi", "web:asgi")),
    "gunicorn uvicorn": Row((*GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "web:asgi")),
    "uvicorn": Row((*UVICORN, "web:asgi"), 1, ENDED),
    "uvicorn --workers": Row((*UVICORN, "--workers", "2", "web:asgi")),
    "uvicorn --reload": Row((*UVICORN, "--reload", "web:asgi"), 1),
    "uvicorn --lifespan off": Row((*UVICORN, "--lifespan", "off", "web:asgi"), 1, ENDED),
    "granian wsgi": Row((*GRANIAN, "wsgi", "web:application")),
    "granian asgi": Row((*GRANIAN, "asginl", "web:asgi")),
    "hypercorn": Row(("hypercorn", "-w", "2", *BIND, "web:asgi")),
    "hypercorn without workers": Row(("hypercorn", "-w", "0", *BIND, "web:asgi"), 1),
    "uwsgi": Row((*UWSGI, "--master", "--processes", "2", *FINISH)),
    "uwsgi --die-on-term": Row((*UWSGI, "--master", "--processes", "2"), cuts=True),
    "uwsgi --lazy-apps": Row((*UWSGI, "--master", "--processes", "2", *FINISH, "--lazy-apps")),
    "uwsgi with decorators": Row(
        (*UWSGI, "--master", "--processes", "2", *FINISH, "--import", "decorated")
    ),
    "uwsgi without a master": Row(UWSGI, 1, UWSGI_END, cuts=True),
    "flask": Row(("flask", "--app", "web_flask", "run", "--port", "{port}"), 1, ENDED),
    "django": Row(
        ("python", str(APPS / "manage.py"), "runserver", "--noreload", "127.0.0.1:{port}"),
        1,
        ENDED,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_everything_that_is_counted_arrives(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """By instrument and by pull, from all workers, and from no other process."""
    row = ROWS[name]
    need(request, "django" if name == "django" else row.command[0])
    with running(tmp_path, *row.command) as run:
        run.up(row.workers)
        workers = run.load()
        if row.cuts:
            wait_for(lambda: all(map(waits_for_requests, workers)), LIMIT, "workers without work")
        assert ("set its option" in run.said.read_text()) == row.cuts
        assert run.end() == row.status, run.said.read_text()
        assert run.arrived() == (run.counted, run.counted)
        assert run.value("server.process.starts") == row.workers
        assert run.value("server.process.exits.reason-lost") == 0


def test_uwsgi_ends_once_its_workers_have_answered(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With the hook that ``sampler run`` names where it is missing."""
    need(request, "uwsgi")
    with running(tmp_path, *ROWS["uwsgi"].command) as run, ThreadPoolExecutor(1) as client:
        run.up(2)
        workers = run.load()
        answer = client.submit(run.get, **{"X-Hold": "1"})
        wait_for(lambda: not all(map(waits_for_requests, workers)), LIMIT, "a busy worker")
        assert run.end() == 0, run.said.read_text()
        assert answer.result() in workers
        assert run.arrived() == (run.counted, run.counted)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("flask", ("flask", "--app", "web_flask", "run", "--debug", "--port", "{port}")),
        ("django", ("python", str(APPS / "manage.py"), "runserver", "127.0.0.1:{port}")),
    ],
)
def test_a_reloader_is_no_worker(
    request: pytest.FixtureRequest, tmp_path: Path, program: str, command: tuple[str, ...]
) -> None:
    """One process reports. It kills that as soon as it is told to end."""
    need(request, program)
    with running(tmp_path, *command) as run:
        run.up(1)
        run.load()
        wait_for(lambda: run.arrived() == (run.counted, run.counted), LIMIT, "all of it")
        run.end()
        assert run.value("server.process.starts") == 1


def test_a_reload_of_a_development_server_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Its process answers until its very end, and is then the next one."""
    need(request, "flask")
    file = tmp_path / "web_here.py"
    file.write_text((APPS / "web_flask.py").read_text())
    with running(
        tmp_path, "flask", "--app", "web_here", "run", "--debug", "--port", "{port}"
    ) as run:
        run.up(1)
        before = run.get()
        os.utime(file, (time.time() + 5, time.time() + 5))
        wait_for(lambda: run.load(20) or run.get() != before, LIMIT, "the next process")
        run.load(20)
        wait_for(lambda: run.arrived() == (run.counted, run.counted), LIMIT, "all of it")


def test_a_program_that_becomes_a_server_is_no_worker(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As by ``uvicorn.run``: it has an agent until then."""
    need(request, "uvicorn")
    with running(tmp_path, "python", str(APPS / "serve.py"), "{port}") as run:
        run.up(2)
        run.load()
        assert run.end() == 0
        assert run.arrived() == (run.counted, run.counted)


@pytest.mark.parametrize("name", ["gunicorn sync --preload", "uwsgi"])
def test_workers_come_and_go(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """A reload replaces them; totals go on."""
    need(request, ROWS[name].command[0])
    with running(tmp_path, *ROWS[name].command) as run:
        run.up(2)
        run.load()
        run.process.send_signal(signal.SIGHUP)
        wait_for(lambda: run.value("server.process.starts") == 4, LIMIT, "two more workers")
        wait_for(lambda: run.value("server.process.count") == 2, LIMIT, "two workers")
        run.load()
        run.end()
        assert run.arrived() == (run.counted, run.counted)


def test_gunicorn_becomes_another_one(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """USR2 starts a new master: its workers report, too, and its end is the command's."""
    need(request, "gunicorn")
    with running(tmp_path, *GUNICORN, "-p", "pid", "web:application") as run:
        run.up(2)
        run.load()
        old = int((tmp_path / "pid").read_text())
        run.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: run.value("server.process.count") == 4, LIMIT, "new workers")
        os.kill(old, signal.SIGTERM)
        wait_for(lambda: run.value("server.process.count") == 2, LIMIT, "the old ones to end")
        run.load()
        assert run.process.poll() is None
        assert run.end() == 0
        assert run.arrived() == (run.counted, run.counted)
