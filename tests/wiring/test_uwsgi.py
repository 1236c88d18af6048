"""uWSGI's ways to load applications under ``sampler run --``: what is measured, what is said."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes.procfs import waits_for_requests
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, need, running
from tests.wiring.test_programs import said
from tests.wiring.test_web import WEB, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wiring.rig import Run

pytestmark = pytest.mark.server

PLUGIN = f"python3{sys.version_info[1]}"
DEBIANS = ("/usr/bin/uwsgi-core", "--plugin", PLUGIN)
PROGRAMS = {"current": ("uwsgi",), "2.0.21": DEBIANS}
COMMON = (
    *("--http-socket", "127.0.0.1:{port}", "--virtualenv", sys.prefix, "--master", "--need-app"),
    *("--hook-master-start", "unix_signal:15 gracefully_kill_them_all"),
)
MADE = """
from web import application as served

def make():
    return served

def other():
    return make()

assert other() is served
"""
SEVERAL = """
from web import application

applications = {b"/": application, b"/b": b"application"}
"""


@contextmanager
def uwsgi(
    request: pytest.FixtureRequest, folder: Path, version: str, *options: str
) -> Iterator[Run]:
    """Run it, with what is measured of its applications."""
    need(request, PROGRAMS[version][0])
    if version != "current" and not Path(f"/usr/lib/uwsgi/plugins/{PLUGIN}_plugin.so").exists():
        need(request, f"{DEBIANS[0]} for this Python")
    (folder / "made.py").write_text(MADE)
    (folder / "several.py").write_text(SEVERAL)
    (folder / "file.py").write_text("from web import application\n")
    with running(folder, *PROGRAMS[version], *COMMON, *options, toml=WEB) as run:
        yield run


@pytest.mark.parametrize("version", PROGRAMS)
def test_a_mounted_application_of_uwsgi_is_measured(
    request: pytest.FixtureRequest, tmp_path: Path, version: str
) -> None:
    """Two workers, forked after the application is loaded; everything arrives, nothing is said."""
    words = ("--processes", "2", "--mount", "/=web:application")
    with uwsgi(request, tmp_path, version, *words) as run:
        run.up(2)
        run.load()
        assert run.end() == 0, run.said.read_text()
        assert run.arrived() == (run.counted, run.counted)
        assert total(run, "requests") == run.counted
        assert said(run) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--wsgi", "made", "--callable", "served"),
        ("--module", "made:make()"),
        ("--module", "several"),
    ],
    ids=["callable", "factory", "applications"],
)
def test_an_application_that_uwsgi_imports_is_measured(
    request: pytest.FixtureRequest, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """By whichever name; the module itself goes on with what it has made."""
    with uwsgi(request, tmp_path, "current", *options) as run:
        run.up(1)
        wait_for(lambda: total(run, "requests") == run.counted, LIMIT, "all requests")
        assert said(run) == []


def test_an_application_that_uwsgi_runs_as_a_file_is_said_not_to_be_measured(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """In one line, with the remedy; what it counts arrives."""
    with uwsgi(request, tmp_path, "current", "--wsgi-file", "file.py") as run:
        run.up(1)
        (line,) = said(run)
        assert "uWSGI's option wsgi-file are not measured" in line
        assert "module = MODULE:CALLABLE" in line
        assert run.end() == 0
        assert run.arrived() == (run.counted, run.counted)
        assert total(run, "requests") == 0


def test_where_uwsgi_is_told_of_no_application_a_line_says_what_that_means(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With ``need-app`` it ends at once."""
    with uwsgi(request, tmp_path, "current") as run:
        assert run.ended() == 22
        (line,) = said(run)
        assert "name no application" in line


@pytest.mark.parametrize(
    ("version", "lazy"), [("current", ()), ("2.0.21", ("--lazy-apps",))], ids=["current", "lazy"]
)
def test_an_application_in_an_interpreter_of_its_own_is_told_of(
    request: pytest.FixtureRequest, tmp_path: Path, version: str, lazy: tuple[str, ...]
) -> None:
    """A second mount gets one; the line says how it does not."""
    words = ("--mount", "/=web:application", "--mount", "/b=web:application", *lazy)
    with uwsgi(request, tmp_path, version, *words) as run:
        run.up(1)
        (line,) = said(run)
        assert "set its option single-interpreter = true" in line


@pytest.mark.parametrize("version", PROGRAMS)
def test_no_thread_of_ours_runs_where_uwsgi_forks(
    request: pytest.FixtureRequest, tmp_path: Path, version: str
) -> None:
    """It could hold the interpreter's lock at that moment, and the worker would hang."""
    with uwsgi(request, tmp_path, version, "--module", "web:application") as run:
        run.up(1)
        master = int(Path(f"/proc/{run.get()}/stat").read_text().rpartition(")")[2].split()[1])
        assert len(list(Path(f"/proc/{master}/task").iterdir())) == 1


def test_mounts_of_which_uwsgi_does_not_tell_are_told_of(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """They run in the first interpreter, and what they count arrives."""
    words = ("--mount", "/=made:served", "--mount", "/b=web:application", "--single-interpreter")
    with uwsgi(request, tmp_path, "current", *words) as run:
        run.up(1)
        (line,) = said(run)
        assert "requests to 1 of uWSGI's applications are not measured" in line
        assert run.end() == 0
        assert run.arrived() == (run.counted, run.counted)


@pytest.mark.parametrize("version", PROGRAMS)
def test_a_second_signal_does_not_end_a_worker_in_its_last_report(
    request: pytest.FixtureRequest, tmp_path: Path, version: str
) -> None:
    """As where a group gets SIGTERM, and the command once more; uWSGI ends on any thread."""
    words = (*PROGRAMS[version], *COMMON[:4], "--enable-threads", "--module", "web_held")
    need(request, PROGRAMS[version][0])
    with running(tmp_path, *words) as run:
        run.up(1)
        (worker,) = run.load(5)
        wait_for(lambda: waits_for_requests(worker), LIMIT, "a worker without work")
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.02)
        os.kill(worker, signal.SIGTERM)
        assert run.ended() == 30
        assert run.arrived() == (run.counted, run.counted)
