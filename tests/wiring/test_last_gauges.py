"""What backends keep of gauges when the last process has ended."""

from __future__ import annotations

import http.client
import subprocess
import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment
from tests.support.ports import HOST
from tests.support.program import ROOT
from tests.support.servers import StatsD
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, need, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.servers import Carbon
    from tests.wiring.rig import Run

pytestmark = pytest.mark.server
HELD = 3
KEPT = (
    "shop.ovens",
    "shop.making",
    "http.server.active_requests",
    "http.server.active_requests.oldest",
)


def hold(run: Run, answers: list[int]) -> Thread:
    """Ask for what is held, on a thread; its status is added to ``answers``."""

    def ask() -> None:
        connection = http.client.HTTPConnection(HOST, run.port, timeout=LIMIT)
        connection.request("GET", "/held", headers={"Connection": "close"})
        answers.append(connection.getresponse().status)
        connection.close()

    thread = Thread(target=ask)
    thread.start()
    return thread


def ends_with(last: dict[int, float]) -> float | None:
    """Return the value of the last point."""
    return last[max(last)] if last else None


def test_nothing_is_in_progress_after_the_end(
    request: pytest.FixtureRequest, tmp_path: Path, statsd: StatsD, carbon: Carbon
) -> None:
    """Two workers of uvicorn answer what they are in; then StatsD and Graphite have 0."""
    need(request, "uvicorn")
    toml = f"""
        enable = ["shop", "http.server"]
        [adapters.statsd]
        port = {statsd.port}
        prefix = "end"
        [adapters.carbon]
        type = "graphite"
        port = {carbon.line_port}
        prefix = "end"
    """
    command = ("uvicorn", "--port", "{port}", "--workers", "2", "--log-level", "warning")
    with running(tmp_path, *command, "ovens:asgi", toml=toml) as run:
        run.up(2)
        answers: list[int] = []
        threads = [hold(run, answers) for _ in range(HELD)]
        wait_for(
            lambda: [statsd.gauges().get(f"end.{each}") for each in KEPT[:3]] == [4, HELD, HELD],
            LIMIT,
            "StatsD to have what is in progress",
        )
        run.process.terminate()
        (tmp_path / "released").touch()
        for thread in threads:
            thread.join(LIMIT)
        assert run.ended() == 0
    assert answers == [200] * HELD
    found = statsd.gauges()
    assert {each: found[f"end.{each}"] for each in KEPT} == dict.fromkeys(KEPT, 0)
    assert found["end.server.process.count"] == 0
    wait_for(
        lambda: [ends_with(carbon.series(f"end.{each}")) for each in KEPT] == [0] * len(KEPT),
        LIMIT,
        "carbon's last points",
    )


PROGRAM = """
import sys
import sampler, sampler.agent

making = sampler.Instruments("shop").gauge("making", help="Orders in progress.", merge="sum")
making.set(3)
sampler.agent.start("sampler.toml")
print("started", flush=True)
sys.stdin.read()
making.set(0)
sampler.agent.stop()
"""


def alone(folder: Path, daemon: StatsD) -> subprocess.Popen[str]:
    """Start a program with an agent of its own that pulls at its begin and its end only."""
    (folder / "sampler.toml").write_text(f"""
        interval = 600
        [samplers]
        enable = ["shop"]
        [adapters.statsd]
        port = {daemon.port}
        prefix = "alone"
    """)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE,
        text=True,
    )


def test_a_program_alone_delivers_its_last_gauges(tmp_path: Path, statsd: StatsD) -> None:
    """By the last pull of its stop."""
    with alone(tmp_path, statsd) as process:
        wait_for(lambda: statsd.gauges().get("alone.shop.making") == 3, LIMIT, "the first pull")
        process.communicate()
    assert process.returncode == 0
    wait_for(lambda: statsd.gauges().get("alone.shop.making") == 0, LIMIT, "the last pull")


def test_statsd_forgets_gauges_if_told_so(tmp_path: Path, launch: Callable[..., StatsD]) -> None:
    """What was not sent since the last flush."""
    daemon = launch(StatsD, delete_gauges=True)
    with alone(tmp_path, daemon) as process:
        wait_for(
            lambda: any("alone.shop.making" in each["gauges"] for each in daemon.flushes()),
            LIMIT,
            "the first pull",
        )
        wait_for(
            lambda: "alone.shop.making" not in daemon.flushes()[-1]["gauges"],
            LIMIT,
            "a flush without it",
        )
        process.communicate()
