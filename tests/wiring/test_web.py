"""What real servers serve under ``sampler run --`` is measured, without a change of code."""

from __future__ import annotations

import http.client
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import HOST
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, need, running
from tests.wiring.test_programs import PORT, WRAPPED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wiring.rig import Run

pytestmark = pytest.mark.server

WEB = 'enable = ["shop", "pool", "http.server"]'
STAMPS = "X-Request-Start"
SERVERS = {
    **WRAPPED,
    "gunicorn gthread": (("gunicorn", "-k", "gthread", "-b", PORT, "web:application"), "wsgi"),
    "gunicorn gevent": (("gunicorn", "-k", "gevent", "-b", PORT, "web:application"), "wsgi"),
    "gunicorn --preload": (("gunicorn", "--preload", "-b", PORT, "web:application"), "wsgi"),
}


def total(run: Run, metric: str) -> float:
    """Return the last total of a metric of the middleware over all its series."""
    lines = [line.decode().split() for line in run._lines.lines]
    last = {path: float(v) for path, v, _ in lines if f".http.server.{metric}." in f"{path}."}
    return sum(last.values())


@pytest.mark.parametrize("name", SERVERS)
def test_every_request_is_measured(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """With its proxy's stamp, its size, and the processor time of who served it."""
    need(request, name.partition(" ")[0])
    command, _ = SERVERS[name]
    with running(tmp_path, *command, toml=WEB) as run:
        run.up(1)
        stamped = 30
        for _ in range(stamped):
            run.get(**{STAMPS: f"t={time.time() - 5:.3f}"})
        wait_for(lambda: total(run, "requests") == run.counted, LIMIT, "all requests to arrive")
        assert total(run, "queue.duration.count") == stamped
        assert 5 * stamped <= total(run, "queue.duration.sum") < LIMIT * stamped
        assert total(run, "response.body.size.sum") >= run.counted
        assert total(run, "thread.cpu.time") > 0
        assert total(run, "abandoned_requests") == total(run, "stamps.refused") == 0
        assert total(run, "unclosed_requests") == 0
        run.end()
        assert run.arrived() == (run.counted, run.counted)


def test_the_table_reaches_every_worker(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The file is the relay's; requests are shed in gunicorn's workers, and again after HUP."""
    need(request, "gunicorn")
    toml = f"{WEB}\n[web]\nshed = 2.0\nserver_timing = true\n"
    with running(tmp_path, *WRAPPED["gunicorn"][0], toml=toml) as run:
        run.up(1)
        for _ in range(2):
            assert status(run, 5) == (503, None)
            code, timing = status(run, 0)
            assert code == 200
            assert timing is not None
            assert timing.startswith("queue;dur=")
            run.process.send_signal(signal.SIGHUP)
            wait_for(lambda: run.value("server.process.starts") >= 2, LIMIT, "another worker")
            wait_for(lambda: run.value("server.process.count") == 1, LIMIT, "one worker")
        wait_for(lambda: total(run, "shed_requests") == 2, LIMIT, "both to arrive")
        run.end()


def status(run: Run, ago: float) -> tuple[int, str | None]:
    """Ask with a stamp of so many seconds ago; return the status and Server-Timing."""
    connection = http.client.HTTPConnection(HOST, run.port, timeout=LIMIT)
    try:
        headers = {"Connection": "close", STAMPS: f"t={time.time() - ago:.3f}"}
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Server-Timing")
    finally:
        connection.close()


def test_an_application_that_is_left_alone_is_not_measured(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By ``--no-wrap``."""
    need(request, "gunicorn")
    with running(tmp_path, *WRAPPED["gunicorn"][0], options=["--no-wrap"]) as run:
        run.up(1)
        run.load(10)
        run.end()
        assert run.arrived() == (run.counted, run.counted)
        assert not any(b".http.server." in line for line in run._lines.lines)
