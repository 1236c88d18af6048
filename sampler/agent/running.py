"""The one agent of a process: started, reloaded and stopped by name; a forked child gets its own.

In the child nothing is started at once: the hooks of others have not run yet, and many children
end, or become another program, right away. One thread sleeps for a moment and then starts an
agent like the parent's. What was counted since the fork is not lost: it begins there.
"""

from __future__ import annotations

import atexit
import logging
import sys
from typing import TYPE_CHECKING

import attrs

from sampler._fork import chain_uwsgi, in_child
from sampler._threads import Event, Lock, Thread
from sampler.agent.adapter import ScrapedAdapter
from sampler.agent.agent import Agent
from sampler.agent.config import settings

if TYPE_CHECKING:
    from pathlib import Path

    from sampler._registry import Registry
    from sampler.agent.config import Settings

_log = logging.getLogger("sampler")

SETTLING = 0.1
"""Seconds after a fork until the child's agent starts; sooner when the child ends before."""

_lock = Lock()
_agent: Agent | None = None
_wanted: tuple[Settings, Registry | None] | None = None
"""What the agent of this process was started with; of a child until it stops: its parent's."""
_inherited = False
"""Nobody has asked for this agent: it came with a fork."""
_restart: Thread | None = None
_hurry = Event()


def start(config: str | Path | None = None, registry: Registry | None = None) -> Agent:
    """Start the agent of this process; when one runs already, return it unchanged.

    A forked child gets an agent like its parent's, unless ``fork = false`` in the configuration.
    Calling this in the child is harmless; another configuration or registry than the parent's
    takes that agent's place.

    Args:
        config: the configuration file; default: ``$SAMPLER_CONFIG``, else ``./sampler.toml`` if
            there is one, else built-in defaults.
        registry: where samplers are found; default: the default registry.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    global _agent, _wanted, _inherited  # noqa: PLW0603 - one agent per process is the point
    with _lock:
        if _agent is not None and not _inherited:
            return _agent
        wanted = settings(config), registry
        if _agent is not None:
            _inherited = False
            if wanted == _wanted:
                return _agent
            given_up, _agent = _agent, None
            given_up.stop()
        chain_uwsgi()
        agent = _begin(Agent(*wanted))
        _wanted = wanted
        return agent


def reload(config: str | Path | None = None) -> Agent:
    """Let the agent of this process go on with another configuration: :meth:`Agent.reload`.

    Args:
        config: as of :func:`start`.

    Raises:
        ConfigurationError: the configuration has problems; nothing has changed then.
        RuntimeError: no agent runs in this process.
    """
    global _wanted  # noqa: PLW0603
    with _lock:
        if _agent is None:
            raise RuntimeError("no agent runs in this process: call sampler.agent.start() first")
        new = settings(config)
        _agent.reload(new)
        _wanted = new, _wanted[1] if _wanted is not None else None
        return _agent


def stop(timeout: float | None = None) -> None:
    """Stop the agent of this process, if one runs: flush within ``timeout`` seconds."""
    global _agent, _wanted, _restart
    if _restart is not None:  # the child ends so soon: what it counted is delivered all the same
        _hurry.set()
        _restart.join(timeout)
    with _lock:
        agent, _agent, _wanted, _restart = _agent, None, None, None
    if agent is not None:
        atexit.unregister(stop)
        agent.stop(timeout)


def _begin(agent: Agent) -> Agent:
    """Start it and let it be the one; the lock is held."""
    global _agent  # noqa: PLW0603
    agent.start()
    _agent = agent
    atexit.unregister(stop)
    atexit.register(stop)
    return agent


def _after_fork() -> None:
    """Have an agent like the parent's soon, if it had one."""
    global _lock, _agent, _inherited, _restart, _hurry  # noqa: PLW0603
    _lock, _agent, _inherited, _restart, _hurry = Lock(), None, False, None, Event()
    if _wanted is None or not _wanted[0].program.fork or not _heritage(_wanted[0]).adapters:
        return
    if (multiprocessing := sys.modules.get("multiprocessing.util")) is not None:
        multiprocessing.register_after_fork(stop, _stop_with_multiprocessing)
    _restart = Thread(_inherit, "sampler-restart", bare=True)
    _restart.start()


def _stop_with_multiprocessing(_: object) -> None:
    """Stop at the end of a multiprocessing child: up to Python 3.12 it never gets to atexit."""
    sys.modules["multiprocessing.util"].Finalize(None, stop, exitpriority=0)


def _inherit() -> None:
    """Start the child's agent, unless the child has done so or has ended."""
    global _inherited  # noqa: PLW0603
    _hurry.wait(SETTLING)
    with _lock:
        if _agent is not None or _wanted is None:
            return
        heritage, registry = _heritage(_wanted[0]), _wanted[1]
        try:
            _begin(Agent(heritage, registry, forked=True))
        except RuntimeError:  # no new thread at interpreter exit (3.12)
            return
        except Exception:
            _log.exception("a forked child has no agent")
            return
        _inherited = True


def _heritage(parents: Settings) -> Settings:
    """Return what a child runs: new adapters that push; ports are the parent's."""
    wirings = (
        attrs.evolve(wiring, adapter=wiring.make())
        for wiring in parents.adapters
        if wiring.make is not None and not isinstance(wiring.adapter, ScrapedAdapter)
    )
    return attrs.evolve(parents, adapters=tuple(wirings))


in_child(_after_fork)
