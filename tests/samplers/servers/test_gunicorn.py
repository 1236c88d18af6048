"""The samplers ``gunicorn``, ``gunicorn.arbiter`` and ``listener``, on gunicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.samplers.servers.rig import serving
from tests.support.command import environment
from tests.support.waiting import wait_for
from tests.wiring.rig import BIN, LIMIT, need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.samplers.servers.rig import Served

pytestmark = pytest.mark.server

BIND = ("-b", "127.0.0.1:{port}", "--no-control-socket", "held:application")
SAMPLERS = 'enable = ["gunicorn", "gunicorn.arbiter", "listener"]'


@pytest.fixture(autouse=True)
def _gunicorn(request: pytest.FixtureRequest) -> None:
    need(request, "gunicorn")


@pytest.fixture
def short() -> Iterator[Path]:
    """Yield a folder whose name leaves room for a unix socket's."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_requests_wait_in_the_queue_of_a_threaded_worker(tmp_path: Path) -> None:
    """The kernel's backlog is empty meanwhile: it is no sign of a lack of threads."""
    words = ("gunicorn", "-k", "gthread", "--threads", "2", "--backlog", "77", *BIND)
    with serving(tmp_path, *words, toml=SAMPLERS) as run:
        run.tells("gunicorn.requests", run.counted)
        with run.held(5):
            run.tells("gunicorn.queue.length", 3)
            run.tells("gunicorn.connection.count", 5)
            address = {"address": f"127.0.0.1:{run.port}"}
            run.tells("listener.backlog.limit", 77, **address)
            assert run.told("listener.backlog.length", **address) == 0
        run.tells("gunicorn.queue.length", 0)
        run.tells("gunicorn.requests", run.counted)
        assert run.told("gunicorn.thread.limit") == 2
        assert run.told("gunicorn.worker.limit") == 1
        assert run.told("gunicorn.connection.limit") == 1000
        assert run.told("gunicorn.timeout") == 30
        assert run.told("gunicorn.request.limit") is None


def test_requests_wait_in_the_backlog_of_a_plain_worker(tmp_path: Path) -> None:
    """Each worker sees the same socket: the relay tells its backlog once, not once a worker."""
    words = ("gunicorn", "-w", "2", "--backlog", "64", "--max-requests", "1000", *BIND)
    with serving(tmp_path, *words, toml=SAMPLERS, workers=2) as run:
        address = {"address": f"127.0.0.1:{run.port}"}
        with run.held(7):
            run.tells("listener.backlog.length", 5, **address)
            run.tells("listener.backlog.limit", 64, **address)
        run.tells("listener.backlog.length", 0, **address)
        run.tells("gunicorn.requests", run.counted)
        assert run.told("gunicorn.thread.limit") == 2
        assert run.told("gunicorn.request.limit") == 1000
        assert run.told("gunicorn.queue.length") is None


@pytest.mark.parametrize(
    ("kind", "application"),
    [("gevent", "held:application"), ("asgi", "held:asgi")],
)
def test_workers_on_a_loop_are_found(tmp_path: Path, kind: str, application: str) -> None:
    """Wherever their class keeps its main loop."""
    words = ("gunicorn", "-k", kind, *BIND[:-1], application)
    with serving(tmp_path, *words, toml=SAMPLERS) as run:
        run.load(5)
        run.tells("gunicorn.requests", run.counted)
        assert run.told("gunicorn.connection.limit") == 1000


def test_preloaded_workers_tell_of_themselves(tmp_path: Path) -> None:
    """Not of what was forked."""
    with serving(
        tmp_path, "gunicorn", "-w", "3", "--preload", *BIND, toml=SAMPLERS, workers=3
    ) as run:
        run.load(30)
        run.tells("gunicorn.requests", run.counted)
        assert run.told("gunicorn.thread.limit") == 3
        run.tells("gunicorn.heartbeat.age", lambda age: 0 <= age < 20)


def test_a_worker_that_cannot_say_that_it_lives_shows(tmp_path: Path) -> None:
    """The age of its heartbeat rises while a request holds a plain worker."""
    with serving(tmp_path, "gunicorn", *BIND, toml=SAMPLERS) as run, run.held(1):
        run.tells("gunicorn.heartbeat.age", lambda age: age > 1.5)


@contextmanager
def asking(tmp_path: Path, short: Path, *words: str) -> Iterator[Served]:
    """Run a gunicorn of two workers that ask its arbiter more often than each ten seconds."""
    (tmp_path / "hasty.py").write_text(
        "from held import application\n"
        "from sampler.samplers.servers.gunicorn_arbiter import SAMPLER\n"
        "SAMPLER['min_interval'] = 0.5\n"
    )
    words = ("gunicorn", "-w", "2", "-p", "pid", *words, *BIND[:2], "hasty:application")
    known = {"HOME": str(short), "XDG_RUNTIME_DIR": str(short)}
    with serving(tmp_path, *words, toml=SAMPLERS, workers=2, **known) as run:
        run.tells("gunicorn.arbiter.worker.count", 2)
        run.tells("gunicorn.arbiter.worker.starts", lambda _: True)
        yield run


@contextmanager
def another(folder: Path, short: Path) -> Iterator[int]:
    """Run a second gunicorn of the same user, and yield its number."""
    known = {"HOME": str(short), "XDG_RUNTIME_DIR": str(short)}
    words = [BIN / "gunicorn", "-b", "127.0.0.1:0", "held:application"]
    with subprocess.Popen(
        words, cwd=folder, env=environment(**known), stderr=subprocess.DEVNULL
    ) as other:
        try:
            yield other.pid
        finally:
            other.terminate()
            other.wait(LIMIT)


def test_the_arbiter_is_asked_by_a_worker(tmp_path: Path, short: Path) -> None:
    """How many workers there are, should be, were started and killed, and reloads."""
    with asking(tmp_path, short, "--control-socket", str(short / "its.own")) as run:
        run.tells("gunicorn.arbiter.worker.target", 2)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTTIN)
        run.tells("gunicorn.arbiter.worker.target", 3)
        run.tells("gunicorn.arbiter.worker.count", 3)
        assert run.told("gunicorn.worker.limit") == 2


def test_a_control_socket_that_another_gunicorn_has_taken_is_said_once(
    tmp_path: Path, short: Path
) -> None:
    """All of a user have one path by default; the log says whose it is, and nothing has failed."""
    with asking(tmp_path, short) as run, another(tmp_path, short) as other:
        known = run.told("gunicorn.arbiter.worker.starts")
        said = f"gunicorn.ctl is that of gunicorn {other}; --control-socket PATH gives"
        wait_for(lambda: said in run.said.read_text(), LIMIT, said)
        before = run.count("gunicorn.arbiter.worker.starts")
        gauges = run.count("gunicorn.arbiter.worker.count")
        wait_for(lambda: run.count("gunicorn.arbiter.worker.starts") > before + 3, LIMIT, "totals")
        assert run.count("gunicorn.arbiter.worker.count") <= gauges + 1  # what was on its way
        assert run.told("gunicorn.arbiter.worker.starts") == known
        assert run.said.read_text().count("gunicorn.arbiter") == 1
        failed = {"sampler": "gunicorn.arbiter", "reason": "raised"}
        assert not run.told("sampler.pulls.failed", **failed)


def test_totals_go_on_where_the_arbiter_has_its_control_socket_again(
    tmp_path: Path, short: Path
) -> None:
    """As it has whenever it forks a worker; what came meanwhile is counted."""
    with asking(tmp_path, short) as run, another(tmp_path, short) as other:
        known = run.told("gunicorn.arbiter.worker.starts")
        assert known is not None
        wait_for(lambda: f"gunicorn {other};" in run.said.read_text(), LIMIT, "that it is lost")
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTTIN)
        run.tells("gunicorn.arbiter.worker.count", 3)
        run.tells("gunicorn.arbiter.worker.starts", known + 1)


def test_without_a_control_socket_the_arbiter_tells_nothing(tmp_path: Path) -> None:
    """And nothing is said about it."""
    with serving(tmp_path, "gunicorn", *BIND, toml=SAMPLERS) as run:
        run.load(3)
        run.tells("gunicorn.requests", run.counted)
        assert run.told("gunicorn.arbiter.worker.count") is None
        assert "gunicorn.arbiter" not in run.said.read_text()
