"""The snippets of docs/servers.md, run by the servers that they are for, without a relay."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.examples.pages import ROOT, blocks
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, Run, need, redis
from tests.wiring.test_programs import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

FILES = {
    name[1]: text
    for language, text in blocks(ROOT / "docs/servers.md")
    if language == "python" and (name := re.match(r"# (\S+)\n", text))
}
BIND = "127.0.0.1:{port}"


@contextmanager
def explicit(folder: Path, file: str, *words: str) -> Iterator[Run]:
    """Write a snippet's file, and run a command with it."""
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(FILES[file])
    for name in ("q", "control", "done"):
        (folder / name).mkdir()
    run = Run(folder, words, relay=False)
    try:
        yield run
    finally:
        run.close()


UWSGI_2_0_21 = "/usr/bin/uwsgi-core"
SERVERS = {
    "gunicorn.conf.py": ("gunicorn", "-w", "2", "-b", BIND, "web:application"),
    "uwsgi_agent.py": (
        *("uwsgi", "--http-socket", BIND, "--module", "web:application", "--master"),
        *("--processes", "2", "--virtualenv", sys.prefix),
        *("--hook-master-start", "unix_signal:15 gracefully_kill_them_all"),
        *("--enable-threads", "--import", "uwsgi_agent"),
    ),
    "asgi_agent.py": (
        *("uvicorn", "--workers", "2", "--port", "{port}", "--log-level", "warning"),
        "asgi_agent:application",
    ),
}


@pytest.mark.parametrize("file", SERVERS)
def test_workers_of_a_web_server_deliver(
    request: pytest.FixtureRequest, tmp_path: Path, file: str
) -> None:
    """Everything that they have counted."""
    need(request, SERVERS[file][0])
    with explicit(tmp_path, file, *SERVERS[file]) as run:
        run.up()
        wait_for(lambda: run.get() and len(run.reporting()) == 2, LIMIT, "two workers")
        assert run.end() == 0
        assert run.added() == (run.counted, run.counted)


def test_where_uwsgi_has_no_threads_the_agent_says_so(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Debian's, without the option that the snippet asks for; the current one has them always."""
    plugin = f"python3{sys.version_info[1]}"
    if not Path(f"/usr/lib/uwsgi/plugins/{plugin}_plugin.so").exists():
        need(request, f"{UWSGI_2_0_21} for this Python")
    need(request, UWSGI_2_0_21)
    command = [each for each in SERVERS["uwsgi_agent.py"] if each != "--enable-threads"]
    words = (UWSGI_2_0_21, "--plugin", plugin, *command[1:])
    with explicit(tmp_path, "uwsgi_agent.py", *words) as run:
        run.up()

        def told() -> bool:
            run.get()  # its threads run, and so does the log's, while it answers
            return "the option enable-threads" in run.said.read_text()

        wait_for(told, LIMIT, "the line")


def test_django_delivers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Its server, ended by SIGTERM."""
    need(request, "django-admin")
    command = ("python", "-m", "shop_site", "runserver", "--noreload", BIND)
    with explicit(tmp_path, "shop/apps.py", *command) as run:
        run.up()
        run.load()
        run.end()
        assert run.added() == (run.counted, run.counted)


def test_celery_delivers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """From each process of its pool."""
    need(request, "celery")
    options = ("-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat")
    command = ("celery", "-A", "tasks", "worker", "-I", "celery_agent", *options)
    with explicit(tmp_path, "celery_agent.py", *command) as run:
        ask(tmp_path, "tasks.py", "40")
        assert run.end() == 0
        assert run.added() == (40, 40)


def test_rq_delivers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """From each work horse."""
    need(request, "rq")
    need(request, "redis-server")
    with redis(tmp_path) as port:
        command = ("rq", "worker", "-w", "rq_agent.Worker", "-u", f"redis://127.0.0.1:{port}")
        with explicit(tmp_path, "rq_agent.py", *command) as run:
            ask(tmp_path, "jobs.py", str(port), "5")
            assert run.end() == 0
            assert run.added() == (5, 5)


def test_a_pool_delivers(tmp_path: Path) -> None:
    """From workers that it ends by SIGTERM."""
    with explicit(tmp_path, "pool_agent.py", "python", "pool_agent.py") as run:
        assert run.ended() == 0
        assert run.added() == (30, 30)


def test_every_snippet_is_run() -> None:
    """By one of these tests, or as the page is walked (tests/examples/test_walks.py)."""
    others = {"shop/apps.py", "celery_agent.py", "rq_agent.py", "pool_agent.py"}
    walked = {"shared_web.py", "shared_worker.py"}
    assert set(FILES) == {*SERVERS, *others, *walked}
