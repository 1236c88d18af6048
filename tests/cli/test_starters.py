"""Each starter of `sampler init`, installed into a new environment with our wheel, passes."""

from __future__ import annotations

import fcntl
import os
import subprocess
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment
from tests.support.installed import NotInstallableError, add, install, wheel
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
STARTERS = {
    "my-pool": ("library",),
    "a-library-with-instruments-and-long-name": ("library", "--instruments"),
    "my-backend": ("adapter",),
    "shop-wsgi": ("application",),
    "shop-asgi": ("application", "--framework", "asgi"),
    "shop-flask": ("application", "--framework", "flask"),
    "shop-django": ("application", "--framework", "django"),
    "shop-fastapi": ("application", "--framework", "fastapi"),
}


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A folder with an environment and all starters, which are installed in it.

    All workers of xdist share it: whoever comes first makes it.
    """
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if WORKER else shared) / "starters"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not (folder / "ready").exists():
                _start(folder)
        except NotInstallableError as reason:
            if pytestconfig.getoption("--require-servers"):
                pytest.fail(str(reason), pytrace=False)
            pytest.skip(str(reason))
        (folder / "ready").touch()
    return folder


def _start(folder: Path) -> None:
    built = wheel(folder / "dist")
    python = install(folder / "venv", f"sampler-api[relay] @ {built.as_uri()}")
    for name, (kind, *options) in STARTERS.items():
        command = [python, "-m", "sampler", "init", kind, name, *options]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    add(python, *(word for name in STARTERS for word in ("-e", f"{folder / name}[test]")))


@pytest.fixture
def run(started: Path) -> Callable[..., str]:
    """Run a program of the environment in a starter's folder; it must end with 0."""

    def run(name: str, program: str, *words: str) -> str:
        done = subprocess.run(
            [started / "venv" / "bin" / program, *words],
            cwd=started / name,
            env=environment(PATH=f"{started / 'venv' / 'bin'}:/usr/bin:/bin"),
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_passes_its_tests_and_checkers(run: Callable[..., str], name: str) -> None:
    """Its own tests, without a warning; ruff, also as a formatter; mypy --strict."""
    said = run(name, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert " passed" in said
    assert "warning" not in said
    run(name, "ruff", "check", "--no-cache", ".")
    run(name, "ruff", "check", "--no-cache", "--select", "E,F,I,B,UP,SIM,N", ".")
    run(name, "ruff", "format", "--no-cache", "--check", ".")
    assert "Success" in run(name, "mypy", "--strict", "--cache-dir", f"../mypy{WORKER}", ".")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-pool", ("my_pool.metrics:SAMPLER", "--exercise", "my_pool.pool:use_one")),
        (
            "a-library-with-instruments-and-long-name",
            (
                "a_library_with_instruments_and_long_name.metrics:group",
                *("--exercise", "a_library_with_instruments_and_long_name.orders:order_one"),
            ),
        ),
    ],
)
def test_a_library_conforms(run: Callable[..., str], name: str, words: tuple[str, ...]) -> None:
    """By the command that is printed at the end."""
    assert "conforms" in run(name, "sampler", "validate", "--seconds", "1", *words)


def test_an_adapter_is_explained(run: Callable[..., str]) -> None:
    """With its key; and it is listed."""
    assert "my_backend" in run("my-backend", "sampler", "explain", "my_backend")
    assert "url" in run("my-backend", "sampler", "explain", "my_backend.url")


@pytest.mark.parametrize(
    ("name", "server"), [("shop-flask", "gunicorn"), ("shop-asgi", "uvicorn")]
)
def test_an_application_serves_and_its_page_has_the_numbers(
    started: Path, name: str, server: str
) -> None:
    """Of all workers, with what the middleware measures, by the command that is printed."""
    port, page = free_port(), free_port()
    file = started / name / "sampler.toml"
    text = file.read_text().replace("127.0.0.1:9464", f"{HOST}:{page}")
    file.write_text(text.replace("interval = 10 ", "interval = 0.5 "))
    application = f"{name.replace('-', '_')}.app:app"
    words = {
        "gunicorn": ("gunicorn", "-w", "2", "-b", f"{HOST}:{port}", application),
        "uvicorn": ("uvicorn", "--workers", "2", "--port", f"{port}", application),
    }
    bin_ = started / "venv" / "bin"
    command = [bin_ / "sampler", "run", "--", bin_ / words[server][0], *words[server][1:]]
    with (started / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=started / name, env=environment(), stdout=log, stderr=log
        )

    def get(of: int, path: str) -> tuple[int, str]:
        connection = HTTPConnection(HOST, of, timeout=10)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            assert process.poll() is None, (started / f"{name}.log").read_text()
            return 0, ""
        finally:
            connection.close()

    try:
        wait_for(lambda: get(port, "/order/gold")[0] == 404, 60, "the application to answer")
        for _ in range(6):
            assert get(port, "/order/tea") == (200, "Tea")
        ordered = f'{name.replace("-", "_")}_orders_total{{item="tea"}} 6\n'
        wait_for(lambda: ordered in get(page, "/metrics")[1], 30, "six orders on the page")
        assert "http_server_requests_total{" in get(page, "/metrics")[1]
        assert get(page, "/live/")[0] == 200
    finally:
        process.terminate()
        assert process.wait(30) is not None
