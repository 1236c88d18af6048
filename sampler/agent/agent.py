"""The agent of a process: Collectors on schedule, fanned out to adapters."""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import TYPE_CHECKING

from sampler import _registry
from sampler._collector import Collector
from sampler._registry import Registry
from sampler.agent.accounts import accounts
from sampler.agent.channel import Channel, Pushed, Scraped, channel
from sampler.agent.config import Settings, default_settings
from sampler.agent.identity import identity, release
from sampler.agent.pulse import Pulse
from sampler.agent.replacing import consumers, kept_or_new, stopped, who
from sampler.agent.schedule import Schedule, phase
from sampler.agent.secrecy import described
from sampler.agent.selection import Selection
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler._snapshot import Failure, Snapshot
    from sampler.agent.config import Program
    from sampler.agent.law import Account

_log = logging.getLogger("sampler")

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
        self.registry: Registry = _registry.default if registry is None else registry
        self._forked = self._begins_at_fork = forked
        self.identity: Mapping[str, str] = self._who(self.settings.program)
        self._own = Registry(reserved=True)
        self._selection = Selection(self.registry, self.settings.samplers.enable, self._own)
        self._channels: list[Pushed | Scraped] = [channel(w) for w in self.settings.adapters]
        self._collectors: list[Collector] = []
        self._pulses: list[Pulse] = []
        self._own.register(
            accounts(
                lambda: self._channels,
                lambda: self._collectors,
                lambda: {p.collector.name: p.ticker for p in self._pulses if p.ticker.ticks},
            )
        )
        self._running = self._stopped = False
        self._pid = os.getpid()

    def discover(self, enable: Sequence[str] | None = None) -> tuple[Failure, ...]:
        """Load named samplers; return those that cannot be.

        Args:
            enable: names and references; default: what the configuration names.
        """
        return self.registry.discover(self._selection.wanted(enable))

    def start(self) -> None:
        """Open what is scraped, then begin to pull and push. Doing it twice is harmless.

        The first pull is over when this returns, unless it takes longer than a second: what is
        counted from then on is an increase, and no part of a baseline.

        Raises:
            RuntimeError: it was stopped; make a new agent.
            ConfigurationError: an address cannot be bound; nothing has been started then.
        """
        if self._stopped:
            raise RuntimeError("a stopped agent does not start again: make a new one")
        if self._running:
            return
        self._load()
        self._open(self._scraped, {}, self.settings)
        self._collectors += [each.collector for each in self._scraped]
        self._running = True
        for each in self._pushed:
            each.start(self.identity)
        self._beat({})
        self._begins_at_fork = False
        until = time.monotonic() + _FIRST_PULL
        for pulse in self._pulses:
            pulse.ticker.wait(max(0.0, until - time.monotonic()))

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
        same = consumers(settings) == consumers(self.settings)
        before: dict[str, Channel] = {each.name: each for each in self._channels}
        channels = [kept_or_new(w, before.get(w.name), same=same) for w in settings.adapters]
        new = [each for each in channels if each is not before.get(each.name)]
        gone = [each for each in self._channels if each not in channels]
        self._open([each for each in new if isinstance(each, Scraped)], before, settings)
        patience = min((each.wiring.interval for each in self._channels), default=0.0) / 2
        deadline = time.monotonic() + min(patience, settings.program.flush_timeout)
        pulses, self._pulses = self._pulses, []
        free = [pulse.collector for pulse in pulses if stopped(pulse, deadline)]
        hung = [pulse.collector for pulse in pulses if pulse.collector not in free]
        self._end(gone, deadline)
        for each in new:
            if isinstance(each, Pushed):
                each.carry(before.get(each.name))
        unused, self._collectors = self._collectors, []
        self._take_over(settings, channels, same=same)
        for each in new:
            if isinstance(each, Pushed):
                each.start(self.identity)
        self._beat({p.collector.interval: p.collector for p in pulses if same})
        for pulse in pulses:
            pulse.close()
        for collector in unused:
            if collector not in self._collectors and collector not in hung:
                collector.close()

    def once(self) -> Snapshot:
        """Pull exactly once, deliver, and stop; scraped adapters take no part.

        Returns:
            What was pulled; :meth:`accounts` and :meth:`troubles` say what became of it.
        """
        self.discover()
        deadline = time.monotonic() + self.settings.program.flush_timeout
        interval = self.settings.program.interval
        pulse = Pulse(self.collector("once", interval), Schedule(interval), self._pushed)
        for each in self._pushed:
            each.start(self.identity)
        snapshot = pulse.tick()
        # Adapters stay open: closing one may take back what it has delivered.
        self._flush(self._pushed, max(deadline, time.monotonic() + 1.0), close=False)
        pulse.collector.close()
        pulse.close()
        return snapshot

    def stop(self, timeout: float | None = None) -> None:
        """Pull a last time, send what waits, and end. Doing it twice, or in a child, is harmless.

        Args:
            timeout: seconds for all of it; default: ``flush_timeout``. What cannot be sent by
                then is ``dropped{shutdown}``.
        """
        if not self._running or self._pid != os.getpid():  # its threads are the parent's
            return
        self._running, self._stopped = False, True
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        begun = time.monotonic()
        deadline = begun + seconds
        hung: list[Collector] = []
        for pulse in self._pulses:
            # A tick that hangs may take half of the time; the rest belongs to what is queued.
            if pulse.ticker.stop(begun + seconds / 2):
                pulse.tick(within=max(0.0, (deadline - time.monotonic()) / 3))
            else:
                hung.append(pulse.collector)  # closing it would wait for that tick
        self._end(self._channels, deadline)
        for collector in self._collectors:
            if collector not in hung:
                collector.close(within=max(0.1, deadline - time.monotonic()))
        for pulse in self._pulses:
            pulse.close()
        release(self.identity)

    def accounts(self) -> dict[str, Account]:
        """Return the law of every adapter by name."""
        return {each.name: each.account() for each in self._channels}

    def troubles(self) -> dict[str, str]:
        """Return, by adapter, what the last attempt to send failed with."""
        return {each.name: each.trouble for each in self._pushed if each.trouble}

    def alive(self) -> bool:
        """Tell whether every interval still ticks."""
        return self._running and all(pulse.ticker.alive for pulse in self._pulses)

    def collector(self, name: str, interval: float, reuse: float = 0.0) -> Collector:
        """Return a new consumer of what the configuration enables."""
        collector = self._consumer(self.settings, name, interval, reuse)
        self._collectors.append(collector)
        return collector

    def _who(self, program: Program) -> dict[str, str]:
        return identity(*(word or "" for word in who(program)), forked=self._forked)

    @property
    def _pushed(self) -> list[Pushed]:
        return [each for each in self._channels if isinstance(each, Pushed)]

    @property
    def _scraped(self) -> list[Scraped]:
        return [each for each in self._channels if isinstance(each, Scraped)]

    def _consumer(
        self, settings: Settings, name: str, interval: float, reuse: float = 0.0
    ) -> Collector:
        limits = settings.samplers
        return Collector(
            self._selection,
            name=name,
            interval=interval,
            deadline=limits.deadline,
            reuse=reuse,
            max_samples=limits.max_samples,
            max_series=limits.max_series,
            identity=self.identity,
            forked=self._begins_at_fork,
        )

    def _load(self) -> None:
        for failure in self.discover():
            if failure.reason == "missing":
                _log.info(
                    "sampler %r is not there yet: it is collected once it registers",
                    failure.sampler,
                )
            else:
                _log.warning("sampler %r is not collected: %s", failure.sampler, failure.message)

    def _open(
        self, scraped: Sequence[Scraped], before: Mapping[str, Channel], settings: Settings
    ) -> None:
        """Open all of them or none."""
        problems = []
        opened: list[Scraped] = []
        for each in scraped:
            interval = each.wiring.interval
            each.collector = self._consumer(settings, each.name, interval, reuse=interval)
            try:
                each.open(before.get(each.name))
            except OSError as error:
                problems.append(f"adapters.{each.name}.listen: {bind_problem(error)}")
            except Exception as error:  # foreign code
                problems.append(f"adapters.{each.name}: cannot be opened: {described(error)}")
            else:
                opened.append(each)
        if problems:
            for each in opened:
                each.close(0.0)
            raise ConfigurationError(settings.file, problems)

    def _take_over(
        self, settings: Settings, channels: list[Pushed | Scraped], *, same: bool
    ) -> None:
        """Make another configuration this agent's."""
        if who(settings.program) != who(self.settings.program):
            release(self.identity)
            self.identity = self._who(settings.program)
        self.settings = settings
        self._selection.enable(settings.samplers.enable)
        self._channels = channels
        for each in self._scraped:
            if not same:
                interval = each.wiring.interval
                each.collector = self._consumer(settings, each.name, interval, reuse=interval)
            self._collectors.append(each.collector)
        self._load()

    def _beat(self, collectors: Mapping[float | None, Collector]) -> None:
        """Begin to tick, each interval with the Collector that is given for it, or a new one."""
        for interval in sorted({each.wiring.interval for each in self._pushed}):
            channels = [each for each in self._pushed if each.wiring.interval == interval]
            schedule = Schedule(interval, phase(self.identity) * interval)
            collector = collectors.get(interval)
            if collector is None:
                collector = self.collector(f"{interval:g}s", interval)
            else:
                self._collectors.append(collector)
            self._pulses.append(Pulse(collector, schedule, channels))
        for pulse in self._pulses:
            pulse.ticker.start()

    def _end(self, channels: Sequence[Channel], deadline: float) -> None:
        self._flush([each for each in channels if isinstance(each, Pushed)], deadline)
        for each in channels:
            if isinstance(each, Scraped):
                each.close(max(0.1, deadline - time.monotonic()))

    def _flush(self, pushed: Sequence[Pushed], deadline: float, *, close: bool = True) -> None:
        for each in pushed:
            each.finish(deadline, close=close)
        for each in pushed:
            each.join()


def bind_problem(error: OSError) -> str:
    """Say why an address cannot be bound, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return "the port is in use by another program: choose another one, or end that program"
    return f"cannot listen there: {error.strerror or error}"
