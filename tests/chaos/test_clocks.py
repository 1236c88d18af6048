"""The wall clock jumps, and the process is stopped: as many ticks, each at its time."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sampler.agent.schedule import Schedule
from tests.chaos.ledger import check
from tests.relay.processes import Host
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.waiting import SLACK, stop_child, wait_for

ROOT = Path(__file__).parents[2]
INTERVAL = 0.1
MANY = 40
"""Intervals without a tick; a burst would make up for all of them."""
LATE = MANY // 2
"""Ticks that a busy machine may deliver later than they were."""

PROGRAM = """
import attrs, json, sys
import sampler
agent = sampler.agent.start(sys.argv[1])
input()
sampler.agent.stop()
(balance,) = agent.balances().values()
print(json.dumps(attrs.asdict(balance)))
"""


class Program:
    """A program with an agent, and what the endpoint has of its ticks."""

    def __init__(self, sink: LineSink, folder: Path, **env: str) -> None:
        self.sink = sink
        file = folder / "sampler.toml"
        file.write_text(
            f'interval = {INTERVAL}\nservice = "s"\n[samplers]\nenable = ["process"]\n'
            f"[adapters.graphite]\nport = {sink.port}\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(file)],
            env=environment(PYTHONPATH=str(ROOT), **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Program:
        wait_for(lambda: len(self.stamps()) >= 3, what="three ticks")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stamps(self) -> list[tuple[int, int]]:
        """Return the ticks that arrived: what the agent counted, and the second they have."""
        found = []
        for line in self.sink.lines:
            path, value, second = line.decode().split()
            if ".sampler.ticks.consumer-" in path:
                found.append((int(value), int(second)))
        return found

    def end(self) -> None:
        """Stop it, and look at the law."""
        import json

        from sampler.agent import Balance

        out, _ = self.process.communicate("\n", timeout=20)
        assert self.process.returncode == 0
        balance = Balance(**json.loads(out))
        check(balance, len(self.sink.lines))
        assert balance.unconfirmed == balance.queued == sum(balance.dropped.values()) == 0


@pytest.mark.scenario(24)
def test_a_stopped_process_catches_up_with_one_tick(tmp_path) -> None:
    """After many intervals without a tick there is no burst."""
    with LineSink() as sink, Program(sink, tmp_path) as program:
        stop_child(program.process.pid)
        stopped = time.monotonic()
        ticks = program.stamps()[-1][0]
        wait_for(lambda: time.monotonic() - stopped > MANY * INTERVAL, what="many intervals")
        away = time.monotonic()
        program.process.send_signal(signal.SIGCONT)
        wait_for(lambda: program.stamps()[-1][0] >= ticks + 5, what="ticks after it")
        since = time.monotonic() - away
        after = program.stamps()[-1][0] - ticks
        # One was under way when it was stopped, one catches up; the rest comes at its time.
        assert after <= since / INTERVAL + 3 + LATE
        program.end()


@pytest.mark.scenario(23)
@pytest.mark.parametrize("jump", [-3_600, 86_400])
def test_ticks_do_not_follow_the_wall_clock(jump) -> None:
    """A clock that steps costs at most one short or long gap, whatever it says."""
    now, wall = [1_000.0], [1_700_000_003.0]
    schedule = Schedule(10.0, wall=lambda: wall[0], clock=lambda: now[0])
    dues = []
    for i in range(100):
        due = schedule.next()
        assert 0 < due - now[0] <= 15
        wall[0] += due - now[0] + (jump + 3.3 if i == 50 else 0.0)
        now[0] = due
        dues.append(due)
    assert abs((dues[-1] - dues[0]) / 10.0 - 99) <= 1
    assert schedule.skipped <= 1


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> Path:
    """The wall clock of another process, to be moved."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler on Linux")
    library = tmp_path_factory.mktemp("shim") / "wallclock.so"
    source = ROOT / "tests" / "support" / "wallclock.c"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
    )
    return library


@pytest.mark.scenario(23)
@pytest.mark.parametrize("jump", [-3_600, 86_400])
def test_a_running_agent_outlives_a_jump_of_the_wall_clock(tmp_path, shim, jump) -> None:
    """It ticks as often, and what it stamps is at most an interval off the clock of the time."""
    shift = tmp_path / "shift"
    shift.write_text("0")
    env = {"LD_PRELOAD": str(shim), "WALL_SHIFT": str(shift)}
    with LineSink() as sink, Program(sink, tmp_path, **env) as program:
        shift.write_text(str(jump))
        jumped, before = time.monotonic(), len(program.stamps())
        ticks = program.stamps()[-1][0]
        wait_for(lambda: program.stamps()[-1][0] >= ticks + 10, what="ten ticks more")
        seconds = time.monotonic() - jumped
        assert program.stamps()[-1][0] - ticks <= seconds / INTERVAL + 2 + LATE
        now = time.time()
        for index, (_, second) in enumerate(program.stamps()):
            ago = min(abs(now + jump - second), abs(now - second) if index <= before + 1 else 1e9)
            assert ago <= seconds + SLACK  # all of it has happened in this time
        (last,) = program.stamps()[-1:]
        assert abs(time.time() + jump - last[1]) <= 1 + INTERVAL + SLACK
        program.end()


def test_workers_with_other_clocks_lose_nothing(tmp_path, shim, monkeypatch) -> None:
    """The relay's times count; which clock is ahead is said."""
    with Host(tmp_path) as host:
        host.start_relay()
        monkeypatch.setenv("LD_PRELOAD", str(shim))
        for number, shift in enumerate((-86_400, 0, 86_400), 1):
            file = tmp_path / f"shift{number}"
            file.write_text(str(shift))
            monkeypatch.setenv("WALL_SHIFT", str(file))
            host.start_worker().count(10 * number)
        host.everything_arrives()
        for worker in host.workers:
            worker.end(1)
        host.everything_arrives()
        lines = [line for line in host.log().splitlines() if " ahead of the relay's" in line]
        pids = [re.search(r"process (\d+) is (\d+) s ahead", line) for line in lines]
        assert [int(found[1]) for found in pids if found] == [host.workers[2].process.pid]
