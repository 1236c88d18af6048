"""How programs end: with the last batch delivered, or in time."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import sampler
from sampler import Collector, Registry
from sampler.agent import Agent, Balance
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler_prometheus import Prometheus
from tests.chaos.ledger import check
from tests.support.command import environment, running
from tests.support.doubles import LineSink
from tests.support.memory import Memory
from tests.support.waiting import SLACK, timely, wait_for, within

ROOT = Path(__file__).parents[2]
FLUSH = 1.0


def configured(folder: Path, sink: LineSink, flush: float = FLUSH) -> str:
    file = folder / "sampler.toml"
    file.write_text(
        f'interval = 60\nflush_timeout = {flush}\nservice = "s"\n'
        f"[adapters.graphite]\nport = {sink.port}\n"
    )
    return str(file)


@pytest.mark.scenario(27)
def test_sigterm_ends_the_command_in_time_behind_a_black_hole(tmp_path) -> None:
    """What is lost is counted in the last line (endpoint up: ``tests/cli/test_command.py``)."""
    with LineSink() as sink:
        sink.blackhole()
        with running("run", "-c", configured(tmp_path, sink)) as process:
            said = ""
            while "adapter 'graphite'" not in said:
                said = process.stdout.readline()
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
            seconds = time.monotonic() - begun
        assert process.returncode == 0, output
        balance = output.splitlines()[-1]
        collected, lost, unconfirmed = (
            int(balance.partition(word)[2].split()[0])
            for word in ("graphite: ", "unconfirmed + ", "delivered + ")
        )
        assert lost + unconfirmed == collected > 0
        assert "shutdown" in balance
        assert sink.lines == []
        timely(seconds, FLUSH, "the end")


PROGRAM = """
import atexit, attrs, json, os, sys, time
import sampler
balances = lambda: [attrs.asdict(each) for each in agent.balances().values()]
begun = None
def write():
    with open(sys.argv[2], "w") as out:
        json.dump([time.monotonic() - begun, *balances()], out)
atexit.register(write)
agent = sampler.agent.start(sys.argv[1])
begun = time.monotonic()
"""


@pytest.mark.scenario(28)
@pytest.mark.parametrize("hole", [False, True])
def test_a_program_that_just_ends_delivers_its_last_batch(tmp_path, hole) -> None:
    """On every Python, without a word; behind a black hole in time, with one line on the loss."""
    flush = FLUSH if hole else FLUSH + SLACK
    said = tmp_path / "said"
    with LineSink() as sink:
        if hole:
            sink.blackhole()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, configured(tmp_path, sink, flush), str(said)],
            env=environment(PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, "")
        seconds, fields = json.loads(said.read_text())
        balance = Balance(**fields)
        check(balance, len(sink.lines))
        assert balance.queued == 0
        lost = sum(balance.dropped.values())
        said = done.stderr.splitlines()
        assert len(said) == bool(lost)
        if lost:  # the last attempt is under way, or has just ended
            begin = f"adapter 'graphite': at the end {lost} entries are dropped: "
            assert said[0].startswith(begin)
            assert said[0].endswith(("it has not answered", "timed out"))
        if hole:
            timely(seconds, FLUSH, "the end")
        else:
            assert balance.delivered == balance.collected == len(sink.lines)
            assert balance.collected > 0


def agent_with(memory: Memory, sampler_: dict, *more: dict) -> Agent:
    registry = Registry()
    for each in (sampler_, *more):
        registry.register(each)
    adapter_settings = AdapterSettings("memory", "memory", memory, 60.0, timeout=30.0)
    program = ProgramSettings(interval=60.0, service="t", instance="0", flush_timeout=FLUSH)
    return Agent(
        Settings("t", program, SamplersSettings(enable=None), (adapter_settings,)), registry
    )


def address(web: Prometheus) -> tuple[str, int]:
    host, _, port = web.address.rpartition(":")
    return host, int(port)


class Hung:
    """Hangs on demand, in any of its calls."""

    def __init__(self) -> None:
        self.on = self.entered = False
        self.free = threading.Event()

    def now(self) -> None:
        if self.on:
            self.entered = True
            self.free.wait(60)


HANGING = ("sample", "close", "encode", "send", "end")


@pytest.mark.scenario(16)
@pytest.mark.parametrize("where", [*HANGING, "everywhere"])
def test_what_hangs_does_not_hold_the_end_up(where) -> None:
    """Whatever hangs, stop() ends when its time is over."""
    hung = {name: Hung() for name in HANGING}

    class Adapter(Memory):
        def encode(self, snapshot, since):
            hung["encode"].now()
            yield from super().encode(snapshot, since)

        def send(self, batch, timeout):
            hung["send"].now()
            return super().send(batch, timeout)

        def close(self) -> None:
            hung["end"].now()
            super().close()

    class Instance:
        def __call__(self):
            hung["sample"].now()
            return [("n", 1)]

        def close(self) -> None:
            hung["close"].now()

    windowed = [
        {"name": f"windowed.s{n}", "factory": lambda environ: Instance()} for n in range(3)
    ]
    agent = agent_with(Adapter(), *windowed)
    agent.start()
    for name, each in hung.items():
        each.on = where in (name, "everywhere")
    with within(FLUSH, where):
        agent.stop()
    for each in hung.values():
        each.free.set()
    (balance,) = agent.balances().values()
    assert balance.holds
    assert balance.queued == 0


@pytest.mark.parametrize("where", ["send", "end"])
def test_an_adapter_that_is_left_alone_is_not_closed_later(where, caplog) -> None:
    """By then another agent may use its endpoint; that a close hangs is said."""
    hung, calls = Hung(), []

    class Adapter(Memory):
        def send(self, batch, timeout):
            if where == "send":
                hung.now()
            return super().send(batch, timeout)

        def close(self) -> None:
            calls.append("close")
            if where == "end":
                hung.now()

    agent = agent_with(Adapter(), {"name": "n", "sample": lambda: [("n", 1)]})
    agent.start()
    (channel,) = agent._pushed
    wait_for(lambda: channel.balance().delivered, what="a first delivery")
    hung.on = True
    agent.stop(0.2)
    assert hung.entered
    hung.free.set()
    assert channel._sender._service.join(20)
    assert calls == ([] if where == "send" else ["close"])
    assert ("close has not returned" in caplog.text) == (where == "end")


def test_a_scrape_that_hangs_does_not_hold_the_end_up() -> None:
    """Nor does the thread that makes its page."""
    hung = Hung()
    hung.on = True
    registry = Registry()
    registry.register({"name": "hung", "sample": lambda: hung.now() or []})
    web = Prometheus(listen="127.0.0.1:0")
    program = ProgramSettings(service="t", instance="0", flush_timeout=FLUSH)
    settings = Settings(
        "t", program, SamplersSettings(deadline=30.0), (AdapterSettings("web", "web", web, 60.0),)
    )
    agent = Agent(settings, registry)
    agent.start()
    with socket.create_connection(address(web)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: hung.entered, what="the pull")
        with within(FLUSH):
            agent.stop()
    hung.free.set()


def test_closing_does_not_wait_for_ever_for_a_pull() -> None:
    """close() waits for a pull that is under way as long as it is told to."""
    hung = Hung()
    hung.on = True
    registry = Registry()
    registry.register({"name": "hung", "sample": lambda: hung.now() or []})
    consumer = Collector(registry, deadline=60.0)
    puller = threading.Thread(target=consumer.collect)
    puller.start()
    wait_for(lambda: consumer._pulling, what="the pull")
    with within(0.1):
        consumer.close(within=0.1)
    hung.free.set()
    puller.join(20)
    with pytest.raises(sampler.CollectorBusy):
        consumer.collect()
