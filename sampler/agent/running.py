"""The one agent of a process: started, reloaded and stopped by name."""

from __future__ import annotations

import atexit
import os
from threading import Lock
from typing import TYPE_CHECKING

from sampler.agent.agent import Agent
from sampler.agent.config import settings

if TYPE_CHECKING:
    from pathlib import Path

    from sampler._registry import Registry

_lock = Lock()
_agent: Agent | None = None


def start(config: str | Path | None = None, registry: Registry | None = None) -> Agent:
    """Start the agent of this process; when one runs already, return it unchanged.

    Args:
        config: the configuration file; default: ``$SAMPLER_CONFIG``, else ``./sampler.toml`` if
            there is one, else built-in defaults.
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


def reload(config: str | Path | None = None) -> Agent:
    """Let the agent of this process go on with another configuration: :meth:`Agent.reload`.

    Args:
        config: as of :func:`start`.

    Raises:
        ConfigurationError: the configuration has problems; nothing has changed then.
        RuntimeError: no agent runs in this process.
    """
    with _lock:
        if _agent is None:
            raise RuntimeError("no agent runs in this process: call sampler.agent.start() first")
        _agent.reload(settings(config))
        return _agent


def stop(timeout: float | None = None) -> None:
    """Stop the agent of this process, if one runs: flush within ``timeout`` seconds."""
    global _agent
    with _lock:
        agent, _agent = _agent, None
    if agent is not None:
        atexit.unregister(stop)
        agent.stop(timeout)


def _forget_after_fork() -> None:
    """A child has none of the parent's threads: its agent is not this one."""
    global _lock, _agent
    _lock, _agent = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
