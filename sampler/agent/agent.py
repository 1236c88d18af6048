"""The agent of a process: Collectors on schedule, fanned out to adapters."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._pull.collector import Collector, change_settings
from sampler._pull.fork_baseline import ForkBaseline
from sampler._registry import registry as registries
from sampler._registry.discovery import log_failures
from sampler._registry.registry import Registry
from sampler._runtime.log import log
from sampler._runtime.native import get_ident
from sampler._runtime.service import unhealthy
from sampler._runtime.threads import Lock, uninterrupted
from sampler.agent.account import Account
from sampler.agent.attaching import attach
from sampler.agent.bridges import FIRST_PULL, begin_bridges
from sampler.agent.channel import PushChannel, ScrapeChannel, channel, pushed, scraped, ticked
from sampler.agent.config.reading import default_settings
from sampler.agent.consumers import Consumers
from sampler.agent.doubts import log_doubts, notes
from sampler.agent.ending import SHORT, end, safely, send_now, send_once
from sampler.agent.identity import AgentIdentity
from sampler.agent.interval_loop import IntervalLoop
from sampler.agent.pages import open_new_pages, open_pages
from sampler.agent.reloading import Difference, channels_after, replace
from sampler.agent.roles import STANDALONE
from sampler.agent.schedule import Schedule
from sampler.agent.selection import Selection
from sampler.agent.self_metrics import self_metrics
from sampler.agent.stand_ins import link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampler._contract.snapshot import Failure, Snapshot
    from sampler.agent.config.settings import Settings
    from sampler.agent.delivery.ledger import Balance
    from sampler.agent.roles import Role
    from sampler.agent.source import Source
    from sampler.types import Registered

_OVERDUE = 30.0
"""Seconds after its time for which stop() waits for a thread that something holds up."""
_NESTED = 2
"""Calls of stop() on one thread that wait: one, and one of a signal handler that interrupts it."""


class Agent:
    """Runs what a configuration says, in this process.

    Args:
        settings: the configuration; default: built in.
        registry: where samplers are found; default: the default registry, and those that other
            distributions announce.
        role: what this process is to its server: ``worker``, ``supervisor`` or ``standalone``.
        sources: makes what loops and pages collect from, of a name and an interval; default: a
            Collector of the samplers each.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        registry: Registry | None = None,
        *,
        role: Role = STANDALONE,
        sources: Callable[[str, float], Source] | None = None,
    ) -> None:
        self.settings: Settings = settings or default_settings()
        self.registry: Registry = registries.default if registry is None else registry
        own = Registry(reserved=True)
        self._selection = Selection(
            self.registry, self.settings.samplers, own, everywhere=registry is None
        )
        self._identity = AgentIdentity(self.settings.program, role)
        self._consumers = Consumers(self._selection, self._identity, sources)
        self._channels: list[PushChannel | ScrapeChannel] = [
            channel(each) for each in self.settings.adapters
        ]
        link(self._channels)
        attach(self, self._channels)
        own.register(
            self_metrics(lambda: self._channels, self._consumers, self._selection.uncollected)
        )
        self._running = self._stopped = self._flushing = False
        self._until = float("inf")
        self._stopping: dict[int, int] = {}  # by thread that waits for the end: its calls that do
        self._finisher = 0  # the thread that makes it
        self._change = Lock()
        """Held during start, reload and end; never by a thread that signals interrupt."""
        self._pid = os.getpid()

    def _take_over(self, at_fork: ForkBaseline | None, *, forked: bool) -> None:
        """Be an agent of a forked child: what was counted since the fork is an increase.

        Args:
            at_fork: what the parent has read right before the fork.
            forked: the configured instance is the parent's.
        """
        self._identity.forked = forked
        self._consumers.begin_at_fork(at_fork)

    def _fork_baseline(self) -> ForkBaseline:
        """Return what reads, before a fork, the counts that the child inherits."""
        limits = self.settings.samplers
        registered = self._selection.registered
        return ForkBaseline(registered, limits.max_samples, limits.max_series)

    @property
    def identity(self) -> Mapping[str, str]:
        """The identity that travels beside every snapshot."""
        return self._identity.values

    def discover(self, enable: Sequence[str] | None = None) -> tuple[Failure, ...]:
        """Load samplers that are named, or imported; return a failure for each that cannot be.

        Args:
            enable: names and references; default: what the configuration names.
        """
        return self._selection.discover(enable)

    def start(self, *, insist: bool = True) -> None:
        """Open what is scraped, then begin to pull and push. Doing it twice is harmless.

        The first pull is over when this returns, unless it takes longer than a second: what is
        counted from then on is an increase, not part of a baseline. An interrupted start leaves
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
            self._identity.lock(self.settings.program)
            for page in self._scraped:
                page.collector = self._page_collector(page, self.settings)
            open_pages(self._scraped, {}, self.settings.file, insist=insist)
            self._consumers.collectors += [page.collector for page in self._scraped]
            for each in self._pushed:
                each.start(self.identity)
            self._consumers.start_loops(self._pushed, self.settings, {})
        until = time.monotonic() + FIRST_PULL
        begin_bridges(self.settings, self._scraped)
        for loop in tuple(self._consumers.loops):
            while time.monotonic() < until and not (self._stopped or loop.ticker.wait(SHORT)):
                pass

    def reload(self, settings: Settings) -> None:
        """Go on with another configuration.

        Adapters whose tables say the same run on untouched. One that keeps its name but not its
        table is replaced: what waits gets a last attempt, and the new adapter goes on with the
        old one's ledger, the values that its differences start from, and its listening port.
        Others come and go.

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
        difference = Difference.between(self.settings, settings)
        before = {each.name: each for each in self._channels}
        after = channels_after(settings, difference, before)
        new = [each for each in after if each.name in (*difference.new, *difference.replaced)]
        ended = [before[name] for name in (*difference.replaced, *difference.gone)]
        attach(self, new)
        for page in scraped(new):
            page.collector = self._page_collector(page, settings)
        open_new_pages(scraped(new), before, settings.file)  # raises while nothing has changed

        deadline = self._reload_deadline(settings)
        paused = self._consumers.pause(deadline)
        replace(ended, new, deadline)
        collectors = self._change_to(settings, after, difference)
        for each in pushed(new):
            each.start(self.identity)
        reuse = paused.collectors() if difference.same_consumers else {}
        self._consumers.start_loops(self._pushed, settings, reuse)
        self._consumers.close_unused(paused, collectors)

    def _reload_deadline(self, settings: Settings) -> float:
        """Return the monotonic moment by which a reload has ended what it ends."""
        intervals = (each.settings.interval for each in self._channels)
        patience = min(intervals, default=0.0) / 2
        return time.monotonic() + min(patience, settings.program.flush_timeout)

    def _change_to(
        self,
        settings: Settings,
        channels: list[PushChannel | ScrapeChannel],
        difference: Difference,
    ) -> list[Source]:
        """Make another configuration this agent's; return the sources that it had until now."""
        collectors, self._consumers.collectors = self._consumers.collectors, []
        if not difference.same_identity:
            self._identity.unlock()
            self._identity.lock(settings.program)
        self.settings = settings
        self._selection.enable(settings.samplers)
        link(channels, self._channels)
        self._channels = channels
        for page in self._scraped:
            if not difference.same_consumers:
                page.collector = self._page_collector(page, settings)
            self._consumers.collectors.append(page.collector)
        for each in collectors:
            if isinstance(each, Collector):
                change_settings(each, settings.samplers.settings)
        self._load()
        return collectors

    def flush(self, timeout: float | None = None) -> Account:
        """Pull now, and wait until adapters have sent what waits; the agent runs on.

        What an endpoint does not take is tried again while there is time, and stays queued.

        Args:
            timeout: seconds for all of it; default: ``flush_timeout``.
        """
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        until = time.monotonic() + seconds
        flushed: dict[str, Balance] = {}
        if self._running and self._pid == os.getpid():
            loops, channels = tuple(self._consumers.loops), self._pushed
            with suppress(TimeoutError):
                uninterrupted(
                    lambda: safely(send_now, loops, channels, until, flushed),
                    here=True,
                    left=lambda: until + FIRST_PULL - time.monotonic(),
                )
        return Account({**self.balances(), **flushed}, self.troubles())

    def once(self, timeout: float | None = None) -> Snapshot:
        """Pull exactly once, deliver, and stop; scraped adapters take no part.

        Args:
            timeout: seconds for all of it; default: those of the pull, and ``flush_timeout``.

        Returns:
            What was pulled; :meth:`account` says what became of it.
        """
        try:
            snapshot: Snapshot = uninterrupted(lambda: self._deliver_once(timeout))
        finally:
            self._identity.unlock()
        return snapshot

    def _deliver_once(self, timeout: float | None) -> Snapshot:
        self.discover()
        self._identity.lock(self.settings.program)
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        interval = self.settings.program.interval
        loop = IntervalLoop(
            self.collector("once", interval), Schedule(interval), ticked(self._pushed)
        )
        until = time.monotonic() + seconds
        return send_once(loop, self._pushed, self.identity, timeout, until)

    def stop(self, timeout: float | None = None) -> dict[str, Balance]:
        """Pull a last time, send what waits, and end. It raises what signal handlers raise only.

        A ``SystemExit`` of theirs comes once it is done. Doing it twice is harmless, and a second
        call may shorten the first one's time. In a forked child it does nothing: the agent is the
        parent's. What an endpoint does not take is tried again while there is time, and then
        ``dropped{shutdown}``: the log says how much, and why.

        Args:
            timeout: seconds for all of it; default: ``flush_timeout``.

        Returns:
            See :meth:`balances`.
        """
        if self._pid != os.getpid():  # its threads are the parent's
            return {}
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        self._until = min(self._until, time.monotonic() + seconds)
        self._stopped = True
        if self._flushing:  # the end has come nearer
            for each in self._pushed:
                each.finish(self._until)
        left = lambda: self._until + _OVERDUE - time.monotonic()  # noqa: E731 - it may come nearer
        mine = get_ident()
        calls = self._stopping.get(mine, 0)
        # A signal handler may interrupt that very call, and others that handler, all the time.
        if calls < _NESTED and mine != self._finisher:
            self._stopping[mine] = calls + 1
            try:
                end_all = lambda: safely(self._finish)  # noqa: E731
                uninterrupted(end_all, here=True, left=left, exit_last=True)
            except TimeoutError as late:
                log.error("the agent's end has not come in time: %s", late)
            finally:
                self._stopping[mine] = calls
        return self.balances()

    def _finish(self) -> None:
        self._finisher = get_ident()
        while not self._change.acquire(timeout=SHORT):
            if time.monotonic() > self._until + FIRST_PULL:  # an adapter's open() hangs
                log.error("the agent cannot stop: its start or reload has not ended")
                return
        try:
            if self._running:
                self._running = False
                hung = self._consumers.last_ticks(lambda: self._until)
                self._flushing = True
                safely(end, self._channels, self._until)
                self._consumers.close(hung, lambda: self._until)
            safely(self._identity.unlock)
        finally:
            self._change.release()

    def balances(self) -> dict[str, Balance]:
        """Return, by adapter, the numbers of its ledger."""
        return {each.name: each.balance() for each in self._channels if each.accounted}

    def troubles(self) -> dict[str, str]:
        """Return, by adapter, what the last attempt to send failed with."""
        return {each.name: each.trouble for each in self._pushed if each.trouble}

    def account(self) -> Account:
        """Return what became of everything so far."""
        return Account(self.balances(), self.troubles())

    def alive(self) -> bool:
        """Tell whether it runs and every thread of ours in this process serves.

        :func:`sampler.adapterkit.threads.unhealthy` says which one does not, and why.
        """
        return self._running and not unhealthy()

    def registrations(self) -> tuple[Registered, ...]:
        """Return what a new consumer pulls in its first round, the agent's own metrics last."""
        return tuple(self._selection.of_consumer())

    def notes(self) -> list[str]:
        """Return a sentence on each key that another one replaces, or that concerns no sampler."""
        return notes(self.settings, self._selection, self.registrations())

    def collector(self, name: str, interval: float, reuse: float = 0.0) -> Collector:
        """Return a new consumer of what the configuration enables."""
        collector = self._consumers.new(self.settings, name, interval, reuse)
        self._consumers.collectors.append(collector)
        return collector

    def _page_collector(self, page: ScrapeChannel, settings: Settings) -> Source:
        interval = page.settings.interval
        return self._consumers.source(settings, page.name, interval, reuse=interval)

    @property
    def _pushed(self) -> list[PushChannel]:
        return pushed(self._channels)

    @property
    def _scraped(self) -> list[ScrapeChannel]:
        return scraped(self._channels)

    def _load(self) -> None:
        log_failures(self.discover())
        log_doubts(self.settings, self._selection.chosen(self.registry))
