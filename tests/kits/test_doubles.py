"""The doubles of the test kit, and the plugin that has them as fixtures."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sampler
from sampler import Collector, Instruments, Registry
from sampler._registry.registry import default
from sampler.agent import Agent
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler.exceptions import Unavailable
from sampler.testing import Entry, FakeClock, Memory, isolated
from tests.support.command import environment
from tests.support.waiting import wait_for


def test_time_moves_when_it_is_told_to():
    """What is shared for a minute is read again after a minute of the clock."""
    clock, reads = FakeClock(1000.0), []
    registry = Registry(clock=clock)
    mapping = {"name": "s", "sample": lambda: reads.append(1) or [("a", 1)], "min_interval": 60}
    registry.register(mapping)
    with Collector(registry, clock=clock) as consumer:
        assert consumer.start == 1000.0
        consumer.collect()
        clock.advance(59)
        assert consumer.collect().blocks[0].time == 1000.0
        clock.advance(1)
        snapshot = consumer.collect()
        assert (snapshot.time, snapshot.blocks[0].time) == (1060.0, 1060.0)
        assert len(reads) == 2
        clock.set(10.0)
        assert consumer.collect().time == 10.0
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_pauses_after_failures_pass_with_the_clock():
    """No test has to wait for them."""
    clock, calls = FakeClock(), []

    def sample():
        calls.append(1)
        if len(calls) <= 3:
            raise ValueError("an author's")
        return [("a", 1)]

    registry = Registry()
    registry.register({"name": "s", "sample": sample})
    with Collector(registry, clock=clock) as consumer:
        for _ in range(10):
            consumer.collect()
        assert len(calls) == 3
        clock.advance(60)
        assert len(consumer.collect()) == 1


def test_a_default_registry_of_ones_own():
    """What registers itself meanwhile is forgotten."""
    with isolated() as registry:
        Instruments("kits").counter("a").inc()
        sampler.register({"name": "kits.other", "sample": list})
        assert [each.name for each in registry] == ["kits", "kits.other"]
        with Collector() as consumer:
            assert [str(series) for series, _ in consumer.collect()] == ["kits.a"]
    assert "kits" not in default


def test_memory_keeps_what_an_agent_delivers():
    """And refuses when it is told to; nothing is lost then."""
    memory, registry = Memory(fault=Unavailable("away")), Registry()
    total = [0]
    registry.register(
        {
            "name": "shop",
            "sample": lambda: [("orders", total[0], {"route": "buy"})],
            "metrics": {"orders": {"kind": "counter", "unit": "{order}"}},
        }
    )
    adapter_settings = AdapterSettings("memory", "memory", memory, 0.1)
    program = ProgramSettings(interval=0.1, service="test", instance="0")
    agent = Agent(
        Settings("test", program, SamplersSettings(enable=("shop",)), (adapter_settings,)),
        registry,
    )
    agent.start()
    total[0] = 5
    wait_for(lambda: agent.balances()["memory"].queued > 8, 10, "a queue")
    assert memory.entries == []
    memory.fault = None
    wait_for(lambda: memory.values("shop.orders"), 10, "delivery")
    agent.stop()
    assert memory.value("shop.orders", route="buy") == 5
    assert isinstance(memory.entries[-1], Entry)
    balance = agent.balances()["memory"]
    assert balance.holds
    assert balance.delivered == len(memory.entries)
    with pytest.raises(LookupError, match=r"route=sell|'sell'.*has not arrived; .*buy"):
        memory.value("shop.orders", route="sell")
    with pytest.raises(LookupError, match=r"shop\.orders"):
        memory.value("shop.nothing")


PLUGGED = """
import sampler

def test_fixtures(sampler_registry, sampler_consumer, sampler_clock, sampler_memory):
    group = sampler.Instruments("shop")
    group.counter("orders").inc(3)
    sampler_clock.advance(5)
    snapshot = sampler_consumer.collect()
    for batch in sampler_memory.encode(snapshot, {}):
        sampler_memory.send(batch, 1.0)
    assert sampler_memory.value("shop.orders") == 3
    assert sampler_memory.entries[0].time == sampler_clock.time()
"""


def test_the_plugin_is_off_unless_asked_for(tmp_path):
    """Then its fixtures are there."""
    (tmp_path / "test_it.py").write_text(PLUGGED)
    for options, found in (([], "1 error"), (["-p", "sampler.testing.plugin"], "1 passed")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert found in done.stdout, done.stdout
