"""``sampler run -- COMMAND``: the parent of a relay and of a command whose workers report to it.

It stays as thin as it can: it decides nothing about numbers, reads no configuration, has one thread
and waits for signals. Signals are taken by ``sigtimedwait``, so there is no handler, no race, and
nothing to do for the process 1 of a container but to reap.

Relay and command are told apart from the terminal: the command stays in our process group, so that
Ctrl-C, Ctrl-Z and a hangup reach it as they would without us; the relay gets a session of its own,
and so outlives it for the last flush.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from sampler.cli.children import RelayProcess, reaped, spawn
from sampler.wiring.environment import wired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

_PASSED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
}
"""Signals that the command gets when we get them."""
_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
_SAME_REQUEST = 0.5
"""Seconds after the command's end in which a request to stop is that same one, arriving late."""


def launch(
    config: str | None, command: Sequence[str], *, wrap: bool = True, options: Sequence[str] = ()
) -> int:
    """Run a command, and a relay beside it, until the command ends.

    Args:
        config: the configuration of the relay; None: as of ``sampler run``.
        command: the program and its arguments.
        wrap: let what servers serve be wrapped.
        options: arguments for the relay, such as ``-v``.

    Returns:
        The exit status: the command's; the relay's, with nothing started, where it has refused the
        configuration (78). Where a signal has ended the command, it ends this process, too.
    """
    relay = RelayProcess([*(("-c", config) if config is not None else ()), *options])
    if refused := relay.start():
        return refused
    blocked = _PASSED | {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    pid = spawn(command, wired(os.environ, relay.address, wrap=wrap), _name_the_command)
    status = None
    while status is None:
        received = signal.sigtimedwait(blocked, relay.pause())
        if received is not None and received.si_signo in _PASSED:
            _pass(received, pid, relay)
        ended = reaped()
        relay.look(ended)
        status = ended.get(pid)
    _finish(relay, blocked)
    return _end_as(status)


def _pass(received: signal.struct_siginfo, pid: int, relay: RelayProcess) -> None:
    """Let the command have a signal, unless the kernel has sent it: to our group, so to both."""
    if received.si_code <= 0:
        os.kill(pid, received.si_signo)
    if received.si_signo == signal.SIGHUP:
        relay.signal(signal.SIGHUP)


def _name_the_command(environment: MutableMapping[str, str]) -> None:
    """Where systemd names our process let it name the command's, which calls this."""
    for name in ("LISTEN_PID", "WATCHDOG_PID"):
        if environment.get(name) == str(os.getppid()):
            environment[name] = str(os.getpid())


def _finish(relay: RelayProcess, blocked: set[signal.Signals]) -> None:
    """Let the relay deliver what has come, for as long as it may take; another request ends it."""
    another = time.monotonic() + _SAME_REQUEST
    relay.stop()
    while relay.pid:
        received = signal.sigtimedwait(blocked, relay.patience())
        late = received is not None and time.monotonic() > another
        if received is None or (late and received.si_signo in _STOPS):
            relay.signal(signal.SIGKILL)
        relay.look(reaped())


def _end_as(status: int) -> int:
    """Return the command's exit status, or end by the signal that has ended the command.

    So a shell stops its script after Ctrl-C, and systemd takes SIGTERM for a clean end, as they do
    without us. Where the signal does not end us, as in process 1, a shell's number for it is
    returned.
    """
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    sys.stdout.flush()
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough, and it is the command's
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
    os.kill(os.getpid(), -code)
    return 128 - code
