"""One life of a program: its beginning, what is seen of it meanwhile, and its end."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from tests.processes import procfs
from tests.processes.daemons import daemon
from tests.processes.endpoints import PLACES, SOURCES, Endpoints
from tests.processes.home import Home
from tests.processes.work import Requests, Tasks, Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from tests.processes.judge import Where
    from tests.processes.row import Row

INTERVAL = 0.5
"""Seconds between two pulls."""
_BOOT = 20.0  # seconds until the first answer, and until all workers are there
_SETTLE = 5.0  # until everything has arrived
_LATE = 10.0  # until workers that have met no relay look again, with the settings of nobody
_QUIET = 2.5 * INTERVAL  # nothing more arrives for so long
_EXIT = 20.0
_PAUSE = 0.05


class DidNotBootError(Exception):
    """The program has ended, or does not answer; the text is the end of its log."""


class Life:
    """A program with its endpoints and its client, from its start on.

    Args:
        row: the program.
        wiring: as of :class:`Home`.
        event: likewise.

    Attributes:
        work: the client.
        counted: how many pieces of its work have been judged.
        totals: what had arrived of them.
        reborn: a worker has taken the place of another one, and nobody merges them.
    """

    def __init__(self, row: Row, wiring: str, event: str) -> None:
        self.row, self.wiring = row, wiring
        self.home = Home(row, wiring, event)
        self.endpoints = Endpoints()
        text = self.endpoints.configuration(f"life_{self.home.mark}", INTERVAL)
        self.home.configuration.write_text(text + self.home.relay_table())
        self._daemon = daemon(row.work, self.home.folder)
        self.work: Work = self._client()
        self.counted = 0
        self.totals: dict[Where, float] = {}
        self.reborn = not row.workers and wiring != "run"
        self._process: subprocess.Popen[bytes] | None = None
        self._successor = 0
        self._relay: subprocess.Popen[bytes] | None = None

    def _client(self) -> Work:
        if self.row.work == "http":
            return Requests(self.home.port)
        submit = self._write if self.row.work == "input" else self._daemon.submit
        return Tasks(self.home.done, submit, self.row.slower)

    def __enter__(self) -> Self:
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _boot(self) -> None:
        if self.home.event == "relay_restart":
            self.start_relay()
        self._process = self._start(self.home.command())
        if isinstance(self.work, Requests):
            answers = self.wait(self.work.answers, _BOOT)
        else:
            self.work.drive(1)
            answers = not self.work.failed
        if not answers:
            raise DidNotBootError(self.home.log())

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.home.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.home.folder,
                env=self.home.environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_relay(self) -> None:
        """Start a relay, which ends with this life, and wait for its page."""
        self._relay = self._start(self.home.relay_command())
        self.wait(self.endpoints.answers, _BOOT)

    def stop_relay(self) -> None:
        """End that relay, if there is one, and wait for it."""
        if self._relay is not None:
            self._relay.terminate()
            self._relay.wait(_EXIT)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """What was started."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """The process that gets signals."""
        return self._successor or self.process.pid

    @property
    def running(self) -> bool:
        """Whether that process lives."""
        status = None if self._process is None else self._process.poll()
        return psutil.pid_exists(self._successor) if self._successor else status is None

    def follow(self, worker: int) -> None:
        """From now on signal the parent of a worker, if the process that was started has ended."""
        if not self.running:
            self._successor = psutil.Process(worker).ppid()

    def wait(self, condition: Callable[[], object], limit: float) -> bool:
        """Wait for a condition, as long as the program lives; say whether it came true."""
        deadline = time.monotonic() + limit
        while not (true := bool(condition())) and self.running and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return true

    def told(self, path: str) -> int:
        """Begin a request that tells its process; return that."""
        assert isinstance(self.work, Requests)
        told = self.home.told
        told.unlink(missing_ok=True)
        self.work.interrupted(path)
        self.wait(lambda: told.exists() and told.read_text(), _BOOT)
        return int(told.read_text())

    def workers(self, gone: frozenset[int] = frozenset()) -> set[int]:
        """Have everybody work; return the processes that did, as soon as they are all there.

        Args:
            gone: processes that do not count, and are to do no more work.
        """
        deadline = time.monotonic() + _BOOT
        found: set[int] = set()
        while self.running and time.monotonic() < deadline:
            before = len(self.work.done)
            self.work.spread(self.row.workers or 1)
            answered = {pid for _, pid in self.work.done[before:]}
            found = {pid for pid in (found | answered) - gone if psutil.pid_exists(pid)}
            if not gone & answered and len(found) >= self.row.workers:
                break
        return found

    def until_idle(self, event: str) -> None:
        """Wait until all workers are there, and wait for requests, if the row is to."""
        if event in self.row.idle:
            self.wait(self._idle, _BOOT)

    def _idle(self) -> bool:
        master = psutil.Process(self.master())
        workers = [each.pid for each in ([master] if self.row.lone else []) + master.children()]
        waiting = sum(map(procfs.waits_for_requests, workers))
        return waiting == self.row.workers

    def master(self) -> int:
        """Return the program's first process, which may have one of ours before it."""
        if self.wiring != "run":
            return self.pid
        children = [each.pid for each in psutil.Process(self.pid).children()]
        return next((pid for pid in children if pid != self.relay()), self.pid)

    def relay(self) -> int | None:
        """Return the process that is this life's relay."""
        for pid in procfs.marked(self.home.mark):
            if {"sampler", "relay"} <= set(map(os.path.basename, procfs.command_line(pid))):
                return pid
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the program, or to all its processes."""
        if self.row.to_all:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def places(self) -> list[Where]:
        """Return where its numbers have to arrive now.

        Without a relay a page shows one process, and after the end nobody shows one.
        """
        return [(s, p) for s in SOURCES for p in PLACES if p != "page" or self._has_page()]

    def _has_page(self) -> bool:
        return self.wiring == "run" and self.running

    def settle(self, before: dict[Where, float], least: int, most: int) -> dict[Where, float]:
        """Wait until what has arrived is what may be, and stays so; return what has arrived.

        Args:
            before: what had arrived before, of all that has to come now.
            least: how much is to have come since then.
            most: likewise.
        """
        late = _LATE if self._relay is not None else 0.0
        deadline = time.monotonic() + (_SETTLE + late if self.running else _QUIET)
        last: dict[Where, float] = {}
        since = time.monotonic()
        while True:
            now = time.monotonic()
            arrived = self.endpoints.arrived(page=self._has_page())
            if arrived != last:
                last, since = arrived, now
            good = all(least <= arrived.get(at, -1) - n <= most for at, n in before.items())
            if (good and now - since >= _QUIET) or now >= deadline:
                return arrived
            time.sleep(_PAUSE)

    def end(self, number: int) -> tuple[str, float]:
        """Send a signal, or for 0 say that there is no more work, and wait for the end.

        Returns:
            The exit status, ``None`` for no end in time, and how many seconds it took.
        """
        begun = time.monotonic()
        if number:
            self.signal(number)
        else:
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.wait(lambda: False, _EXIT)  # for as long as it runs
        self.stop_relay()
        status = None if self.running else self.process.returncode
        return str(status), time.monotonic() - begun

    def left_over(self) -> list[str]:
        """Return what is left of a program that has ended: processes and files.

        No socket is left where no process and no file is.
        """
        deadline = time.monotonic() + _EXIT
        while (pids := procfs.marked(self.home.mark)) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        processes = [" ".join(procfs.command_line(pid))[:80] for pid in pids]
        return [*(f"process {each}" for each in processes), *self.home.files_left()]

    def close(self) -> None:
        """End everything that is left, and remove the folder."""
        procfs.kill_all(self.home.mark)
        for process in filter(None, (self._process, self._relay)):
            process.communicate()
        self._daemon.close()
        self.endpoints.close()
        self.home.remove()

    def _write(self, pieces: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % pieces)
        self.process.stdin.flush()
