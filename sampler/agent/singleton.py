"""The one agent of this process, and what a program calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.fork import at_safe_point, before_fork, in_child
from sampler.agent.process_agent import ProcessAgent
from sampler.agent.signals import finish_at_signals

if TYPE_CHECKING:
    from sampler._registry.registry import Registry
    from sampler.agent.account import Account
    from sampler.agent.agent import Agent
    from sampler.agent.config.given import Config
    from sampler.agent.delivery.ledger import Balance
    from sampler.agent.roles import Role

_process = ProcessAgent()
before_fork(_process.before_fork)
in_child(_process.after_fork)
at_safe_point(_process.serve)


def current() -> Agent | None:
    """Return the agent of this process, if one runs or starts."""
    return _process.agent


def start(
    config: Config = None,
    registry: Registry | None = None,
    *,
    role: Role | None = None,
    signals: bool = False,
) -> Agent:
    """Start the agent of this process; when one runs already, return it unchanged.

    Where that one has other settings than ``config``, a line in the log says so.
    A page whose port is taken does not stop the application: the log says who has the port, and
    the agent takes it when it is free. A forked child gets an agent like its parent's, unless
    ``fork = false`` in the configuration. Calling this in the child is harmless; with another
    configuration or registry than the parent's it replaces that agent.

    In a server's supervisor (gunicorn's arbiter that preloads, uWSGI's master, Celery's parent,
    the parent of Flask's and Django's reloaders) nothing starts: the processes that it forks get
    the agent.

    Args:
        config: the configuration: a file; a mapping of the same tables; or :class:`Settings`.
            Default: ``$SAMPLER_CONFIG``, else ``./sampler.toml`` if
            there is one, else built-in defaults. Where ``$SAMPLER_RELAY`` names a relay, the
            process reports there, with the relay's interval and samplers, whatever the file.
        registry: where samplers are found; default: the default registry.
        role: what this process is to its server: ``"worker"``, ``"supervisor"`` or
            ``"standalone"``; default: what it is recognised as. ``"supervisor"`` is for a program
            that only forks others.
        signals: where SIGTERM or SIGHUP would end the program, stop the agent first. Only the main
            thread can ask for that. A signal that the program handles or ignores stays as it is.

    Returns:
        The agent; it is stopped already if a signal handler has stopped it meanwhile. A handler
        that interrupts a start while its configuration is read gets an agent that does nothing.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    agent = _process.start(config, registry, role)
    if signals:
        stop_at_signals()
    return agent


def join(role: Role | None = None, *, signals: bool = False) -> None:
    """Start the agent where the program has not asked for it; one that it asks for goes first.

    Args:
        role: as of :func:`start`.
        signals: likewise.
    """
    _process.start(None, None, role, asked=False)
    if signals:
        stop_at_signals()


def reload(config: Config = None) -> Agent:
    """Let the agent of this process go on with another configuration: :meth:`Agent.reload`.

    In a signal handler that interrupts a start, or another reload, it is done right after that.

    Args:
        config: as of :func:`start`.

    Raises:
        ConfigurationError: the configuration has problems; nothing has changed then.
        RuntimeError: no agent runs in this process.
    """
    return _process.reload(config)


def stop(timeout: float | None = None) -> dict[str, Balance]:
    """Stop the agent of this process, if one runs: :meth:`Agent.stop`.

    A signal handler may call this at any moment. While the agent is being stopped, it waits, too.

    Args:
        timeout: seconds for the final flush; default: ``flush_timeout``.

    Returns:
        The numbers of each adapter's ledger; empty when no agent runs.
    """
    return _process.stop(timeout)


def flush(timeout: float | None = None) -> Account:
    """Pull now and deliver, for programs that are frozen or killed without warning.

    The agent runs on. What an endpoint does not take in time stays queued, and is sent later.

    Args:
        timeout: seconds for all of it; default: ``flush_timeout``.

    Returns:
        What became of everything since the agent began; empty when no agent runs.
    """
    return _process.flush(timeout)


def push(
    config: Config = None,
    registry: Registry | None = None,
    *,
    timeout: float | None = None,
) -> Account:
    """Pull once, deliver, and return: for programs that say when, and need no thread meanwhile.

    What was counted before is delivered, too; a second call delivers what has grown since. While
    an agent runs in this process, this is :func:`flush`, whatever the configuration; where that
    has other settings, a line in the log says so.

    Args:
        config: as of :func:`start`.
        registry: likewise.
        timeout: seconds for all of it; default: those of the pull, and ``flush_timeout``.

    Returns:
        What became of it; :attr:`Account.complete` says whether all arrived.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    return _process.push(config, registry, timeout)


def stop_at_signals() -> None:
    """Stop the agent before SIGTERM or SIGHUP end the program; see :func:`start`."""
    finish_at_signals(_process.stop_at_exit)
