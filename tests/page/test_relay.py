"""The page over a whole relay."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.page.rig import Viewer
from tests.support.command import running, sampler
from tests.support.distributions import Site
from tests.support.waiting import wait_for

pytest.importorskip("msgspec", reason="the relay needs it")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a command runs on Linux only")

_APP = """
import os, time
import sampler, zz_odd
import sampler.agent
shop = sampler.Instruments("shop")
orders = shop.counter("orders")
sampler.register({"name": "broken", "sample": lambda: 1 / 0})
children = [os.getpid()]
for n in range(2):
    if not os.fork():
        break
sampler.agent.start()
while True:
    orders.inc()
    time.sleep(0.02)
"""

_FAILING = """
import time
from pathlib import Path
import sampler
import sampler.agent
shop = sampler.Instruments("shop")
shop.counter("orders").inc()
def broken():
    if not Path("mended").exists():
        raise ValueError("no bread")
    return [("loaves", 1)]
def slow():
    time.sleep(3600)
    return []
for name, sample in (("broken", broken), ("slow", slow)):
    sampler.register({"name": name, "sample": sample})
sampler.agent.start()
while True:
    time.sleep(1)
"""


def troubles(viewer: Viewer) -> dict[str, str]:
    """Return what is wrong, by where."""
    return {each["where"]: each["what"] for each in viewer.get("now.json")["trouble"]}


def parent_of(pid: int) -> int:
    """Return a process' parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_it_has_the_sums_and_names_the_processes(tmp_path, tmp_path_factory) -> None:
    """Trouble: one that stops to report or is killed, a sampler that fails or is not collected."""
    path = tmp_path_factory.mktemp("s") / "s.sock"
    (tmp_path / "app.py").write_text(_APP)
    files = {"zz_odd.py": 'SAMPLER = {"name": "zz_right", "sample": list}'}
    Site(tmp_path).install("dist", {"zz_wrong": "zz_odd:SAMPLER"}, files=files)
    (tmp_path / "sampler.toml").write_text(
        f'interval = 0.5\nsocket = "{path}"\n'
        '[samplers]\nenable = ["shop", "broken", "zz_wrong"]\ndeadline = 20\n'
    )
    with running("run", "--", sys.executable, "app.py", cwd=tmp_path) as process:
        viewer = Viewer(str(path))
        wait_for(viewer.answers, what="the page", limit=30)

        def processes() -> list[dict]:
            found = viewer.get("now.json")["processes"]
            return found if len(found) == 3 and all(p["last_report"] for p in found) else []

        found = wait_for(processes, what="three processes", limit=30)
        assert len({each["pid"] for each in found}) == 3
        assert {each["state"] for each in found} == {"reports"}

        def rate() -> float:
            series = viewer.get("series.json")["series"]
            number = next((s["id"] for s in series if s["name"] == "shop.orders"), None)
            if number is None:
                return 0.0
            values = viewer.get(f"values.json?points=20&ids={number}")["values"][str(number)]
            return max((value for value in values if value is not None), default=0.0)

        wait_for(rate, what="a rate of all orders", limit=30)
        stopped = found[0]["pid"]
        os.kill(stopped, signal.SIGSTOP)
        try:

            def silent() -> dict | None:
                now = viewer.get("now.json")
                return next((p for p in now["processes"] if p["state"] == "silent"), None)

            assert wait_for(silent, what="a silent process", limit=30)["pid"] == stopped
            assert any(str(stopped) in where for where in troubles(viewer))
        finally:
            os.kill(stopped, signal.SIGCONT)
        wait_for(
            lambda: set(troubles(viewer)) == {"sampler broken", "sampler zz_wrong"},
            30,
            "the end of it",
        )
        told = troubles(viewer)["sampler broken"]
        assert told == "it fails in a process that reports: raised"
        told = troubles(viewer)["sampler zz_wrong"]
        assert told == "it is not collected by a process that reports: invalid"
        child = next(p["pid"] for p in found if parent_of(p["pid"]) != process.pid)
        os.kill(child, signal.SIGKILL)
        told = wait_for(lambda: troubles(viewer).get("relay"), what="a death", limit=30)
        assert told == "1 process was killed, or crashed, in the last 5 minutes"
        process.send_signal(signal.SIGTERM)
        for each in found:
            os.kill(each["pid"], signal.SIGKILL)
        process.wait(30)
    assert not path.exists()


def test_its_rows_say_how_samplers_fail_in_the_processes(tmp_path, tmp_path_factory) -> None:
    """By reason, as the account has it; the text of what was raised is in that process's log."""
    path = tmp_path_factory.mktemp("s") / "s.sock"
    (tmp_path / "app.py").write_text(_FAILING)
    (tmp_path / "sampler.toml").write_text(
        f'interval = 0.5\nsocket = "{path}"\n'
        '[samplers]\nenable = ["shop", "broken", "slow"]\ndeadline = 1\n'
    )
    with running("run", "--", sys.executable, "app.py", cwd=tmp_path) as process:
        viewer = Viewer(str(path))
        wait_for(viewer.answers, what="the page", limit=30)

        def row(name: str) -> dict:
            found = (each for each in viewer.get("now.json")["samplers"] if each["name"] == name)
            return next(found, {"paused": False, "failing": False, "duration": None})

        broken = wait_for(lambda: row("broken")["paused"] and row("broken"), 30, "a pause")
        assert broken["last_failure"] == "raised, in a process that reports (its log says more)"
        assert (broken["failing"], broken["paused_for"], broken["duration"]) == (True, None, None)
        slow = wait_for(lambda: row("slow")["failing"] and row("slow"), 30, "a deadline missed")
        assert slow["last_failure"] == "deadline, in a process that reports (its log says more)"
        assert slow["duration"] is None
        assert row("shop")["duration"] > 0
        shown = sampler("top", "--socket", str(path)).stdout
        (line,) = (each for each in shown.splitlines() if each.startswith("slow "))
        assert "-" in line.split()
        assert "deadline, in a process that reports" in line
        (tmp_path / "mended").touch()
        mended = wait_for(lambda: row("broken")["duration"] and row("broken"), 60, "an answer")
        assert mended["series"] == 1
        wait_for(lambda: not row("broken")["failing"], 60, "the end of it")
        assert not row("broken")["paused"]
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert "ValueError: no bread" in said
