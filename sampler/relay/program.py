"""An agent whose numbers are those of all processes that report to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from sampler._contract.snapshot import Snapshot
from sampler._pull.collector import change_settings
from sampler._registry.announcements import SAMPLERS, announcements
from sampler._registry.registry import Registry
from sampler.adapterkit._unix.listener import Listener, SocketProblem
from sampler.adapterkit.threads import Lock, sleep
from sampler.agent import Agent, ProcessState, SamplersSettings, log
from sampler.agent.config.bridged import without_bridges
from sampler.agent.config.joining import FALLBACK
from sampler.agent.config.relay import DIRECT
from sampler.agent.config.series import selects
from sampler.exceptions import ConfigurationError
from sampler.relay.account import RELAY, SERVER, samplers
from sampler.relay.address import default_address, user_ids
from sampler.relay.exemplars import NewExemplars
from sampler.relay.frames import FrameReader, frame
from sampler.relay.members import OWN, Member, Members
from sampler.relay.messages import Kind
from sampler.relay.server import MISSED, NOBODY, Server
from sampler.relay.session import Session
from sampler.relay.tables import Slices, Tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler._contract.snapshot import Series
    from sampler._pull.collector import Collector
    from sampler.agent import Balance, Settings
    from sampler.agent.config.web import WebSettings

_PAUSE = 0.02
"""Seconds between two looks for processes that are left."""
_SHORTEST = 1.0
"""Seconds: a report that comes later than that is late, however short the interval is."""
_FOR_WORKERS = ("interval", "flush_timeout", "fork", "labels")
"""Keys at the top that hold for all processes."""


_WIRED = (
    "an interpreter without sampler-api, python -I, -E or -S, and a program that a Python program "
    "calls as a subprocess get no agent: install sampler-api there, leave the option out, or put "
    "'sampler run --' before that program"
)
_JOINED = (
    "a process reports if SAMPLER_RELAY={} is in its environment, its interpreter has "
    "sampler-api, it calls sampler.agent.start(), and relay.users names its user if that is "
    "another one"
)
"""Why nobody reports, and what to do: under ``sampler run --``, and elsewhere."""


class RelayAgent(Agent):
    """Runs what a configuration says, for the processes that report to it.

    Its pages and its pushes are any agent's. What they collect is merged from the processes, and
    from this agent's own account, as if it were one more process: so there is one account of all.

    Args:
        settings: the configuration; ``[samplers]`` is for the processes.
        listener: where they connect, beside where ``[relay]`` says; None: there only.
        number: of this relay among those of one command, from 1 on; 0: nobody counts them.
        more: samplers of its own, beside those of its account, for a job: whose last gauges stay.

    Attributes:
        sees_them_off: those that connect to ``listener`` end, too, so a stop waits for their last
            reports; it may take ``flush_timeout`` twice then.

    Raises:
        ConfigurationError: nothing can listen there.
    """

    def __init__(
        self,
        settings: Settings,
        listener: Listener | None = None,
        number: int = 0,
        more: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._began = time.time()
        self._until = float("inf")
        self.sees_them_off: bool = False
        self._members = Members(self._began, time.time, number)
        self._is_job = bool(more)
        self._members.retain_merged = self._is_job
        registry = Registry(reserved=True)
        own = (*samplers(self._members, counting=not more), *more)
        for each in own:
            registry.register(each)
        self._own = tuple(str(each["name"]) for each in own)
        super().__init__(own_settings(settings, self._own), registry, sources=self._merged)
        self._listeners = _listeners(settings, listener)
        self._server: Server | None = None
        self._told = settings
        self._address = settings.relay.socket or default_address()
        interval = self.settings.program.interval
        account = self._consumers.new(self.settings, OWN, interval)
        self._account = Account(self._members, account)

    def start(self, *, insist: bool = True) -> None:
        """See :meth:`Agent.start`; processes are taken once the pages are there."""
        super().start(insist=insist)
        if self._server is None:
            users, told = user_ids(self._told.relay.users), for_workers(self._told, self.identity)
            self._members.retain = self._told.relay.retain
            totals = self._merged("readers", self.settings.program.interval)
            self._server = Server(
                [each.socket for each in self._listeners],
                self._members,
                users,
                told,
                lambda within: totals.collect(within=within),
                _WIRED if self.sees_them_off else _JOINED.format(self._address),
            )
            self._server.start()

    def reload(self, settings: Settings) -> None:
        """See :meth:`Agent.reload`; processes learn their settings when they connect anew."""
        super().reload(own_settings(settings, self._own))
        if settings.relay.socket != self._told.relay.socket:
            log.warning("%s: relay.socket: takes effect at the next start", settings.file)
        self._told = settings
        self._account.tell(self.settings.samplers.settings)
        self._members.retain = settings.relay.retain
        if self._server is not None:
            self._server.users = user_ids(settings.relay.users)
            self._server.settings = for_workers(settings, self.identity)

    def stop(self, timeout: float | None = None) -> dict[str, Balance]:
        """See :meth:`Agent.stop`; first what processes have sent is counted, and no more taken."""
        if self._server is not None:
            seconds = self.settings.program.flush_timeout if timeout is None else timeout
            self._until = min(self._until, time.monotonic() + seconds)
            while self._awaits_some() and time.monotonic() < self._until:
                sleep(_PAUSE)
            self._server.close(seconds)
            if self._nobody_came():
                log.warning("the command has ended, and no process of it has reported: %s", _WIRED)
        balances = super().stop(timeout)
        self._account.close()
        for each in self._listeners:
            each.close()
        return balances

    def processes(self) -> list[ProcessState]:
        """Return the processes that report."""
        now = time.time()
        return [_state(each, now) for each in self._members.all()]

    def _awaits_some(self) -> bool:
        """Tell whether processes report that end with this relay; guests go on without it."""
        return self.sees_them_off and any(not each.guest for each in self._members.all())

    def _nobody_came(self) -> bool:
        """Tell whether a command has ended unseen: not a job, which may be any program."""
        alone = self.sees_them_off and self._members.number <= 1 and not self._members.starts
        return alone and not self._is_job and time.time() - self._began < NOBODY

    def _merged(self, name: str, interval: float) -> Merged:
        return Merged(self, name, interval)


def _state(member: Member, now: float) -> ProcessState:
    process = member.process
    silent = now - member.heard() > MISSED * max(member.interval, _SHORTEST)
    return ProcessState(
        process.label,
        member.pid or None,
        member.role,
        process.began,
        member.reported,
        "silent" if silent else "reports",
    )


class Account:
    """The relay's own part of the merged series.

    Args:
        members: all processes.
        collector: pulls it.

    Attributes:
        labels: what it gives every series.
    """

    def __init__(self, members: Members, collector: Collector) -> None:
        self._lock = Lock()
        self.labels: Mapping[str, str] = {}
        self._collector = collector
        self._session = Session(members, members.own())
        self._slices = Slices()
        self._exemplars = NewExemplars()
        self._numbers: dict[Series, int] = {}
        self._tables = Tables(self._numbers)
        self._reader = FrameReader()

    def report(self, within: float | None) -> None:
        """Pull the account, and report it as a process does."""
        with self._lock:
            snapshot = self._collector.collect(within=within)
            self.labels = snapshot.labels
            pairs = self._slices.of(snapshot.blocks)
            frames = list(self._tables.update([each for _, each in pairs], {}))
            frames += [
                part.values(block, place, self._exemplars)[0]
                for place, (block, part) in enumerate(pairs)
            ]
            self._exemplars.end()
            for kind, body in self._reader.feed(b"".join((*frames, frame(Kind.SYNC)))):
                self._session.receive(kind, body)

    def tell(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Tell factories something else from the next pull on."""
        change_settings(self._collector, settings)

    def close(self) -> None:
        """End."""
        self._collector.close(within=0.1)


class Merged:
    """What one loop or page of a relay's agent collects from; see :class:`Source`."""

    longest: float = 10.0

    def __init__(self, agent: RelayAgent, name: str, interval: float) -> None:
        self.name = name
        self.interval: float | None = interval
        self._agent = agent
        self._reader = agent._members.reader()  # noqa: SLF001 - one module

    def collect(self, *, within: float | None = None) -> Snapshot:
        """Return what all processes have counted."""
        agent = self._agent
        now = time.time()
        agent._account.report(within)  # noqa: SLF001 - one module
        blocks = agent._members.collect(self._reader)  # noqa: SLF001 - one module
        labels = agent._account.labels  # noqa: SLF001 - one module
        return Snapshot(
            blocks,
            now,
            agent._began,  # noqa: SLF001 - one module
            agent.identity,
            (),
            self.interval,
            labels,
        )

    def close(self, *, within: float | None = None) -> None:
        """Do nothing: processes report to others, too."""

    def statistics(self) -> list[Any]:
        """Return nothing: each process says what became of its samples."""
        return []


def own_settings(settings: Settings, samplers: tuple[str, ...] = (SERVER, RELAY)) -> Settings:
    """Return the settings of the relay's own agent: its own samplers, and what needs no worker."""
    program, wanted = settings.program, settings.samplers
    # Not a slot: its paths must not depend on who was there first.
    program = attrs.evolve(program, instance=program.instance or OWN, fork=False)
    once = needing_no_worker(settings)
    own = SamplersSettings(
        enable=(*samplers, *once),
        deadline=wanted.deadline,
        settings={name: wanted.settings[name] for name in once if name in wanted.settings},
        keep=wanted.keep,
        drop=wanted.drop,
        rename=wanted.rename,
    )
    return attrs.evolve(settings, program=program, samplers=own)


def needing_no_worker(settings: Settings) -> tuple[str, ...]:
    """Return the enabled samplers that the relay pulls itself, once for all processes."""
    wanted = (*(settings.samplers.enable or ()), *settings.samplers.bridges)
    there = {each.name: each for each in announcements(SAMPLERS) if each.once}
    return tuple(
        name
        for name, each in there.items()
        if (name in wanted if each.bridge else selects(wanted, name))
    )


def for_workers(settings: Settings, identity: Mapping[str, str]) -> dict[str, Any]:
    """Return the tables that processes are told: no adapter's, which may hold secrets."""
    program, bridges = settings.program, settings.bridges.tables()
    limits, once = (
        without_bridges(settings.samplers, settings.bridges),
        needing_no_worker(settings),
    )
    samplers = _given(limits)
    del samplers["_bridges"]
    if limits.enable is not None:
        samplers["enable"] = [name for name in limits.enable if name not in once]
        samplers["settings"] = {k: v for k, v in limits.settings.items() if k not in once}
    told = {
        **{key: getattr(program, key) for key in _FOR_WORKERS},
        "service": identity["service"],
        "host": identity["host"],
        "samplers": samplers,
        "bridges": {name: table for name, table in bridges.items() if name not in once},
        "web": _given(settings.web),
    }
    if settings.relay.fallback == DIRECT:
        told[FALLBACK] = str(Path(settings.file).absolute())
    return {key: _escaped(value) for key, value in told.items()}


def _given(table: SamplersSettings | WebSettings) -> dict[str, Any]:
    """Return the keys of a table that say something."""
    given = attrs.asdict(table, recurse=False)
    return {key: value for key, value in given.items() if value is not None}


def _escaped(value: Any) -> Any:
    """Return a value of a configuration so that reading it again gives the same."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list | tuple) else value


def _listeners(settings: Settings, given: Listener | None) -> list[Listener]:
    """Return what was given, and what listens where the file says.

    Raises:
        ConfigurationError: nothing was given, and nothing can listen where the file says.
    """
    found = [] if given is None else [given]
    address = settings.relay.socket or ("" if found else default_address())
    try:
        return [*found, Listener.at(address)] if address else found
    except SocketProblem as problem:
        if not found:
            raise ConfigurationError(settings.file, [f"relay.socket: {problem}"]) from None
        log.warning("%s: relay.socket: %s; only the command reports here", settings.file, problem)
        return found
