"""The one agent of a process: started, reloaded and stopped by name; a forked child gets its own.

In the child nothing is started at once: the hooks of others have not run yet, and many children
end, or become another program, right away. One thread sleeps for a moment and then starts an
agent like the parent's. What was counted since the fork is not lost: it begins there.

A child that a sampler, an adapter or a page has forked gets none: its agent would call them, and
they would fork again. Nor does one that is forked inside ``no_fork``, nor any child of these.
"""

from __future__ import annotations

import atexit
import sys
import time
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.fork import chain_uwsgi, in_child
from sampler._runtime.log import log
from sampler._runtime.native import RLock
from sampler._runtime.no_fork import no_fork
from sampler._runtime.service import Service
from sampler._runtime.threads import Event
from sampler._runtime.who_forked import gets_no_agent
from sampler.agent.agent import Agent
from sampler.agent.config.settings import Settings, settings
from sampler.agent.delivery.adapter import ScrapedAdapter
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from sampler._registry.registry import Registry
    from sampler.agent.config.settings import AdapterSettings
    from sampler.agent.delivery.ledger import Balance

SETTLING = 0.1
"""Seconds after a fork until the child's agent starts; sooner when the child ends before."""
GENERATIONS = 4
"""How many times in a row an agent may be inherited within :data:`A_WHILE`. A sampler that forks
on a thread of its own is not known to have done so; this ends what it begins."""
A_WHILE = 60.0
"""Seconds."""

_lock: Any = RLock()
"""A signal handler may come back to what its thread does already."""
_agent: Agent | None = None
"""The one that runs, or starts."""
_wanted: tuple[Settings, Registry | None] | None = None
"""What the agent of this process was started with; of a child until it stops: its parent's."""
_inherited = False
"""Nobody has asked for this agent: it came with a fork."""
_starting = False
"""A thread reads the configuration to start with: only its signal handlers see this."""
_reloads: list[str | Path | None] = []
"""The configuration that is being read, and the next one."""
_ROUNDS = 8
"""Reloads that one call does for itself and for the signal handlers that interrupt it."""
_stops = 0
"""Calls of stop(): one that comes while the configuration is read must not be forgotten."""
_restart: Service | None = None
_hurry = Event()
_forks: tuple[float, ...] = ()
"""Monotonic moments of the last forks in this process' line that handed an agent down."""


def start(config: str | Path | None = None, registry: Registry | None = None) -> Agent:
    """Start the agent of this process; when one runs already, return it unchanged.

    A page whose port is taken costs nobody the application: the log says who has the port, and the
    agent takes it when it is free. A forked child gets an agent like its parent's, unless
    ``fork = false`` in the configuration. Calling this in the child is harmless; another
    configuration or registry than the parent's takes that agent's place.

    Args:
        config: the configuration file; default: ``$SAMPLER_CONFIG``, else ``./sampler.toml`` if
            there is one, else built-in defaults.
        registry: where samplers are found; default: the default registry.

    Returns:
        The agent; it is stopped already if a signal handler has said so meanwhile. A handler that
        interrupts a start while its configuration is read gets an agent that does nothing.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    global _starting, _reloads  # noqa: PLW0603
    with _lock, no_fork():  # what an entry point or an adapter forks is none of the program's
        if _agent is not None and not _inherited:
            return _agent
        if _starting:
            return Agent(Settings())
        _starting = True
        try:
            agent = _start(config, registry)
        finally:
            _starting = False
            wished, _reloads = _reloads[-1:], []
        if wished and _agent is agent:
            try:
                reload(wished[0])
            except ConfigurationError as error:
                log.error("%s\nnot reloaded: running on as before", error)
        return agent


def _start(config: str | Path | None, registry: Registry | None) -> Agent:
    global _agent, _wanted, _inherited  # noqa: PLW0603 - one agent per process is the point
    stops = _stops
    wanted = settings(config), registry
    if _agent is not None:
        _inherited = False
        if wanted == _wanted:
            return _agent
        given_up, _agent = _agent, None
        given_up.stop()
    chain_uwsgi()
    agent = Agent(*wanted)
    if stops != _stops:
        agent.stop(0.0)
    elif _begin(agent):
        _wanted = wanted
    return _agent or agent


def reload(config: str | Path | None = None) -> Agent:
    """Let the agent of this process go on with another configuration: :meth:`Agent.reload`.

    In a signal handler that interrupts a start, or another reload, it is done right after that.

    Args:
        config: as of :func:`start`.

    Raises:
        ConfigurationError: the configuration has problems; nothing has changed then.
        RuntimeError: no agent runs in this process.
    """
    global _wanted, _reloads  # noqa: PLW0603
    with _lock, no_fork():
        agent = _agent
        if agent is None:
            raise RuntimeError("no agent runs in this process: call sampler.agent.start() first")
        _reloads = [*_reloads[:1], config]  # of those that wait, the newest
        if len(_reloads) > 1 or _starting:
            return agent
        try:
            for _ in range(_ROUNDS):
                new = settings(_reloads[0])
                try:
                    agent.reload(new)
                except RuntimeError:
                    if _agent is agent:
                        raise
                    break  # a signal handler has stopped it
                _wanted = new, _wanted[1] if _wanted is not None else None
                _reloads = _reloads[1:]
                if not _reloads or _agent is not agent:
                    break
            else:
                log.warning(
                    "signals ask for reloads faster than one is done: the last is left out"
                )
        finally:
            _reloads = []
        return agent


def stop(timeout: float | None = None) -> dict[str, Balance]:
    """Stop the agent of this process, if one runs: :meth:`Agent.stop`.

    A signal handler may call this at any moment.

    Args:
        timeout: seconds for the final flush; default: ``flush_timeout``.

    Returns:
        The account of each adapter; empty when no agent runs.
    """
    global _agent, _wanted, _restart, _stops  # noqa: PLW0603
    _stops += 1
    if _restart is not None and not _lock._is_owned():  # noqa: SLF001 - it may wait for the lock
        _hurry.set()  # the child ends so soon: what it counted is delivered all the same
        _restart.join(timeout)
    with _lock:
        agent, _agent, _wanted, _restart = _agent, None, None, None
    if agent is None:
        return {}
    atexit.unregister(_stop_at_exit)
    return agent.stop(timeout)


def _begin(agent: Agent) -> bool:
    """Start it and let it be the one, unless a signal handler comes first; the lock is held."""
    global _agent  # noqa: PLW0603
    if _agent is None:
        _agent = agent
    else:
        agent.stop(0.0)
        return False
    try:
        agent.start(insist=False)
    except BaseException:
        if _agent is agent:
            _agent = None
        raise
    if _agent is not agent:
        return False
    atexit.unregister(_stop_at_exit)
    atexit.register(_stop_at_exit)
    return True


def _stop_at_exit() -> None:
    """Stop, and let the log come out; whoever interrupts that has no more patience."""
    try:
        stop()
        log.flush()
    except KeyboardInterrupt:
        log.flush(0.1)


def _after_fork() -> None:
    """Have an agent like the parent's soon, if it had one."""
    global _lock, _agent, _wanted, _inherited, _restart, _hurry, _reloads, _forks, _starting  # noqa: PLW0603
    _lock, _agent, _inherited, _restart, _hurry = RLock(), None, False, None, Event()
    _starting, _reloads = False, []
    if gets_no_agent():
        _wanted = None
    if _wanted is None or not _wanted[0].program.fork:
        return
    if not any(map(_pushes, _wanted[0].adapters)):
        return
    if (multiprocessing := sys.modules.get("multiprocessing.util")) is not None:
        multiprocessing.register_after_fork(stop, _stop_with_multiprocessing)
    _forks = (*_forks[-GENERATIONS:], time.monotonic())
    restart = Service(_inherit, "sampler-restart", bare=True)
    try:
        restart.start()
    except RuntimeError:  # no thread can start: at the interpreter's end, or at a limit
        return
    _restart = restart


def _stop_with_multiprocessing(_: object) -> None:
    """Stop at the end of a multiprocessing child: up to Python 3.12 it never gets to atexit."""
    sys.modules["multiprocessing.util"].Finalize(None, _stop_at_exit, exitpriority=0)


def _inherit() -> None:
    """Start the child's agent, unless the child has done so or has ended."""
    global _wanted, _inherited  # noqa: PLW0603
    _hurry.wait(SETTLING)
    with _lock:
        if _agent is not None or _wanted is None:
            return
        if len(_forks) > GENERATIONS and _forks[-1] - _forks[0] < A_WHILE:
            _wanted = None
            log.error(
                "this process gets no agent: it is the child of %d generations of forks within "
                "%g s, as when a sampler forks on a thread of its own: fork inside 'with "
                "sampler.agent.no_fork():' there; a child that needs an agent calls "
                "sampler.agent.start()",
                GENERATIONS,
                A_WHILE,
            )
            return
        heritage, registry = _heritage(_wanted[0]), _wanted[1]
        try:
            _inherited = _begin(Agent(heritage, registry, forked=True))
        except RuntimeError:  # no new thread at interpreter exit (3.12)
            return


def _heritage(parents: Settings) -> Settings:
    """Return what a child runs: new adapters that push; ports are the parent's."""
    adapters = (
        attrs.evolve(each, adapter=each.make())
        for each in parents.adapters
        if each.make is not None and _pushes(each)
    )
    return attrs.evolve(parents, adapters=tuple(adapters))


def _pushes(each: AdapterSettings) -> bool:
    return each.make is not None and not isinstance(each.adapter, ScrapedAdapter)


in_child(_after_fork)
