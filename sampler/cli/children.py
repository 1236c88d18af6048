"""Processes that ``sampler run -- COMMAND`` starts: forked by hand, and reaped at one place."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence

__all__ = ("STOPS", "CommandProcess", "RelayProcess", "reaped", "say", "spawn")

STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
"""Signals that ask a program to end."""
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""Exit statuses of shells."""
_ACTIVATION = ("LISTEN_", "NOTIFY_", "WATCHDOG_")
"""How variables begin with which systemd speaks to the command, and not to the relay."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a dead relay is started again; each is twice the one before."""
_LIVED = 60.0
"""Seconds after which a relay has lived, and the next pause is the first again."""
_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 5.0
"""Seconds that a relay's end may take beside its flush."""
_FOR_EVER = 3600.0
called: list[str] = ["run"]
"""The one word by which our own command was called."""


class CommandProcess:
    """The command, and what takes its place.

    gunicorn's USR2 starts a new master, and the old one ends later. The new one is known by the
    variable in which it finds the old one; as the reaper of orphans we are its parent then.

    Args:
        command: the program and its arguments.
        environment: what it gets.

    Attributes:
        status: the wait status with which it has ended; None while it runs.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.status: int | None = None
        self._stop = 0
        _reap_orphans()
        self._pid = spawn(command, environment, _name_the_command)

    def signal(self, number: int) -> None:
        """Send it a signal; one that asks it to stop is also for who takes its place."""
        if number in STOPS:
            self._stop = number
        try:
            os.kill(self._pid, number)
        except PermissionError:
            say(f"the command is another user's: it does not get signal {number}")

    def look(self, ended: Mapping[int, int]) -> None:
        """See whether it is among processes that have ended."""
        if self._pid not in ended:
            return
        if heir := _heir(self._pid):
            self._pid = heir
            if self._stop:
                os.kill(heir, self._stop)
        else:
            self.status = ended[self._pid]


class RelayProcess:
    """The relay of a command: its socket, which outlives it, and the process of the day.

    Args:
        arguments: of ``sampler relay``.

    Attributes:
        address: of the socket, as ``SAMPLER_RELAY`` has it.
        pid: of the relay; 0 while none runs.
        status: the wait status of the one that has ended last.
    """

    def __init__(self, arguments: Iterable[str]) -> None:
        self._arguments = list(arguments)
        self._socket, address = _listening()
        self.address: str = address
        self._life, self._holding = os.pipe()  # it ends when we do, however that happens
        self.pid: int = 0
        self._started = self._pause = 0.0
        self.status: int = 0
        self._flush = 0.0
        self._number = 0
        self._deadline = 0.0  # of the last flush

    def start(self) -> int:
        """Start the relay, and wait until it is ready.

        Returns:
            0; else the exit status of a relay that has ended instead, and has said why.
        """
        ready, writing = os.pipe()
        self._spawn(writing)
        os.close(writing)
        with os.fdopen(ready) as lines:
            if words := lines.readline().split():
                self._flush = float(words[1]) + _GRACE
                return 0
        self.status = os.waitpid(self.pid, 0)[1]
        self.pid, self._deadline = 0, self._started  # no other one would fare better
        code = os.waitstatus_to_exitcode(self.status)
        return code if code > 0 else 128 - code

    def look(self, ended: Mapping[int, int]) -> None:
        """See whether the relay is among processes that have ended; start it when it is time."""
        now = time.monotonic()
        if self.pid in ended:
            self.pid, self.status = 0, ended[self.pid]
            lived = now - self._started > _LIVED
            self._pause = _FIRST_PAUSE if lived else min(2 * self._pause, _LONGEST_PAUSE)
            self._pause = self._pause or _FIRST_PAUSE
            if not self._deadline:
                say(
                    f"the relay has ended: another one starts in {self._pause:g} s; its totals "
                    "begin at 0, and what this one has received and not delivered is lost"
                )
        if not self.pid and not self._deadline and now >= self._started + self._pause:
            self._spawn()

    def pause(self) -> float:
        """Return the seconds until :meth:`look` has something to do, unless a process ends."""
        if self.pid or self._deadline:
            return _FOR_EVER
        return max(0.0, self._started + self._pause - time.monotonic())

    def tell(self, line: str) -> None:
        """Write a line into the pipe by which it lives; whichever relay reads its end gets it."""
        os.write(self._holding, line.encode())

    def stop(self) -> None:
        """Ask the relay to deliver what it has, and to end."""
        self._deadline = time.monotonic() + self._flush
        os.close(self._holding)
        self.signal(signal.SIGCONT)  # it may have been stopped

    def patience(self) -> float:
        """Return the seconds for which a relay that was asked to end is waited for."""
        return max(0.0, self._deadline - time.monotonic())

    def signal(self, number: int) -> None:
        """Send the relay a signal, if it runs."""
        if self.pid:
            os.kill(self.pid, number)

    def _spawn(self, ready: int = -1) -> None:
        self._number += 1
        kept = sorted({self._socket.fileno(), ready} - {-1})
        telling = ["--ready-fd", str(ready)] if ready >= 0 else []
        command = [
            *(sys.executable, "-P", "-m", "sampler", "relay", *self._arguments),
            *("--life-fd", "0", "--listen-fd", str(self._socket.fileno()), *telling),
            *("--number", str(self._number)),
        ]

        def prepare(environment: MutableMapping[str, str]) -> None:
            os.setsid()
            for name in [each for each in environment if each.startswith(_ACTIVATION)]:
                del environment[name]
            os.dup2(self._life, 0)
            os.dup2(2, 1)  # who reads what the command writes waits for the command only
            begin = 3
            for each in kept:  # the rest, as what systemd has opened, is the command's
                os.closerange(begin, each)
                os.set_inheritable(each, True)
                begin = each + 1
            os.closerange(begin, os.sysconf("SC_OPEN_MAX"))

        self._started = time.monotonic()
        self.pid = spawn(command, os.environ, prepare)


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    prepare: Callable[[MutableMapping[str, str]], None],
) -> int:
    """Start a program; return its process id.

    Args:
        command: the program, which is looked for in ``PATH``, and its arguments.
        environment: what it gets.
        prepare: called in the new process with its environment, before the program.
    """
    if pid := os.fork():
        return pid
    status = 1
    try:
        own = dict(environment)
        prepare(own)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # the interpreter ignores them
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, _MASK)
        os.execvpe(command[0], list(command), own)  # noqa: S606
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        say(f"{command[0]}: {error.strerror}")
    finally:
        os._exit(status)


_MASK = signal.pthread_sigmask(signal.SIG_BLOCK, ())
"""The signals that were blocked when this program began: those that its children find blocked."""


def reaped() -> dict[int, int]:
    """Return the wait status of each child that has ended, by process id; orphans, too."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = status


def _name_the_command(environment: MutableMapping[str, str]) -> None:
    """Where systemd names our process let it name the command's, which calls this."""
    for name in ("LISTEN_PID", "WATCHDOG_PID"):
        if environment.get(name) == str(os.getppid()):
            environment[name] = str(os.getpid())


def _reap_orphans() -> None:
    """Become the parent of processes whose own one ends: ``prctl(2)``."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _heir(pid: int) -> int:
    """Return the child that has taken the place of a process; 0 if none has."""
    ours = os.getpid()
    for child in _read(f"/proc/{ours}/task/{ours}/children").split():
        environment = _read(f"/proc/{int(child)}/environ")
        if b"GUNICORN_PID=%d" % pid in environment.split(b"\0"):
            return int(child)
    return 0


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - pathlib is as large as all of this
            return opened.read()
    except OSError:  # it has ended
        return b""


def _listening() -> tuple[socket.socket, str]:
    """Return a listening unix socket of our own, and its address: abstract, so it is no file."""
    listening = socket.socket(socket.AF_UNIX)
    name = f"sampler-run-{os.urandom(8).hex()}"
    listening.bind(f"\0{name}")
    listening.listen(1024)
    return listening, f"@{name}"


def say(line: str) -> None:
    """Say one line on standard error, if there is one."""
    try:
        os.write(2, f"sampler {called[0]}: {line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return
