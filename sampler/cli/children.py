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

__all__ = ("RelayProcess", "reaped", "spawn")

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""Exit statuses of shells."""
_ACTIVATION = ("LISTEN_", "NOTIFY_", "WATCHDOG_")
"""How variables begin with which systemd speaks to the command, and not to the relay."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a dead relay is started again; each is twice the one before."""
_LIVED = 60.0
"""Seconds after which a relay has lived, and the next pause is the first again."""
_FOR_EVER = 3600.0


class RelayProcess:
    """The relay of a command: its socket, which outlives it, and the process of the day.

    Args:
        arguments: of ``sampler relay``.

    Attributes:
        address: of the socket, as ``SAMPLER_RELAY`` has it.
        pid: of the relay; 0 while none runs.
    """

    def __init__(self, arguments: Iterable[str]) -> None:
        self._arguments = list(arguments)
        self._socket, self.address = _listening()
        self.pid = 0
        self._started = self._pause = 0.0
        self._flush = 60.0
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
            if lines.readline():
                return 0
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code if code > 0 else 128 - code

    def look(self, ended: Mapping[int, int]) -> None:
        """See whether the relay is among the processes that have ended; start it when it is time."""
        now = time.monotonic()
        if self.pid in ended:
            self.pid = 0
            lived = now - self._started > _LIVED
            self._pause = _FIRST_PAUSE if lived else min(2 * self._pause, _LONGEST_PAUSE)
            self._pause = self._pause or _FIRST_PAUSE
            if not self._deadline:
                _say(f"the relay has ended: another one starts in {self._pause:g} s")
        if not self.pid and not self._deadline and now >= self._started + self._pause:
            self._spawn()

    def pause(self) -> float:
        """Return the seconds until :meth:`look` has something to do, unless a process ends."""
        return _FOR_EVER if self.pid else max(0.0, self._started + self._pause - time.monotonic())

    def stop(self) -> None:
        """Ask the relay to deliver what it has, and to end."""
        self._deadline = time.monotonic() + self._flush
        self._socket.close()
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def patience(self) -> float:
        """Return the seconds for which a relay that was asked to end is waited for."""
        return max(0.0, self._deadline - time.monotonic())

    def signal(self, number: int) -> None:
        """Send the relay a signal, if it runs."""
        if self.pid:
            os.kill(self.pid, number)

    def _spawn(self, ready: int = -1) -> None:
        kept = {self._socket.fileno(), ready} - {-1}
        telling = ["--ready-fd", str(ready)] if ready >= 0 else []
        command = [
            *(sys.executable, "-P", "-m", "sampler", "relay", *self._arguments),
            *("--listen-fd", str(self._socket.fileno()), *telling),
        ]

        def prepare(environment: MutableMapping[str, str]) -> None:
            os.setsid()
            for name in [each for each in environment if each.startswith(_ACTIVATION)]:
                del environment[name]
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)  # who reads what the command writes waits for the command only
            for descriptor in map(int, os.listdir("/dev/fd")):
                try:
                    os.set_inheritable(descriptor, descriptor in {0, 1, 2, *kept})
                except OSError:  # that of the folder itself
                    pass

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
        os.execvpe(command[0], command, own)
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        _say(f"{command[0]}: {error.strerror}")
    finally:
        os._exit(status)


_MASK = signal.pthread_sigmask(signal.SIG_BLOCK, ())
"""The signals that were blocked when this program began: those that its children find blocked."""


def reaped() -> dict[int, int]:
    """Return the wait status of each child that has ended, by process id; orphans, too."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = status


def _listening() -> tuple[socket.socket, str]:
    """Return a listening unix socket of our own, and its address."""
    listening = socket.socket(socket.AF_UNIX)
    name = f"sampler-run-{os.urandom(8).hex()}"
    listening.bind(f"\0{name}")
    listening.listen(1024)
    return listening, f"@{name}"


def _say(line: str) -> None:
    os.write(2, f"sampler run: {line}\n".encode())
