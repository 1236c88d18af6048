"""The agent of a process: Collectors on schedule, fanned out to adapters; started and stopped."""

from __future__ import annotations

import atexit
import logging
import os
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sampler import _registry
from sampler._collector import Collector
from sampler._registry import Registry
from sampler._worker import Crew
from sampler.agent.accounts import accounts
from sampler.agent.channel import Pushed, Scraped, channel, fan_out
from sampler.agent.config import DEFAULT_FILE, Settings, default_settings, read
from sampler.agent.identity import identity, release
from sampler.agent.schedule import Schedule, Ticker, phase
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler._registry import Registration
    from sampler._snapshot import Failure, Snapshot
    from sampler.agent.law import Account

_log = logging.getLogger("sampler")


class Selection:
    """The registrations an agent collects: what its configuration enables, and its own account."""

    def __init__(self, registry: Registry, enabled: tuple[str, ...] | None, own: Registry) -> None:
        self._registry = registry
        self._enabled = None if enabled is None else frozenset(enabled)
        self._own = own

    def __iter__(self) -> Iterator[Registration]:
        for registration in self._registry:
            if (
                self._enabled is None
                or registration.name in self._enabled
                or registration.origin in self._enabled
            ):
                yield registration
        yield from self._own


class Pulse:
    """One interval: a Collector, its ticks, and the adapters that get its snapshots."""

    def __init__(self, collector: Collector, schedule: Schedule, channels: list[Pushed]) -> None:
        self.collector = collector
        self.ticker: Ticker = Ticker(f"sampler-tick-{collector.name}", schedule, self.tick)
        self._channels = channels
        self._crew = Crew(f"sampler-encode-{collector.name}")

    def tick(self, within: float | None = None) -> Snapshot:
        """Pull once and hand the snapshot out."""
        snapshot = self.collector.collect(within=within)
        fan_out(self._crew, self._channels, snapshot)
        return snapshot

    def close(self) -> None:
        """Let the encoding thread end; the Collector is its agent's to close."""
        self._crew.close()


class Agent:
    """Runs what a configuration says, in this process.

    Args:
        settings: the configuration; default: built in.
        registry: where samplers are found; default: the default registry.
    """

    def __init__(self, settings: Settings | None = None, registry: Registry | None = None) -> None:
        self.settings: Settings = settings or default_settings()
        self.registry: Registry = _registry.default if registry is None else registry
        program = self.settings.program
        self.identity: Mapping[str, str] = identity(
            program.service or "", program.host or "", program.instance or ""
        )
        self._own = Registry(reserved=True)
        self._selection = Selection(self.registry, self.settings.samplers.enable, self._own)
        channels = [channel(wiring) for wiring in self.settings.adapters]
        self._pushed = [each for each in channels if isinstance(each, Pushed)]
        self._scraped = [each for each in channels if isinstance(each, Scraped)]
        self._channels = channels
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

    def discover(self) -> tuple[Failure, ...]:
        """Load the samplers that the configuration names; return those that cannot be."""
        enable = self.settings.samplers.enable
        return self.registry.discover(("process",) if enable is None else enable)

    def start(self) -> None:
        """Open what is scraped, then begin to pull and push. Doing it twice is harmless.

        Raises:
            RuntimeError: it was stopped; make a new agent.
            ConfigurationError: an address cannot be bound; nothing has been started then.
        """
        if self._stopped:
            raise RuntimeError("a stopped agent does not start again: make a new one")
        if self._running:
            return
        for failure in self.discover():
            if failure.reason == "missing":
                _log.info(
                    "sampler %r is not there yet: it is collected once it registers",
                    failure.sampler,
                )
            else:
                _log.warning("sampler %r is not collected: %s", failure.sampler, failure.message)
        self._open()
        intervals = sorted({each.wiring.interval for each in self._pushed})
        for interval in intervals:
            channels = [each for each in self._pushed if each.wiring.interval == interval]
            schedule = Schedule(interval, phase(self.identity) * interval)
            collector = self.collector(f"{interval:g}s", interval)
            self._pulses.append(Pulse(collector, schedule, channels))
        self._running = True
        for each in self._pushed:
            each.start()
        for pulse in self._pulses:
            pulse.ticker.start()

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
            each.start()
        snapshot = pulse.tick()
        self._flush(max(deadline, time.monotonic() + 1.0))
        pulse.collector.close()
        pulse.close()
        return snapshot

    def stop(self, timeout: float | None = None) -> None:
        """Pull a last time, send what waits, and end. Doing it twice is harmless.

        Args:
            timeout: seconds for all of it; default: ``flush_timeout``. What cannot be sent by
                then is ``dropped{shutdown}``.
        """
        if not self._running:
            return
        self._running, self._stopped = False, True
        seconds = self.settings.program.flush_timeout if timeout is None else timeout
        begun = time.monotonic()
        deadline = begun + seconds
        hung: list[Collector] = []
        for pulse in self._pulses:
            # A tick that hangs may take half of the time; the rest belongs to what is queued.
            if pulse.ticker.stop(begun + seconds / 2):
                pulse.tick(within=max(0.0, (deadline - time.monotonic()) / 2))
            else:
                hung.append(pulse.collector)  # closing it would wait for that tick
        self._flush(deadline)
        for scraped in self._scraped:
            scraped.close(max(0.1, deadline - time.monotonic()))
        for collector in self._collectors:
            if collector not in hung:
                collector.close()
        for pulse in self._pulses:
            pulse.close()
        release(self.identity)

    def accounts(self) -> dict[str, Account]:
        """Return the law of every adapter by name."""
        return {each.name: each.account() for each in self._channels}

    def troubles(self) -> dict[str, str]:
        """Return, by adapter, what the last attempt to send failed with."""
        return {each.name: each.trouble for each in self._pushed if each.trouble}

    def collector(self, name: str, interval: float, reuse: float = 0.0) -> Collector:
        """Return a new consumer of what the configuration enables."""
        limits = self.settings.samplers
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
        self._collectors.append(collector)
        return collector

    def _open(self) -> None:
        problems = []
        opened: list[Scraped] = []
        for each in self._scraped:
            interval = each.wiring.interval
            collector = self.collector(each.name, interval, reuse=interval)
            try:
                each.open(collector.collect)
            except OSError as error:
                problems.append(f"adapters.{each.name}.listen: {bind_problem(error)}")
            else:
                opened.append(each)
        if problems:
            for each in opened:
                each.close(0.0)
            self._collectors.clear()
            raise ConfigurationError(self.settings.file, problems)

    def _flush(self, deadline: float) -> None:
        for each in self._pushed:
            each.finish(deadline)
        for each in self._pushed:
            each.join()


def bind_problem(error: OSError) -> str:
    """Say why an address cannot be bound, and what to do."""
    import errno

    if error.errno == errno.EADDRINUSE:
        return "the port is in use by another program: choose another one, or end that program"
    return f"cannot listen there: {error.strerror or error}"


_lock = Lock()
_agent: Agent | None = None


def start(config: str | Path | None = None, registry: Registry | None = None) -> Agent:
    """Start the agent of this process; when one runs already, return it unchanged.

    Args:
        config: the configuration file; default: ``./sampler.toml`` if there is one, else built-in
            defaults.
        registry: where samplers are found; default: the default registry.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    global _agent  # noqa: PLW0603 - one agent per process is the point
    with _lock:
        if _agent is None:
            agent = Agent(settings(config), registry)
            agent.start()
            _agent = agent
            atexit.register(stop)
        return _agent


def stop(timeout: float | None = None) -> None:
    """Stop the agent of this process, if one runs: flush within ``timeout`` seconds."""
    global _agent
    with _lock:
        agent, _agent = _agent, None
    if agent is not None:
        atexit.unregister(stop)
        agent.stop(timeout)


def settings(config: str | Path | None = None) -> Settings:
    """Read the given file, or ``./sampler.toml``, or take the built-in defaults."""
    if config is not None:
        return read(config)
    return read(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else default_settings()


def _forget_after_fork() -> None:
    """A child has none of the parent's threads: its agent is not this one."""
    global _lock, _agent
    _lock, _agent = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
