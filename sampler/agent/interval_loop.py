"""The loop of one interval: a Collector, its ticks, and the adapters that get its snapshots."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._runtime.threads import Lock, Thread
from sampler._runtime.worker import Worker
from sampler.agent.channel import fan_out
from sampler.agent.schedule import Ticker
from sampler.exceptions import CollectorBusy

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler._contract.snapshot import Snapshot
    from sampler.agent.channel import PushChannel
    from sampler.agent.schedule import Schedule
    from sampler.agent.source import Source


class IntervalLoop:
    """Pulls on schedule and hands each snapshot to the adapters.

    Args:
        collector: pulls the snapshots.
        schedule: says when.
        channels: the adapters that get them.
        meanwhile: see :class:`Ticker`.

    Attributes:
        collector: pulls the snapshots.
        channels: the adapters that get them.
        ticker: says when.
    """

    def __init__(
        self,
        collector: Source,
        schedule: Schedule,
        channels: list[PushChannel],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.collector: Source = collector
        self.channels: list[PushChannel] = channels
        name = f"sampler-tick-{collector.name}"
        self.ticker: Ticker = Ticker(name, schedule, self.tick, self._longest, meanwhile)
        self._worker = Worker(f"sampler-encode-{collector.name}")
        self._ticking = Lock()

    def tick(self, within: float | None = None) -> Snapshot:
        """Pull once and hand the snapshot to the adapters.

        Args:
            within: seconds for the pull, and as many for encoding; default: their deadlines. As
                many for another tick to end, too.

        Raises:
            CollectorBusy: it has not ended by then, or the Collector is closed.
        """
        if not self._ticking.acquire(timeout=-1 if within is None else within):
            raise CollectorBusy(self.collector.name, f"a tick did not end within {within:g} s")
        try:
            snapshot = self.collector.collect(within=within)
            until = float("inf") if within is None else time.monotonic() + within
            fan_out(self._worker, self.channels, snapshot, until)
        finally:
            self._ticking.release()
        return snapshot

    def _longest(self) -> float:
        """Return how long a tick may take, in seconds: the deadlines of all that it calls."""
        return self.collector.longest + sum(each.encoder.deadline for each in self.channels)

    def stop(self, deadline: float) -> bool:
        """Tick a last time and no more; return False when a tick hangs at ``deadline``.

        Args:
            deadline: monotonic moment.
        """
        if not self.ticker.stop(deadline):
            return False
        self.tick(within=max(0.1, deadline - time.monotonic()))
        return True

    def close(self) -> None:
        """Let the encoding thread end; the agent closes the Collector."""
        self._worker.close()

    def close_later(self, *collectors: Source) -> None:
        """Close the loop and ``collectors`` once the tick that hangs now has ended."""

        def late() -> None:
            self.ticker.stop()
            for each in collectors:
                each.close()
            self.close()

        Thread(late, f"sampler-end-{self.collector.name}").start()
