"""A real agent that delivers to an endpoint in memory, and samplers to put beside bad ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from tests.chaos.ledger import check
from tests.support.memory import Memory
from tests.support.waiting import SLACK, wait_for

GENEROUS = 5.0


class Good:
    """A sampler whose every answer is known: a counter that is its number of calls, and a gauge.

    Attributes:
        calls: how often it was called.
    """

    def __init__(self, name: str) -> None:
        self.name, self.calls = name, 0

    def sample(self) -> Any:
        self.calls += 1
        yield "calls", self.calls
        yield "minus", -self.calls, {"sign": "-"}

    def mapping(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sample": self.sample,
            "metrics": {"calls": {"kind": "counter"}},
        }


class Rig:
    """A context manager: an agent that runs, and is stopped and held to the law at its end.

    Args:
        samplers: mappings to register first, named ``bad...``.
        goods: how many good samplers to register behind them.
        interval: seconds.
        beside: a second adapter.
        limits: of the ``[samplers]`` table; its deadline is one that a busy machine keeps, too.
    """

    def __init__(
        self,
        *samplers: Any,
        goods: int = 3,
        interval: float = 0.1,
        beside: Any = None,
        **limits: Any,
    ) -> None:
        limits.setdefault("deadline", GENEROUS)
        self._tight = limits["deadline"] < GENEROUS
        self.statistics: dict[str, Any] = {}
        """What became of each sampler's samples, the last pull's included; set at the end."""
        self.memory = Memory(size=100)
        self.goods = [Good(f"good.n{n}") for n in range(goods)]
        self.registry = Registry()
        for each in (*samplers, *(good.mapping() for good in self.goods)):
            self.registry.register(each)
        adapters = {"memory": self.memory, **({} if beside is None else {"beside": beside})}
        adapters = tuple(
            AdapterSettings(name, name, adapter, interval, timeout=2.0)
            for name, adapter in adapters.items()
        )
        program = ProgramSettings(service="t", host="h", instance="0", flush_timeout=5.0 + SLACK)
        self.agent = Agent(
            Settings("t", program, SamplersSettings(**limits), adapters), self.registry
        )

    def __enter__(self) -> Rig:
        self.agent.start()
        return self

    def stop(self, timeout: float | None = None) -> None:
        """Stop the agent, within so many seconds."""
        for collector in self.agent._consumers.collectors:
            self.statistics |= {each.sampler: each for each in collector.statistics()}
        self.agent.stop(timeout)

    def __exit__(self, kind: object, *_: object) -> None:
        self.stop()
        if kind is None:
            check(self.agent.balances()["memory"], len(self.memory.received))
            self.exact()

    @property
    def ticks(self) -> int:
        """Rounds so far."""
        return sum(loop.ticker.ticks for loop in self.agent._consumers.loops)

    @property
    def skipped(self) -> int:
        """Rounds that found one still running."""
        return sum(loop.ticker.schedule.skipped for loop in self.agent._consumers.loops)

    def failures(self, name: str) -> int:
        """How many pulls of a sampler have failed so far."""
        (collector,) = self.agent._consumers.collectors
        found = [each for each in collector.statistics() if each.sampler == name]
        return sum(sum(each.failures.values()) for each in found)

    def run(self, ticks: int, limit: float = 30.0) -> None:
        """Wait for so many more rounds."""
        until = self.ticks + ticks
        wait_for(lambda: self.ticks >= until, limit, f"{ticks} ticks")

    def points(self, name: str) -> list[Any]:
        """The values that a series has at the endpoint, by time."""
        found = [(when, value) for series, value, when in self.memory.received if series == name]
        return [value for _, value in sorted(found)]

    def exact(self) -> None:
        """Insist that every answer of every good sampler arrived, once, as it was given.

        Under a tight deadline a busy machine may make one of them late: counted.
        """
        assert set(self.memory.received.values()) == {1}
        arrived = Counter(series for series, _, _ in self.memory.received)
        for good in self.goods:
            counted, minus = f"{good.name}.calls", f'{good.name}.minus{{sign="-"}}'
            late = self.statistics[good.name].failures.get("deadline", 0)
            assert late <= self._tight
            assert good.calls > 1
            assert arrived[counted] == arrived[minus] == good.calls - late
            points = self.points(counted)
            assert points == sorted(set(points) & set(range(1, good.calls + 1)))
            assert self.points(minus) == [-point for point in points]
