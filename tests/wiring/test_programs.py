"""Programs without a web server under ``sampler run --``; none of them knows of an agent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.doubles import LineSink
from tests.support.ports import hold_ports
from tests.support.waiting import wait_for
from tests.wiring.rig import APPS, LIMIT, need, redis, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wiring.rig import Run

PLAIN = str(APPS / "plain.py")


def said(run: Run) -> list[str]:
    """Return the lines that are ours."""
    return [line for line in run.said.read_text().splitlines() if line.startswith("sampler run:")]


@pytest.mark.parametrize("words", [(PLAIN,), ("-m", "plain")])
def test_a_program_that_ends_has_delivered(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The agent starts with it, and stops at its exit."""
    with running(tmp_path, "python", *words, "7") as run:
        assert run.ended() == 0
        assert run.arrived() == (7, 7)
        assert run.value("server.process.starts") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_program_that_is_ended_by_a_signal_has_delivered(tmp_path: Path, number: int) -> None:
    """It has no handlers; it still ends by that signal."""
    with running(tmp_path, "python", PLAIN, "7", "wait") as run:
        wait_for(lambda: "counted" in run.said.read_text(), LIMIT, "the program to count")
        assert run.end(number) == -number
        assert run.arrived() == (7, 7)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["Process", "Pool", "ProcessPoolExecutor"])
def test_children_of_multiprocessing_deliver(tmp_path: Path, method: str, kind: str) -> None:
    """Also those that are ended by SIGTERM while they leave, as a pool's."""
    with running(tmp_path, "python", str(APPS / "pools.py"), method, kind) as run:
        assert run.ended() == 0
        assert run.arrived() == (30, 30)
        if kind != "Pool":  # it ends also those that have not begun
            assert run.value("server.process.starts") == 4
        assert run.value("server.process.exits.reason-lost") == 0


def test_what_a_program_calls_is_not_wired_and_what_it_becomes_is(tmp_path: Path) -> None:
    """Its subprocess counts 3 things, and itself, anew, one."""
    with running(tmp_path, "python", str(APPS / "calls.py")) as run:
        assert run.ended() == 0
        assert run.arrived() == (1, 1)
        assert run.value("server.process.starts") == 2


def test_a_shell_may_be_in_between(tmp_path: Path) -> None:
    """Each interpreter that it starts is a part of the command."""
    script = f"python {PLAIN} 3; python {PLAIN} 4; exit 5"
    with running(tmp_path, "sh", "-c", script) as run:
        assert run.ended() == 5
        assert run.arrived() == (7, 7)


def test_a_program_of_greenlets_is_undisturbed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What is imported before it patches does no harm, and nothing is complained of."""
    need(request, "gevent")
    with running(tmp_path, "python", "-Wdefault", str(APPS / "green.py")) as run:
        assert run.ended() == 0
        assert run.arrived() == (20, 20)
        assert "Warning" not in run.said.read_text()


def test_an_interpreter_without_sampler_runs_untouched(tmp_path: Path) -> None:
    """One line says so, however many processes it has."""
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=print, args=('child',))\n"
        "    child.start()\n"
        "    child.join()\n"
        "    print('ran', sys.path[0])\n"
    )
    base = Path(sys.base_prefix) / "bin" / "python3"
    has = subprocess.run([base, "-c", "import sampler"], cwd=tmp_path, capture_output=True)
    if has.returncode == 0:
        pytest.skip("the base interpreter has sampler")
    with running(tmp_path, str(base), str(program)) as run:
        assert run.ended() == 0
        text = run.said.read_text()
        assert "child\n" in text
        assert f"ran {tmp_path}" in text
        (line,) = said(run)
        assert "No module named 'sampler'" in line
        assert "install sampler-api there" in line


def test_the_next_sitecustomize_is_loaded(tmp_path: Path) -> None:
    """As if ours were not there: no trace of its folder is left."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import sys; print('theirs', __file__)\n")
    program = (
        "import sitecustomize, sys\n"
        "print(sitecustomize.__file__, [each for each in sys.path if 'boot' in each])"
    )
    with running(tmp_path, "python", "-c", program, PYTHONPATH=f"{APPS}:{theirs}") as run:
        assert run.ended() == 0
        file = theirs / "sitecustomize.py"
        assert f"theirs {file}\n{file} []\n" in run.said.read_text()


def test_an_error_of_the_next_sitecustomize_is_its_own(tmp_path: Path) -> None:
    """The interpreter says what it says without us, and the agent runs."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("1 / 0\n")
    with running(tmp_path, "python", PLAIN, "2", PYTHONPATH=f"{APPS}:{theirs}") as run:
        assert run.ended() == 0
        assert run.arrived() == (2, 2)
        assert "Error in sitecustomize" in run.said.read_text()
        assert "ZeroDivisionError" in run.said.read_text()


def test_an_application_that_starts_its_own_agent_joins(tmp_path: Path) -> None:
    """Whatever file it names, there is one agent, and it reports to the relay."""
    program = (
        "import counted, sampler\n"
        "agent = sampler.agent.start('nonesuch.toml')\n"
        "counted.count()\n"
        "print(sampler.agent.start() is agent)"
    )
    with running(tmp_path, "python", "-c", program) as run:
        assert run.ended() == 0
        assert run.arrived() == (1, 1)
        assert run.value("server.process.starts") == 1
        assert "True" in run.said.read_text()


@contextmanager
def asked(tmp_path: Path, *words: str) -> Iterator[Run]:
    """Run a worker whose tasks say that they are done in a folder."""
    for name in ("q", "control", "done"):
        (tmp_path / name).mkdir()
    with running(tmp_path, *words) as run:
        yield run


def ask(tmp_path: Path, *words: str) -> None:
    """Ask for tasks, and wait until as many as the last word says are done."""
    env = {**os.environ, "TASKS": str(tmp_path), "PYTHONPATH": str(APPS)}
    subprocess.run([sys.executable, APPS / words[0], *words[1:]], env=env, check=True, timeout=60)
    done = tmp_path / "done"
    wait_for(lambda: len(list(done.iterdir())) == int(words[-1]), LIMIT, "the tasks to be done")


@pytest.mark.server
@pytest.mark.parametrize(
    ("options", "starts"),
    [
        (("-c", "2"), 2),
        (("-c", "2", "--max-tasks-per-child", "10"), None),
        (("-P", "solo"), 1),
        (("-P", "threads"), 1),
        (("-P", "gevent"), 1),
    ],
)
def test_celery_delivers(
    request: pytest.FixtureRequest, tmp_path: Path, options: tuple[str, ...], starts: int | None
) -> None:
    """From the children of its pool, which end by ``os._exit``, and from pools without any."""
    need(request, "celery")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")
    with asked(tmp_path, "celery", "-A", "tasks", "worker", *quiet, *options) as run:
        ask(tmp_path, "tasks.py", "40")
        if starts is not None:
            wait_for(lambda: run.value("server.process.count") == starts, LIMIT, "the workers")
        assert run.end() == 0
        assert run.arrived() == (40, 40)
        assert run.value("server.process.exits.reason-lost") == 0


@pytest.mark.server
@pytest.mark.parametrize(
    ("worker", "jobs", "starts"),
    [("Worker", 10, 10), ("SpawnWorker", 3, 3), ("SimpleWorker", 10, 1)],
)
def test_rq_delivers(
    request: pytest.FixtureRequest, tmp_path: Path, worker: str, jobs: int, starts: int
) -> None:
    """From each work horse, which ends by ``os._exit``; the worker itself is none of them."""
    need(request, "rq")
    need(request, "redis-server")
    with redis(tmp_path) as port:
        url = f"redis://127.0.0.1:{port}"
        with asked(tmp_path, "rq", "worker", "-w", f"rq.worker.{worker}", "--url", url) as run:
            ask(tmp_path, "jobs.py", str(port), str(jobs))
            assert run.end() == 0
            assert run.arrived() == (jobs, jobs)
            assert run.value("server.process.starts") == starts


PORT = "127.0.0.1:{port}"
WRAPPED = {
    "gunicorn": (("gunicorn", "-b", PORT, "web:application"), "wsgi"),
    "uvicorn": (("uvicorn", "--port", "{port}", "web:asgi"), "asgi"),
    "uwsgi": (
        (
            *("uwsgi", "--http-socket", PORT, "--module", "web:application"),
            *("--virtualenv", sys.prefix, "--die-on-term"),
        ),
        "wsgi",
    ),
    "granian": (("granian", "--port", "{port}", "--interface", "wsgi", "web:application"), "wsgi"),
    "granian asgi": (
        ("granian", "--port", "{port}", "--interface", "asginl", "web:asgi"),
        "asgi",
    ),
    "hypercorn": (("hypercorn", "-b", PORT, "web:asgi"), "asgi"),
    "hypercorn wsgi": (("hypercorn", "-b", PORT, "web:application"), "wsgi"),
    "flask": (("flask", "--app", "web_flask", "run", "--port", "{port}"), "wsgi"),
    "django-admin": (
        ("python", str(APPS / "manage.py"), "runserver", "--noreload", PORT),
        "wsgi",
    ),
}


@pytest.mark.server
@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_served_can_be_wrapped(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """Once, by the wrapper that a variable names."""
    need(request, name.partition(" ")[0])
    command, served = WRAPPED[name]
    with running(tmp_path, *command, SAMPLER_WRAP="wrapper:wrap") as run:
        run.up(1)
        assert run.said.read_text().count("wraps ") == 1
        assert f"wraps {served}\n" in run.said.read_text()
        run.end()
        assert run.arrived() == (run.counted, run.counted)


@pytest.mark.server
def test_an_application_can_be_left_alone(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """By an option."""
    need(request, "gunicorn")
    command = WRAPPED["gunicorn"][0]
    options, env = ["--no-wrap"], {"SAMPLER_WRAP": "wrapper:wrap"}
    with running(tmp_path, *command, options=options, **env) as run:
        run.up(1)
        assert "wraps" not in run.said.read_text()


@pytest.mark.server
def test_a_wrapper_that_fails_costs_a_line(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The application is served as it is."""
    need(request, "gunicorn")
    with running(tmp_path, *WRAPPED["gunicorn"][0], SAMPLER_WRAP="nonesuch:wrap") as run:
        run.up(1)
        (line,) = said(run)
        assert "SAMPLER_WRAP=nonesuch:wrap: the application stays as it is" in line


@pytest.mark.parametrize("how", ["start", "stop", "os._exit", "registry"])
def test_a_program_that_starts_an_agent_itself_joins(tmp_path: Path, how: str) -> None:
    """One process reports, to the relay; the adapters of its own file run nowhere."""
    with LineSink() as own, hold_ports(1)[0] as held:
        port = held.getsockname()[1]
        (tmp_path / "own.toml").write_text(
            f"[adapters.graphite]\nport = {own.port}\n"
            f"[adapters.prometheus]\nlisten = '127.0.0.1:{port}'\n"
        )
        with running(tmp_path, "python", str(APPS / "own_start.py"), how) as run:
            assert run.ended() == 0
            assert "True standalone ['relay']" in run.said.read_text()
            assert run.arrived() == ((0 if how == "registry" else 7), 7)
            assert run.value("server.process.starts") == (2 if how == "registry" else 1)
        assert own.lines == []


@pytest.mark.server
@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_an_application_of_gunicorn_that_starts_an_agent_itself_joins(
    request: pytest.FixtureRequest, tmp_path: Path, preload: tuple[str, ...]
) -> None:
    """Each worker reports once, and no supervisor does."""
    need(request, "gunicorn")
    (tmp_path / "own.toml").write_text("[adapters.prometheus]\nlisten = '127.0.0.1:1'\n")
    (tmp_path / "starts.py").write_text(
        "import sampler\nsampler.agent.start('own.toml')\nfrom web import application\n"
    )
    command = ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", *preload, "starts:application")
    with running(tmp_path, *command) as run:
        run.up(2)
        run.load(20)
        assert run.end() == 0
        assert run.arrived() == (run.counted, run.counted)
        assert run.value("server.process.starts") == 2
