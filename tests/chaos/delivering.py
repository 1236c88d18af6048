"""A real agent with real adapters beside a recorder, in compressed time."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sampler import Collector, Registry
from sampler.agent import DELIVERED, Agent
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler_graphite import Graphite
from sampler_statsd import StatsD
from tests.support.waiting import SLACK, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from sampler.agent import Balance, Batch, Outcome

INTERVAL = 0.1


class Hurried:
    """A clock on which each look at the wall is a second later, so no two reads share one."""

    def __init__(self) -> None:
        self._seconds = itertools.count(int(time.time()) - 1000)

    def time(self) -> float:
        return float(next(self._seconds))

    def monotonic(self) -> float:
        return time.monotonic()


class Source:
    """Counters and a gauge that move by known amounts with every pull."""

    def __init__(self) -> None:
        self.pulls = 0

    def sample(self):
        self.pulls += 1
        yield "jobs", 7 * self.pulls
        yield "level", self.pulls
        for code in (200, 500):
            yield "requests", code * self.pulls, {"code": str(code)}

    @property
    def grown(self) -> int:
        """What all counters have grown by since the first pull, which is the baseline."""
        return 707 * (self.pulls - 1)

    def mapping(self):
        counter = {"kind": "counter"}
        metrics = {"jobs": counter, "requests": counter}
        return {"name": "source", "sample": self.sample, "metrics": metrics}


class Recorder(Graphite):
    """What a Graphite adapter would write, line by line: the truth about every pull."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lines: list[bytes] = []

    def send(self, batch: Batch, timeout: float) -> Outcome:
        self.lines += b"".join(batch.frames).splitlines()
        return DELIVERED


class Gated:
    """An adapter whose attempts wait while a test holds its gate."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gate = threading.Lock()

    def send(self, batch: Batch, timeout: float) -> Outcome:
        with self.gate:
            return super().send(batch, timeout)  # type: ignore[misc]


class GatedGraphite(Gated, Graphite):
    """Graphite's."""


class GatedStatsD(Gated, StatsD):
    """StatsD's."""


class Rig:
    """An agent, running.

    Args:
        monkeypatch: the test's.
        adapters: by name; beside them is always ``truth``, a Recorder.
        timeout: seconds an attempt may take.
        flush: seconds the final flush may take.
        outbox: bytes that may wait.
        beside: a sampler that is collected beside the Source, once it registers.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        timeout: float = 1.0 + SLACK,
        flush: float = 5.0 + SLACK,
        outbox: int = 2**23,
        beside: str = "",
        **adapters: Any,
    ) -> None:
        monkeypatch.setattr("sampler.agent.delivery.sender.FIRST_PAUSE", 0.05)
        monkeypatch.setattr("sampler.agent.delivery.sender.LONGEST_PAUSE", 0.2)
        monkeypatch.setattr(
            "sampler.agent.consumers.Collector", partial(Collector, clock=Hurried())
        )
        self.truth = Recorder(quantiles=())
        self._gates = [each.gate for each in adapters.values() if isinstance(each, Gated)]
        self.source = Source()
        registry = Registry()
        registry.register(self.source.mapping())
        adapters = tuple(
            AdapterSettings(
                name,
                name,
                adapter,
                INTERVAL,
                timeout=timeout,
                outbox=outbox,
                self_metrics="all",
            )
            for name, adapter in {"truth": self.truth, **adapters}.items()
        )
        program = ProgramSettings(
            INTERVAL, service="s", host="h", instance="0", flush_timeout=flush
        )
        samplers = SamplersSettings(enable=("source", *filter(None, [beside])))
        self.agent = Agent(Settings("t", program, samplers, adapters), registry)
        self.agent.start()

    def balance(self, name: str) -> Balance:
        return self.agent.balances()[name]

    @contextmanager
    def between(self) -> Iterator[None]:
        """Keep attempts waiting: a fault that begins here finds nothing that is half taken."""
        with ExitStack() as held:
            for gate in self._gates:
                held.enter_context(gate)
            yield

    def pulls(self, more: int) -> None:
        """Wait for so many further pulls."""
        pulls = self.source.pulls + more
        wait_for(lambda: self.source.pulls >= pulls, limit=30, what=f"{more} pulls")

    def fails(self, name: str) -> None:
        """Wait until an attempt has failed."""
        wait_for(lambda: name in self.agent.troubles(), what=f"{name} to fail")

    def settled(self, name: str) -> None:
        """Wait until nothing waits."""
        wait_for(lambda: self.balance(name).queued == 0, limit=30, what=f"{name} to catch up")

    def stop(self) -> None:
        """Stop the agent; every balance is complete then."""
        self.agent.stop()
        for name, balance in self.agent.balances().items():
            assert balance.holds, (name, balance)
            assert balance.queued == 0, (name, balance)


def graphite(port: int, **options: Any) -> Graphite:
    """Return an adapter that writes what the Recorder writes."""
    return GatedGraphite(port=port, quantiles=(), **options)


def statsd(port: int, **options: Any) -> StatsD:
    """Return an adapter whose names are easily told."""
    return GatedStatsD(port=port, prefix="x", **options)


def counted(lines: list[bytes]) -> int:
    """Return the sum of the source's counters in StatsD lines."""
    return sum(
        int(line.rpartition(b":")[2].removesuffix(b"|c"))
        for line in lines
        if line.startswith(b"x.source.") and line.endswith(b"|c")
    )
