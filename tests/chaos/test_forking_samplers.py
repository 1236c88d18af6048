"""What an agent calls may fork: such a child is not a worker, and gets no agent."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sampler.agent import Balance
from sampler.agent.process_agent import GENERATIONS
from tests.chaos.ledger import check
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.unique import service

if not hasattr(os, "fork"):
    pytest.skip("this platform has no fork", allow_module_level=True)

ROOT = Path(__file__).parents[2]


class Told:
    """What the program said, what its children noted, and which processes delivered."""

    def __init__(self, folder: Path, who: str, how: str) -> None:
        point = folder / "forking-1.dist-info"
        point.mkdir()
        (point / "METADATA").write_text("Name: forking\nVersion: 1\n")
        (point / "entry_points.txt").write_text("[sampler.adapters]\nforking = __main__:Forking\n")
        log = folder / "log"
        log.touch()
        program = Path(__file__).with_name("forking.py")
        with LineSink() as sink:
            done = subprocess.run(
                [sys.executable, program, _configured(folder, sink), who, how, log],
                env=environment(PYTHONPATH=f"{ROOT}:{folder}", XDG_RUNTIME_DIR=str(folder)),
                capture_output=True,
                text=True,
                timeout=110,
            )
            self.lines = [line.decode() for line in sink.lines]
        assert done.returncode == 0, done.stderr
        self.errors = done.stderr
        self.said: Any = json.loads(done.stdout)
        self.children = [json.loads(line) for line in log.read_text().splitlines()]
        self.by = {int(line.split(".")[1]) for line in self.lines}

    def hold(self) -> None:
        """Check that the parent delivered everything once, and no other process anything."""
        assert self.by == {self.said["pid"]}
        for name, balance in self.said["balances"].items():
            if name == "graphite":
                check(Balance(**balance), len(self.lines))
            assert Balance(**balance).holds


def _configured(folder: Path, sink: LineSink) -> str:
    file = folder / "sampler.toml"
    file.write_text(f"""
        interval = 0.2
        service = "{service(folder)}"
        flush_timeout = 2
        [samplers]
        enable = ["shop", "window", "plain", "value", "later"]
        deadline = 30
        [adapters.graphite]
        host = "127.0.0.1"
        port = {sink.port}
        prefix = "{{service}}.{{pid}}"
        [adapters.forking]
        [adapters.prometheus]
        listen = "127.0.0.1:0"
    """)
    return str(file)


def _need_semaphores() -> None:
    try:
        multiprocessing.get_context("fork").Lock()
    except OSError as error:  # as with a read-only /dev/shm
        pytest.skip(f"multiprocessing has no semaphores here: {error}")


FOREIGN = (
    "sampler",
    "factory",
    "instance",
    "instance's close",
    "start",
    "value",
    "async sampler",
    "scrape of prometheus",
    "scrape of metrics",
    "constructor",
    "encode",
    "send",
    "split",
    "close",
    "log",
)
WAYS = ("context", "forkpty", "process", "pool", "executor", "preexec", "loop", "twice")


@pytest.mark.scenario(49)
@pytest.mark.parametrize("who", FOREIGN)
def test_whatever_an_agent_calls_may_fork(tmp_path: Path, who: str) -> None:
    """Its child has no agent and delivers nothing; the parent goes on as if nothing had been."""
    told = Told(tmp_path, who, "fork")
    assert [child["agent"] for child in told.children] == [False]
    told.hold()


@pytest.mark.scenario(49)
@pytest.mark.parametrize("how", WAYS)
def test_however_a_sampler_forks(tmp_path: Path, how: str) -> None:
    """Neither the child nor a child of it has an agent."""
    if how in ("pool", "executor"):
        _need_semaphores()
    told = Told(tmp_path, "sampler", how)
    assert told.children
    assert not any(child["agent"] for child in told.children)
    told.hold()


@pytest.mark.scenario(49)
@pytest.mark.parametrize("how", ["coming_back", "grandchild", "raising", "exiting"])
@pytest.mark.parametrize("who", ["sampler", "encode", "send", "split", "close"])
def test_a_child_that_comes_back_ends(tmp_path: Path, who: str, how: str) -> None:
    """It does not go on with its parent's work: nothing is pulled or delivered twice."""
    told = Told(tmp_path, who, how)
    assert [child["agent"] for child in told.children] == [False]
    told.hold()
    assert "Traceback" not in told.errors


@pytest.mark.scenario(49)
def test_such_a_child_may_start_an_agent_itself(tmp_path: Path) -> None:
    """A child that calls start() gets one, with its own identity, and delivers what it counts."""
    told = Told(tmp_path, "sampler", "asking")
    (child,) = told.children
    assert (child["agent"], child["instance"]) == (True, "1")
    assert told.by == {told.said["pid"], child["pid"]}
    mine = f"{service(tmp_path)}.{child['pid']}.shop.asked 1 "
    assert any(line.startswith(mine) for line in told.lines)


@pytest.mark.scenario(49)
def test_forks_that_nobody_can_know_of_come_to_an_end(tmp_path: Path) -> None:
    """A sampler that forks on a thread of its own breeds for some generations, which say why."""
    told = Told(tmp_path, "sampler", "thread")
    agents = [child["agent"] for child in told.children]
    assert agents == [False] + [True] * GENERATIONS, "the youngest first"
    assert "this process gets no agent" in told.errors
    assert "no_fork" in told.errors
