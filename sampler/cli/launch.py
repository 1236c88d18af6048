"""``sampler run -- COMMAND``, ``sampler job``: the parent of a relay and of a command it wires.

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
import time

from sampler.cli.children import STOPS, CommandProcess, RelayProcess, called, reaped, say
from sampler.cli.exits import UNAVAILABLE
from sampler.wiring._environment import RELAY, not_wired, wired

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
    config: str | None,
    command: Sequence[str],
    *,
    wrap: bool = True,
    job: bool = False,
    fail_undelivered: bool = False,
    options: Sequence[str] = (),
) -> int:
    """Run a command, and a relay beside it, until the command ends.

    Args:
        config: the configuration of the relay; None: as of ``sampler run``.
        command: the program and its arguments.
        wrap: let what servers serve be wrapped.
        job: tell the relay how the command has ended, and run it even where no relay does.
        fail_undelivered: return 69 instead of 0 unless all numbers have arrived.
        options: arguments for the relay, such as ``-v``.

    Returns:
        The exit status: the command's; the relay's, with nothing started, where it has refused the
        configuration (78). Where a signal has ended the command, it ends this process, too.
    """
    if os.getpid() == 1:  # a signal that nobody waits for yet would be lost, and ends nothing
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    called[0] = "job" if job else "run"
    if job:
        began = f"{time.time():.3f}"
        options = (*options, "--job", name_of(command), "--job-began", began)
    relay = RelayProcess([*(("-c", config) if config is not None else ()), *options])
    refused = relay.start()
    if refused and not job:
        return refused
    if refused:  # a job is worth more than its numbers
        say("the command runs nevertheless, and none of its numbers are delivered")
    elif why_not := not_wired(command, os.environ):
        say(why_not)
    if not refused and (other := os.environ.get(RELAY)):
        say(
            f"{RELAY} is {other}, but this command has a relay of its own, and reports to that: "
            f"leave 'sampler {called[0]} --' out to report to {other}"
        )
    signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    begun = time.monotonic()
    wired_for = (
        os.environ if refused else wired(os.environ, relay.address, wrap=wrap, by=called[0])
    )
    process = CommandProcess(command, wired_for)
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
    if job:
        code = os.waitstatus_to_exitcode(process.status)
        took = time.monotonic() - begun
        relay.tell(f"{took:.6f} {code if code >= 0 else 128 - code} {time.time():.3f}\n")
    _finish(relay)
    if fail_undelivered and relay.status and not process.status:
        say("the numbers have not all been delivered")
        return UNAVAILABLE
    return _end_as(process.status)


def name_of(command: Sequence[str]) -> str:
    """Return what a job is called that runs a command: the program, or Python's script."""
    name, *rest = command
    if "python" in name.rpartition("/")[2]:
        name = next((word for word in rest if not word.startswith("-")), "python")
        if "-c" in rest[: rest.index(name) if name in rest else 0]:
            name = "python"
    return name.rpartition("/")[2].removesuffix(".py") or name


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
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough, and it is the command's
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
    os.kill(os.getpid(), -code)
    return 128 - code
