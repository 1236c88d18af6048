"""``sampler run -- COMMAND``: the parent of a relay and of a command whose workers report to it.

It stays as thin as it can: it decides nothing about numbers, reads no configuration, has one
thread, and waits for signals by ``sigtimedwait``: there is no handler and no race, and as process
1 of a container it has to do nothing more but to reap.

Relay and command are told apart from the terminal: the command stays in our process group, so that
Ctrl-C, Ctrl-Z and a hangup reach it as they would without us; the relay gets a session of its own,
and so outlives it for the last flush.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from sampler.cli.children import STOPS, CommandProcess, RelayProcess, reaped, say
from sampler.wiring._environment import not_wired, wired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PASSED = STOPS | {
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
}
"""Signals that the command gets when we get them."""
_BLOCKED = _PASSED | {signal.SIGCHLD}
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
    if why_not := not_wired(command, os.environ):
        say(why_not)
    signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    process = CommandProcess(command, wired(os.environ, relay.address, wrap=wrap))
    while process.status is None:
        received = signal.sigtimedwait(_BLOCKED, relay.pause())
        # What the kernel has sent, as a terminal does, has reached all of our group.
        if received is not None and received.si_signo in _PASSED and received.si_code <= 0:
            process.signal(received.si_signo)
            if received.si_signo == signal.SIGHUP:
                relay.signal(signal.SIGHUP)
        ended = reaped()
        relay.look(ended)
        process.look(ended)
    _finish(relay)
    return _end_as(process.status)


def _finish(relay: RelayProcess) -> None:
    """Let the relay deliver what has come, for as long as it may take; another request ends it."""
    another = time.monotonic() + _SAME_REQUEST
    relay.stop()
    while relay.pid:
        received = signal.sigtimedwait(_BLOCKED, relay.patience())
        late = received is not None and time.monotonic() > another
        if received is None or (late and received.si_signo in STOPS):
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
