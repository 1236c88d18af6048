"""Each real server stopped for five intervals and started again: nothing is missing."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler_graphite import Graphite
from sampler_prometheus import Prometheus
from sampler_statsd import StatsD
from tests.support.memory import Memory
from tests.support.waiting import wait_for

OUTAGE = 5
PREFIX = "out.age"


class Source:
    """Counters and a gauge that move by known amounts with every pull."""

    def __init__(self) -> None:
        self.pulls = 0

    def sample(self):
        self.pulls += 1
        yield "jobs", 7 * self.pulls
        yield "busy", self.pulls * 0.125
        yield "level", (-1) ** self.pulls * self.pulls
        if self.pulls >= 4:  # a rare label, first seen in the middle
            yield "errors", self.pulls - 3, {"code": "500"}

    def mapping(self):
        counter = {"kind": "counter"}
        return {
            "name": "source",
            "sample": self.sample,
            "metrics": {"jobs": counter, "busy": {**counter, "unit": "s"}, "errors": counter},
        }


class Rig:
    """An agent whose ticks the test makes, so that a server stops between two of them."""

    def __init__(self, carbon, statsd) -> None:
        self.carbon, self.statsd = carbon, statsd
        self.source = Source()
        self.memory = Memory(size=1000)
        self.web = Prometheus(listen="127.0.0.1:0")
        adapters = {
            "graphite": Graphite(port=carbon.line_port, prefix=PREFIX),
            "statsd": StatsD(port=statsd.port, prefix=PREFIX),
            "memory": self.memory,
            "prometheus": self.web,
        }
        registry = Registry()
        registry.register(self.source.mapping())
        # The first tick is at once, the next by schedule a day later: none in between is ours.
        adapters = tuple(
            AdapterSettings(name, name, adapter, 86_400, timeout=2.0, self_metrics="all")
            for name, adapter in adapters.items()
        )
        program = ProgramSettings(service="t", host="h", instance="0", flush_timeout=10.0)
        self.agent = Agent(
            Settings("t", program, SamplersSettings(enable=("source",)), adapters), registry
        )
        self.agent.start()
        wait_for(lambda: self.memory.received, what="the first tick")
        self.second = int(time.time())

    def tick(self) -> None:
        """Pull once, in a second of its own, and look at the law."""
        wait_for(lambda: int(time.time()) > self.second, what="the next second")
        self.second = int(time.time())
        (loop,) = self.agent._consumers.loops
        loop.tick()
        for balance in self.agent.balances().values():
            assert balance.holds, balance
        self.settled("memory")

    def settled(self, adapter: str) -> None:
        """Wait until everything of an adapter has an outcome."""
        wait_for(
            lambda: self.agent.balances()[adapter].queued == 0,
            limit=60,
            what=f"{adapter} to catch up",
        )

    def expected(self) -> dict[str, dict[int, float]]:
        """Graphite path to {second: value}, from the recording adapter."""
        points: dict[str, dict[int, float]] = {}
        for series, value, when in self.memory.received:
            name, _, labels = series.partition("{")
            label = ".code-500" if "500" in labels else ""
            if name.startswith("source."):
                points.setdefault(f"{PREFIX}.{name}{label}", {})[int(when)] = value
        return points

    def missing(self) -> list[tuple[str, int, float, float | None]]:
        """The points that carbon does not have with their value and time."""
        return [
            (path, second, value, stored.get(second))
            for path, points in self.expected().items()
            for stored in [self.carbon.series(path)]
            for second, value in points.items()
            if stored.get(second) != value
        ]

    def last(self, series: str) -> float:
        """The last value recorded."""
        points = [(when, value) for name, value, when in self.memory.received if name == series]
        return max(points)[1]

    def statsd_is_complete(self) -> bool:
        """Whether the packets recorded sum to what the counters grew by."""
        return (
            self.statsd_increase("source.jobs") == self.last("source.jobs") - 7
            and self.statsd_increase("source.busy") == self.last("source.busy") - 0.125
            and self.statsd_increase("source.errors.code-500")
            == self.last('source.errors{code="500"}')
        )

    def statsd_increase(self, name: str) -> float:
        """Sum of a counter over all packets recorded."""
        total = 0.0
        for packet in self.statsd.packets():
            for line in packet.splitlines():
                found, _, rest = line.partition(":")
                if found == f"{PREFIX}.{name}" and rest.endswith("|c"):
                    total += float(rest.removesuffix("|c"))
        return total


@pytest.mark.scenario(1)
@pytest.mark.timeout(200)
def test_each_server_may_be_away_for_five_intervals(carbon, statsd, prometheus_server) -> None:
    """Graphite is complete on disk, StatsD's packets sum to the increase, the law always holds."""
    rig = Rig(carbon, statsd)
    prometheus = prometheus_server([rig.web.address])
    for _ in range(2):
        rig.tick()

    rig.settled("graphite")
    wait_for(lambda: not rig.missing(), what="carbon to write the last tick")
    carbon.stop()
    for _ in range(OUTAGE):
        rig.tick()
    waiting = rig.agent.balances()["graphite"]
    assert waiting.queued > 0
    assert waiting.dropped["oldest"] == 0
    carbon.start()
    rig.tick()
    rig.settled("graphite")

    rig.settled("statsd")
    wait_for(rig.statsd_is_complete, what="statsd to record the last tick")
    statsd.stop()
    for _ in range(OUTAGE):
        rig.tick()
    wait_for(
        lambda: rig.agent.balances()["statsd"].dropped["superseded"] > 0, what="a newer snapshot"
    )
    statsd.start()
    rig.tick()
    rig.settled("statsd")

    prometheus.wait_scraped()
    prometheus.stop()
    for _ in range(OUTAGE):
        rig.tick()
    prometheus.start()
    rig.tick()
    prometheus.wait_scraped()

    before = rig.source.pulls
    rig.agent.stop()
    assert rig.memory.received, "the recording has the last pull too"
    wait_for(lambda: not rig.missing(), limit=30, what="carbon to be complete on disk")
    seconds = sorted(rig.expected()[f"{PREFIX}.source.jobs"])
    assert len(seconds) >= 2 + 3 * (OUTAGE + 1)
    assert all(one < other for one, other in pairwise(seconds))

    wait_for(rig.statsd_is_complete, what="statsd's sums")
    assert statsd.gauges()[f"{PREFIX}.source.level"] == rig.last("source.level")

    (stored,) = prometheus.query("last_over_time(source_jobs_total[10m])")
    assert float(stored["value"][1]) <= before * 7
    for name, balance in rig.agent.balances().items():
        assert balance.holds
        assert balance.queued == 0
        if name != "statsd":
            assert sum(balance.dropped.values()) == 0, (name, balance)
    assert rig.agent.balances()["graphite"].delivered == sum(rig.memory.received.values())
