"""The agent of a process: Collectors on schedule, fanned out to adapters."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sampler._pull.collector import Collector, begin_at_fork
from sampler._registry import registry as registries
from sampler._registry.registry import Registry
from sampler._runtime.log import log
from sampler._runtime.native import get_ident
from sampler._runtime.service import unhealthy
from sampler._runtime.threads import Lock, uninterrupted
from sampler.agent.channel import Channel, PushChannel, ScrapeChannel, channel
from sampler.agent.config.secrets import described
from sampler.agent.config.settings import Settings, default_settings
from sampler.agent.ending import SHORT, calmly, close, end, flush, last_ticks
from sampler.agent.identity import identity, release
from sampler.agent.interval_loop import IntervalLoop
from sampler.agent.ports import bind_problem
from sampler.agent.reloading import consumers, kept_or_new, stopped, who
from sampler.agent.schedule import Schedule, phase
from sampler.agent.selection import Selection
from sampler.agent.self_metrics import self_metrics
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler._contract.snapshot import Failure, Snapshot
    from sampler.agent.config.settings import Program
    from sampler.agent.delivery.adapter import ScrapedAdapter
    from sampler.agent.delivery.ledger import Balance

_FIRST_PULL = 1.0
"""Seconds that start() waits for the first pulls."""


class Agent:
    """Runs what a configuration says, in this process.

    Args:
        settings: the configuration; default: built in.
        registry: where samplers are found; default: the default registry.
        forked: it takes over from a parent's agent in a forked child: another instance, and what
            was counted since the fork is an increase.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        registry: Registry | None = None,
        *,
        forked: bool = False,
    ) -> None:
        self.settings: Settings = settings or default_settings()
        self.registry: Registry = registries.default if registry is None else registry
        self._forked = self._begins_at_fork = forked
        self.identity: Mapping[str, str] = self._who(self.settings.program, claimed=False)
        self._own = Registry(reserved=True)
        self._selection = Selection(self.registry, self.settings.samplers.enable, self._own)
        self._channels: list[PushChannel | ScrapeChannel] = [
            channel(w) for w in self.settings.adapters
        ]
        self._collectors: list[Collector] = []
        self._loops: list[IntervalLoop] = []
        self._own.register(
            self_metrics(
                lambda: self._channels,
                lambda: self._collectors,
                lambda: {p.collector.name: p.ticker for p in self._loops if p.ticker.ticks},
            )
        )
        self._running = self._stopped = self._flushing = self._claimed = False
        self._until = float("inf")
        self._stopping: set[int] = set()
        """Threads that wait for the end."""
        self._change = Lock()
        """Held by whoever starts, reloads or ends it, never by a thread that signals interrupt."""
        self._pid = os.getpid()

    def discover(self, enable: Sequence[str] | None = None) -> tuple[Failure, ...]:
        """Load named samplers; return those that cannot be.

        Args:
            enable: names and references; default: what the configuration names.
        """
        return self.registry.discover(self._selection.wanted(enable))

    def start(self, *, insist: bool = True) -> None:
        """Open what is scraped, then begin to pull and push. Doing it twice is harmless.

        The first pull is over when this returns, unless it takes longer than a second: what is
        counted from then on is an increase, and no part of a baseline. An interrupted start leaves
        nothing behind.

        Args:
            insist: an address that cannot be bound is an error; else the agent runs without that
                page, and takes the address when it is free.

        Raises:
            RuntimeError: it was stopped; make a new agent.
            ConfigurationError: an address cannot be bound; nothing has been started then.
        """
        if self._stopped:
            raise RuntimeError("a stopped agent does not start again: make a new one")
        if self._running:
            return
        try:
            self._load()
            uninterrupted(lambda: self._begin(insist=insist))
        except BaseException:
            self.stop(0.0)
            raise

    def _begin(self, *, insist: bool) -> None:
        with self._change:
            if self._running or self._stopped:
                return
            self._running = True
            self._claim(self.settings.program)
            self._open(self._scraped, {}, self.settings, insist=insist)
            self._collectors += [each.collector for each in self._scraped]
            for each in self._pushed:
                each.start(self.identity)
            self._beat({})
            self._begins_at_fork = False
        until = time.monotonic() + _FIRST_PULL
        for loop in tuple(self._loops):
            while time.monotonic() < until and not (self._stopped or loop.ticker.wait(SHORT)):
                pass

    def reload(self, settings: Settings) -> None:
        """Go on with another configuration.

        Adapters whose tables say the same run on untouched. One that keeps its name but not its
        table is replaced: what waits gets a last attempt, its account goes on, differences start
        where they had arrived, and it keeps its listening port. Others come and go.

        Args:
            settings: the configuration, checked.

        Raises:
            RuntimeError: the agent is not running.
            ConfigurationError: an address cannot be bound; nothing has changed then.
        """
        if not self._running:
            raise RuntimeError("only a running agent reads another configuration")
        uninterrupted(lambda: self._replace(settings))

    def _replace(self, settings: Settings) -> None:
        with self._change:
            if self._running and not self._stopped:
                self._go_on_with(settings)

    def _go_on_with(self, settings: Settings) -> None:
        same = consumers(settings) == consumers(self.settings)
        before: dict[str, Channel] = {each.name: each for each in self._channels}
        channels = [kept_or_new(w, before.get(w.name), same=same) for w in settings.adapters]
        new = [each for each in channels if each is not before.get(each.name)]
        gone = [each for each in self._channels if each not in channels]
        waiting = {each.name for each in self._scraped if each.waits}
        for insist in (True, False):  # what waits for its address already may go on waiting
            scraped = [
                e
                for e in new
                if isinstance(e, ScrapeChannel) and insist == (e.name not in waiting)
            ]
            self._open(scraped, before, settings, insist=insist)
        patience = min((each.settings.interval for each in self._channels), default=0.0) / 2
        deadline = time.monotonic() + min(patience, settings.program.flush_timeout)
        loops, self._loops = self._loops, []
        free = [loop.collector for loop in loops if stopped(loop, deadline)]
        hung = [loop.collector for loop in loops if loop.collector not in free]
        end(gone, deadline, last_try=True)
        for each in new:
            if isinstance(each, PushChannel):
                each.inherit(before.get(each.name))
        unused, self._collectors = self._collectors, []
        self._take_over(settings, channels, same=same)
        for each in new:
            if isinstance(each, PushChannel):
                each.start(self.identity)
        self._beat({p.collector.interval: p.collector for p in loops if same})
        for loop in loops:
            if loop.collector in hung:
                loop.close_later(*{loop.collector}.difference(self._collectors))
            else:
                loop.close()
        for collector in unused:
            if collector not in self._collectors and collector not in hung:
                collector.close()

    def once(self) -> Snapshot:
        """Pull exactly once, deliver, and stop; scraped adapters take no part.

        Returns:
            What was pulled; :meth:`balances` and :meth:`troubles` say what became of it.
        """
        self.discover()
        self._claim(self.settings.program)
        try:
            return self._deliver_once()
        finally:
            self._give_back()

    def _deliver_once(self) -> Snapshot:
        deadline = time.monotonic() + self.settings.program.flush_timeout
        interval = self.settings.program.interval
        loop = IntervalLoop(self.collector("once", interval), Schedule(interval), self._pushed)
        for each in self._pushed:
            each.start(self.identity)
        snapshot = loop.tick()
        # Adapters stay open: closing one may take back what it has delivered.
        flush(self._pushed, max(deadline, time.monotonic() + 1.0), close=False)
        loop.collector.close()
        loop.close()
        return snapshot

    def stop(self, timeout: float | None = None) -> dict[str, Balance]:
        """Pull a last time, send what waits, and end. Nothing is raised, whatever fails.

        Doing it twice is harmless, and may shorten the first time; a forked child's call leaves
        its parent's agent alone. What an endpoint that is away does not take is tried again while
        there is time, and then ``dropped{shutdown}``: the log says how much, and why.

        Args:
            timeout: seconds for all of it; default: ``flush_timeout``.

        Returns:
            The account of each adapter, as of :meth:`balances`.
        """
        if self._pid != os.getpid():  # its threads are the parent's
            return {}
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        self._until = min(self._until, time.monotonic() + seconds)
        self._stopped = True
        if self._flushing:  # it has less time than it was told
            for each in self._pushed:
                each.finish(self._until)
        mine = get_ident()
        if mine not in self._stopping:  # else a signal handler interrupts that very call
            self._stopping.add(mine)
            try:
                calmly(lambda: uninterrupted(self._finish, here=True))
            finally:
                self._stopping.discard(mine)
        return self.balances()

    def _finish(self) -> None:
        while not self._change.acquire(timeout=SHORT):
            if time.monotonic() > self._until + _FIRST_PULL:  # somebody's open() hangs
                log.error("the agent is left as it is: a change of it has not ended")
                return
        try:
            if self._running:
                self._running = False
                self._tear_down()
            calmly(self._give_back)
        finally:
            self._change.release()

    def _tear_down(self) -> None:
        hung = last_ticks(self._loops, lambda: self._until)
        self._flushing = True
        calmly(end, self._channels, self._until)
        close(self._loops, self._collectors, hung, lambda: self._until)

    def balances(self) -> dict[str, Balance]:
        """Return the law of every adapter by name."""
        return {each.name: each.balance() for each in self._channels}

    def troubles(self) -> dict[str, str]:
        """Return, by adapter, what the last attempt to send failed with."""
        return {each.name: each.trouble for each in self._pushed if each.trouble}

    def alive(self) -> bool:
        """Tell whether it runs and every thread of ours in this process serves.

        :func:`sampler.adapterkit.threads.unhealthy` says which one does not, and why.
        """
        return self._running and not unhealthy()

    def collector(self, name: str, interval: float, reuse: float = 0.0) -> Collector:
        """Return a new consumer of what the configuration enables."""
        collector = self._consumer(self.settings, name, interval, reuse)
        self._collectors.append(collector)
        return collector

    def _claim(self, program: Program) -> None:
        """Have an identity that nobody else has; an agent that only checks takes none."""
        self.identity = self._who(program, claimed=True)
        self._claimed = True

    def _give_back(self) -> None:
        if self._claimed:
            self._claimed = False
            release(self.identity)

    def _who(self, program: Program, *, claimed: bool) -> dict[str, str]:
        words = (word or "" for word in who(program))
        return identity(*words, forked=self._forked, claimed=claimed)

    @property
    def _pushed(self) -> list[PushChannel]:
        return [each for each in self._channels if isinstance(each, PushChannel)]

    @property
    def _scraped(self) -> list[ScrapeChannel]:
        return [each for each in self._channels if isinstance(each, ScrapeChannel)]

    def _consumer(
        self, settings: Settings, name: str, interval: float, reuse: float = 0.0
    ) -> Collector:
        limits = settings.samplers
        collector = Collector(
            self._selection,
            name=name,
            interval=interval,
            deadline=limits.deadline,
            reuse=reuse,
            max_samples=limits.max_samples,
            max_series=limits.max_series,
            identity=self.identity,
        )
        return begin_at_fork(collector) if self._begins_at_fork else collector

    def _load(self) -> None:
        for failure in self.discover():
            if failure.reason == "missing":
                log.info(
                    "sampler %r is not there yet: it is collected once it registers",
                    failure.sampler,
                )
            else:
                log.warning("sampler %r is not collected: %s", failure.sampler, failure.message)

    def _open(
        self,
        scraped: Sequence[ScrapeChannel],
        before: Mapping[str, Channel],
        settings: Settings,
        *,
        insist: bool,
    ) -> None:
        """Open all of them or none; or, without insisting, each as soon as that is possible."""
        problems = []
        opened: list[ScrapeChannel] = []
        for each in scraped:
            interval = each.settings.interval
            each.collector = self._consumer(settings, each.name, interval, reuse=interval)
            try:
                each.open(before.get(each.name))
            except Exception as error:
                problem = cannot_open(error, each.settings.adapter)
                problems.append(f"adapters.{each.name}{problem}")
                if not insist:
                    each.open_later(problem.partition(": ")[2])
            else:
                opened.append(each)
        if problems and insist:
            for each in opened:
                each.close(0.0)
            raise ConfigurationError(settings.file, problems)

    def _take_over(
        self, settings: Settings, channels: list[PushChannel | ScrapeChannel], *, same: bool
    ) -> None:
        """Make another configuration this agent's."""
        if who(settings.program) != who(self.settings.program):
            self._give_back()
            self._claim(settings.program)
        self.settings = settings
        self._selection.enable(settings.samplers.enable)
        self._channels = channels
        for each in self._scraped:
            if not same:
                interval = each.settings.interval
                each.collector = self._consumer(settings, each.name, interval, reuse=interval)
            self._collectors.append(each.collector)
        self._load()

    def _beat(self, collectors: Mapping[float | None, Collector]) -> None:
        """Begin to tick, each interval with the Collector that is given for it, or a new one."""
        for interval in sorted({each.settings.interval for each in self._pushed}):
            channels = [each for each in self._pushed if each.settings.interval == interval]
            schedule = Schedule(interval, phase(self.identity) * interval)
            collector = collectors.get(interval)
            if collector is None:
                collector = self.collector(f"{interval:g}s", interval)
            else:
                self._collectors.append(collector)
            self._loops.append(IntervalLoop(collector, schedule, channels))
        for loop in self._loops:
            loop.ticker.start()


def cannot_open(error: Exception, adapter: ScrapedAdapter) -> str:
    """Say, behind an adapter's key, why it cannot be opened, and what to do."""
    if isinstance(error, OSError):
        return f".listen: {bind_problem(error, getattr(adapter, 'listen', ''))}"
    return f": cannot be opened: {described(error)}"  # foreign code
