"""The samplers ``uvicorn``, ``hypercorn``, ``granian`` and ``uwsgi``, each on its server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.samplers.servers.rig import serving
from tests.support.ports import free_port
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server

UWSGI = (
    *("uwsgi", "--http-socket", "127.0.0.1:{port}", "--module", "held:application"),
    *("--virtualenv", sys.prefix, "--master", "--die-on-term", "--disable-logging"),
)


BY_THEMSELVES = {
    "gunicorn": (
        "gunicorn.requests",
        ("gunicorn", "-b", "127.0.0.1:{port}", "--no-control-socket", "held:application"),
    ),
    "uvicorn": ("uvicorn.requests", ("uvicorn", "--port", "{port}", "held:asgi")),
    "hypercorn": (
        "hypercorn.connection.count",
        ("hypercorn", "-w", "1", "-b", "127.0.0.1:{port}", "held:asgi"),
    ),
    "uwsgi": ("uwsgi.requests", UWSGI),
}


@pytest.mark.parametrize("server", BY_THEMSELVES)
def test_where_nothing_is_named_a_server_tells_by_itself(
    request: pytest.FixtureRequest, tmp_path: Path, server: str
) -> None:
    """And no other does; nothing is said of those that are not there."""
    need(request, server)
    metric, words = BY_THEMSELVES[server]
    with serving(tmp_path, *words, toml="") as run:
        run.load(3)
        run.tells(metric, lambda n: n >= 0)
        run.tells("listener.backlog.limit", lambda n: n > 0, address=f"127.0.0.1:{run.port}")
        others = [each for each, _ in BY_THEMSELVES.values() if each != metric]
        assert [each for each in others if run.told(each) is not None] == []
        assert run.told("memory.pss") is None
        assert "sampler '" not in run.said.read_text()


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn", "uwsgi"])
def test_a_server_tells_of_its_last_requests_when_it_ends(
    request: pytest.FixtureRequest, tmp_path: Path, server: str
) -> None:
    """The last pull comes when it has closed what it had: gunicorn the file of its heartbeat."""
    need(request, server)
    metric, words = BY_THEMSELVES[server]
    with serving(tmp_path, *words, toml="") as run:
        run.load(30)
        run.end()
        run.tells(metric, lambda n: run.counted <= n <= run.counted + 1)
        assert "raised" not in run.said.read_text()


def test_uvicorn_tells_connections_and_requests(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A server by itself."""
    need(request, "uvicorn")
    words = ("uvicorn", "--port", "{port}", "--limit-concurrency", "50", "held:asgi")
    with serving(tmp_path, *words, toml='enable = ["uvicorn", "listener"]') as run:
        run.load(5)
        run.tells("uvicorn.requests", run.counted)
        with run.held(4):
            run.tells("uvicorn.connection.count", 4)
            run.tells("uvicorn.request.active", 4)
            assert run.told("uvicorn.connection.idle") == 0
        run.tells("uvicorn.request.active", 0)
        run.tells("uvicorn.requests", run.counted)
        assert run.told("uvicorn.concurrency.limit") == 50
        assert run.told("uvicorn.request.limit") is None
        assert run.told("listener.backlog.limit", address=f"127.0.0.1:{run.port}") == 2048


def test_workers_of_uvicorn_are_added_up(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What each counts; the supervisor, which serves nothing, tells nothing."""
    need(request, "uvicorn")
    words = ("uvicorn", "--workers", "2", "--port", "{port}", "held:asgi")
    with serving(tmp_path, *words, toml='enable = ["uvicorn"]', workers=2) as run:
        with run.held(6):
            run.tells("uvicorn.request.active", 6)
        run.tells("uvicorn.requests", run.counted)


@pytest.mark.parametrize("workers", [0, 2])
def test_hypercorn_tells_connections(
    request: pytest.FixtureRequest, tmp_path: Path, workers: int
) -> None:
    """With workers of its own and without; requests where it counts them."""
    need(request, "hypercorn")
    bind = ("-b", "127.0.0.1:{port}", "--max-requests", "1000", "held:asgi")
    words = ("hypercorn", "-w", str(workers), *bind)
    samplers = 'enable = ["hypercorn", "listener"]'
    with serving(tmp_path, *words, toml=samplers, workers=workers or 1) as run:
        with run.held(5):
            run.tells("hypercorn.connection.count", 5)
        run.tells("hypercorn.connection.count", 0)
        run.tells("hypercorn.requests", run.counted)
        assert run.told("hypercorn.request.limit") == 1000
        assert run.told("listener.backlog.limit", address=f"127.0.0.1:{run.port}") == 100


def test_granian_tells_its_queue_on_a_page_that_the_relay_reads(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Once, whatever the number of workers; the workers know nothing of it."""
    need(request, "granian")
    page = free_port()
    words = ("granian", "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "2")
    more = ("--metrics", "--metrics-port", str(page), "--metrics-scrape-interval", "1")
    samplers = f"""
        enable = ["granian", "listener"]
        [samplers.settings.granian]
        url = "http://127.0.0.1:{page}/metrics"
    """
    with serving(tmp_path, *words, *more, "held:application", toml=samplers) as run:
        with run.held(5):
            run.tells("granian.queue.length", 3, worker="1")
            run.tells("granian.connection.count", 5, worker="1")
            run.tells("granian.thread.count", 2, worker="1")
        run.tells("granian.queue.length", 0, worker="1")
        # What it had counted before the relay's first pull is not the relay's.
        run.tells("granian.requests", lambda n: 5 <= n <= run.counted, worker="1")
        run.tells("granian.busy.time", lambda seconds: seconds > 0, worker="1")
        assert run.told("granian.worker.restarts", reason="error") == 0
        address = f"127.0.0.1:{run.port}"
        run.tells("listener.backlog.limit", lambda most: most >= 100, address=address)


def test_uwsgi_tells_of_all_its_workers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """By any of them: busy ones, requests, restarts, and who waits in its backlog."""
    need(request, "uwsgi")
    samplers = """
        enable = ["uwsgi", "listener"]
        [samplers.settings.uwsgi]
        metrics = ["worker.0.requests"]
    """
    words = (*UWSGI, "--processes", "2", "--threads", "1", "--listen", "50", "--enable-metrics")
    with serving(tmp_path, *words, toml=samplers, workers=2) as run:
        run.load(20)
        run.tells("uwsgi.requests", lambda n: n == run.counted)
        assert run.told("uwsgi.worker.limit") == 2
        assert run.told("uwsgi.thread.limit") == 2
        with run.held(2):
            run.tells("uwsgi.worker.count", 2, state="busy")
        run.tells("uwsgi.worker.count", 2, state="idle")
        run.tells("uwsgi.busy.time", lambda seconds: seconds > 0)
        run.tells("uwsgi.response.io", lambda size: size > 40 * run.counted)
        run.tells("uwsgi.metric", lambda value: value > 0, key="worker.0.requests")
        before, counted = run.told("uwsgi.worker.restarts"), run.counted
        assert before is not None
        # One of them speaks for all; totals go on with whoever speaks next.
        for number, worker in enumerate(
            psutil.Process(psutil.Process(run.get()).ppid()).children()
        ):
            worker.kill()
            run.tells("uwsgi.worker.restarts", before + number + 1)
            wait_for(lambda: run.value("server.process.count") == 2, LIMIT, "another worker")
        run.load(10)
        # A worker that is killed right after its answer has not counted that request yet.
        run.tells("uwsgi.requests", lambda n: counted + 10 <= n <= counted + 11)


def test_uwsgi_cannot_answer_where_all_its_workers_are_held(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Its agents do, on their threads: who waits is told by the listener."""
    need(request, "uwsgi")
    words = (*UWSGI, "--processes", "1", "--enable-threads", "--listen", "50")
    samplers = 'enable = ["uwsgi", "listener"]'
    with serving(tmp_path, *words, toml=samplers) as run, run.held(6):
        run.tells("listener.backlog.length", 5, address=f"127.0.0.1:{run.port}")
        assert run.told("listener.backlog.limit", address=f"127.0.0.1:{run.port}") == 50
