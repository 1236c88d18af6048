"""What an agent pulls with: a loop for each interval, and a Collector for each page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from sampler._pull.collector import Collector, apply_rules, begin_at, begin_at_fork, subtract
from sampler._pull.fork_baseline import Subtracted
from sampler._pull.series_rules import SeriesRules
from sampler._runtime.fork import forked_at
from sampler._runtime.placeholders import filled_in
from sampler.agent.channel import ticked
from sampler.agent.ending import SHORT, safely
from sampler.agent.interval_loop import IntervalLoop
from sampler.agent.schedule import Schedule, phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sampler._pull.fork_baseline import ForkBaseline
    from sampler.agent.channel import PushChannel
    from sampler.agent.config.settings import Settings
    from sampler.agent.identity import AgentIdentity
    from sampler.agent.schedule import Ticker
    from sampler.agent.selection import Selection
    from sampler.agent.source import Source


@attrs.frozen
class Paused:
    """The loops that a reload has stopped.

    Attributes:
        loops: all of them.
        hung: Collectors whose tick has not ended.
    """

    loops: Sequence[IntervalLoop]
    hung: Sequence[Source]

    def collectors(self) -> dict[float | None, Source]:
        """Return their Collectors by interval."""
        return {loop.collector.interval: loop.collector for loop in self.loops}


class Consumers:
    """The consumers of one agent.

    Args:
        selection: what they pull.
        identity: whose snapshots these are.
        sources: makes what loops and pages collect from, of a name and an interval; default: a
            Collector each.

    Attributes:
        collectors: all Collectors, those of the loops included.
        loops: the loops, one for each interval.
        began: epoch seconds at which Collectors begin; None: when they are made.
    """

    def __init__(
        self,
        selection: Selection,
        identity: AgentIdentity,
        sources: Callable[[str, float], Source] | None = None,
    ) -> None:
        self.collectors: list[Source] = []
        self.loops: list[IntervalLoop] = []
        self.began: float | None = None
        self._from_fork = False
        self._subtracted = Subtracted(None)
        self._selection = selection
        self._identity = identity
        self._sources = sources

    def new(self, settings: Settings, name: str, interval: float, reuse: float = 0.0) -> Collector:
        """Return a new Collector, which is not in :attr:`collectors` yet."""
        limits = settings.samplers
        collector = Collector(
            self._selection.of_consumer(),
            name=name,
            interval=interval,
            deadline=limits.deadline,
            reuse=reuse,
            max_samples=limits.max_samples,
            max_series=limits.max_series,
            settings=limits.settings,
            identity=self._identity.values,
        )
        templates = settings.program.labels
        labels = {k: filled_in(text, self._identity.values) for k, text in templates.items()}
        apply_rules(collector, SeriesRules(labels, limits.keep, limits.drop, limits.rename))
        subtract(collector, self._subtracted.of)
        if self._from_fork:
            return begin_at_fork(collector)
        return collector if self.began is None else begin_at(collector, self.began)

    def begin_at_fork(self, at_fork: ForkBaseline | None) -> None:
        """Have new Collectors count from the fork of this process on.

        Args:
            at_fork: what the parent has read right before it.
        """
        self._from_fork, self._subtracted = True, Subtracted(at_fork)

    def source(self, settings: Settings, name: str, interval: float, reuse: float = 0.0) -> Source:
        """Return a new source of a loop or a page, which is not in :attr:`collectors` yet."""
        if self._sources is not None:
            return self._sources(name, interval)
        return self.new(settings, name, interval, reuse)

    def tickers(self) -> dict[str, Ticker]:
        """Return, by consumer, the tickers that have ticked."""
        return {loop.collector.name: loop.ticker for loop in self.loops if loop.ticker.ticks}

    def start_loops(
        self,
        channels: Sequence[PushChannel],
        settings: Settings,
        collectors: Mapping[float | None, Source],
    ) -> None:
        """Begin to tick, each interval with its Collector of ``collectors``, or a new one."""
        every = ticked(channels)
        for interval in sorted({each.settings.interval for each in every}):
            alike = [each for each in every if each.settings.interval == interval]
            schedule = Schedule(interval, self._phase() * interval)
            collector = collectors.get(interval)
            if collector is None:
                collector = self.source(settings, f"{interval:g}s", interval)
            self.collectors.append(collector)
            # What a program imports as it begins is there for the second pull, not the third.
            look = self._selection.look_again
            self.loops.append(IntervalLoop(collector, schedule, alike, look))
        for loop in self.loops:
            loop.ticker.start()

    def pause(self, deadline: float) -> Paused:
        """Stop the loops, each with a last tick, by the monotonic ``deadline``."""
        loops, self.loops = self.loops, []
        paused = Paused(loops, [loop.collector for loop in loops if not loop.stop(deadline)])
        if forked_at():
            all_of_them = (*paused.collectors().values(), *self.collectors)
            self._subtracted.follow(each for each in all_of_them if isinstance(each, Collector))
        return paused

    def close_unused(self, paused: Paused, before: Iterable[Source]) -> None:
        """Close what a reload has left over; what hangs is closed once it has ended.

        Args:
            paused: the loops before the reload.
            before: the Collectors before the reload.
        """
        for loop in paused.loops:
            if loop.collector in paused.hung:
                loop.close_later(*{loop.collector}.difference(self.collectors))
            else:
                loop.close()
        for collector in before:
            if collector not in self.collectors and collector not in paused.hung:
                collector.close()

    def last_ticks(self, until: Callable[[], float]) -> list[Source]:
        """End the ticks, each interval with a last one; return the Collectors whose tick hangs.

        Args:
            until: returns the monotonic moment at which everything ends; it may come nearer.
        """
        begun = time.monotonic()
        if self.loops:
            safely(self._selection.look_last, (until() - begun) / 3)
        hung: list[Source] = []
        for loop in self.loops:
            # A tick that hangs may take half of the time; the rest belongs to what is queued.
            while not (ended := loop.ticker.stop(time.monotonic() + SHORT)):
                if time.monotonic() > min(until(), begun + (until() - begun) / 2):
                    break
            if not ended:
                hung.append(loop.collector)  # closing it would wait for that tick
            elif (left := until() - time.monotonic()) > 0:
                safely(loop.tick, left / 3)
        return hung

    def close(self, hung: Sequence[Source], until: Callable[[], float]) -> None:
        """Close everything; what hangs is closed once it has ended."""
        for collector in self.collectors:
            if collector not in hung:
                within = max(0.1, until() - time.monotonic())
                safely(lambda each=collector, within=within: each.close(within=within))
        for loop in self.loops:
            if loop.collector in hung:
                safely(loop.close_later, loop.collector)
            else:
                safely(loop.close)

    def _phase(self) -> float:
        """Return by which part of an interval ticks are shifted; what collects others' is last."""
        mine = phase(self._identity.values)
        return mine if self._sources is None else 0.5 + mine / 2
