"""One life of a program: its beginning, what is seen of it meanwhile, and its end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil

from tests.processes import procfs
from tests.processes.daemons import daemon
from tests.processes.endpoints import PLACES, SOURCES, Endpoints, Seen
from tests.processes.work import Requests, Tasks, Work
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from tests.processes.row import Row

INTERVAL = 0.5
"""Seconds between two pulls."""
ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
_BOOT = 20.0  # seconds until the first answer
_SETTLE = 5.0  # until everything has arrived
_QUIET = 2.5 * INTERVAL  # nothing more arrives for so long
_OTHERS = re.compile("pymp-")  # multiprocessing leaves it behind at a signal
_EXIT = 20.0
_PAUSE = 0.05


class DidNotBootError(Exception):
    """The program has ended, or does not answer; the text is the end of its log."""


class Life:
    """A program with its endpoints and its client, from its start on.

    Args:
        row: the program.
        wiring: ``start``: as people write it; ``run``: under ``sampler run``; ``bare``: no agent.
        event: what the life is for: some have options.
        before: words before the command.

    Attributes:
        folder: where it runs.
        work: the client.
        counted: how many pieces of its work have been judged.
        totals: what had arrived of them.
    """

    def __init__(self, row: Row, wiring: str, event: str, before: Sequence[str] = ()) -> None:
        self.row, self.wiring, self._event = row, wiring, event
        self.folder = Path("/tmp", f"sampler-life-{uuid4().hex[:12]}")
        self.mark = self.folder.name
        self.endpoints = Endpoints()
        self.counted = 0
        self._successor = 0
        self.totals: dict[tuple[str, str], float] = {}
        self._before = before
        self._told = self.folder / "told"
        for name in ("", "tmp", "run"):
            (self.folder / name).mkdir(mode=0o755)
        for file in PROGRAMS.glob("*.py"):
            shutil.copy(file, self.folder)
        (self.folder / "done").touch()
        for writable in (self.folder, self.folder / "tmp", self.folder / "run"):
            writable.chmod(0o1777)  # also for a user to whom a server changes
        self._port = free_port()
        if row.files is not None:
            row.files(self.folder, self._port)
        self._configuration = self.folder / "sampler.toml"
        service = self.mark.replace("-", "_")
        self._configuration.write_text(self.endpoints.configuration(service, INTERVAL))
        self._daemon = daemon(row.work, self.folder)
        self.work: Work = self._client()

    def _client(self) -> Work:
        if self.row.work == "http":
            return Requests(self._port)
        submit = self._write if self.row.work == "input" else self._daemon.submit
        return Tasks(self.folder / "done", submit)

    def command(self) -> list[str]:
        """Return the words that are run."""
        words: list[str] = []
        for word in self.row.command:
            if word == "{options}":
                words += self.row.options.get(self._event, ())
            else:
                words.append(word)
        places = {
            "port": str(self._port),
            "folder": str(self.folder),
            "python": sys.executable,
            "uwsgi": str(Path(sys.executable).with_name("uwsgi")),
        }
        words = [word.format(**places) for word in words]
        if self.wiring == "run":
            wiring = ("-m", "sampler", "run", "-c", str(self._configuration), "--")
            words = [sys.executable, *wiring, *words]
        return [*self._before, *words]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAMPLER_", "PYTHON"))}
        # Also for interpreters that do not know this environment.
        packages = sysconfig.get_path("purelib")
        paths = [self.folder, ROOT, ROOT / "adapters", packages]
        binaries = str(Path(sys.executable).parent)
        return {
            **kept,
            procfs.MARK: self.mark,
            "WIRING": self.wiring,
            "SAMPLER_CONFIG": str(self._configuration),
            "DONE": str(self.folder / "done"),
            "TOLD": str(self._told),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "HOME": str(self.folder),
            "PATH": os.pathsep.join([binaries, kept.get("PATH", ""), "/usr/sbin"]),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.row.environment,
        }

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
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if isinstance(self.work, Requests):
            if not self.wait(self.work.answers, _BOOT):
                raise DidNotBootError(self.log())
        else:
            self.work.drive(1)
            if self.work.failed:
                raise DidNotBootError(self.log())

    @property
    def pid(self) -> int:
        """The process that gets signals."""
        return self._successor or self._process.pid

    @property
    def running(self) -> bool:
        """Whether that process lives."""
        status = self._process.poll()
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
        self._told.unlink(missing_ok=True)
        self.work.interrupted(path)
        self.wait(lambda: self._told.exists() and self._told.read_text(), _BOOT)
        return int(self._told.read_text())

    def workers(self, new: frozenset[int] = frozenset(), limit: float = _BOOT) -> set[int]:
        """Have everybody work; return the processes that did, as soon as they are all there.

        Args:
            new: processes that are to have gone.
            limit: seconds.
        """
        deadline = time.monotonic() + limit
        found: set[int] = set()
        while self.running and time.monotonic() < deadline:
            before = len(self.work.done)
            self.work.spread(self.row.workers or 1)
            answered = {pid for _, pid in self.work.done[before:]}
            found = {pid for pid in found | answered if Path(f"/proc/{pid}").exists()}
            if not new & answered and len(found - new) >= self.row.workers:
                break
        return found - new

    def master(self) -> int:
        """Return the program's first process, which may have one of ours before it."""
        if self.wiring != "run":
            return self.pid
        children = [each.pid for each in psutil.Process(self.pid).children()]
        return next((pid for pid in children if pid != self.relay()), self.pid)

    def relay(self) -> int | None:
        """Return the process that is this life's relay."""
        for pid in procfs.marked(self.mark):
            if {"sampler", "relay"} <= set(map(os.path.basename, procfs.command_line(pid))):
                return pid
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the program, or to all its processes."""
        if self.row.to_all:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def settle(self, expected: dict[tuple[str, str], tuple[float, float]]) -> Seen:
        """Wait until what has arrived is what may be, and stays so; return what has arrived.

        Args:
            expected: the least and the most by source and place.
        """
        deadline = time.monotonic() + (_SETTLE if self.running else _QUIET)
        last: Seen | None = None
        since = time.monotonic()
        while True:
            now = time.monotonic()
            seen = self.endpoints.seen(page=self.running and self.wiring == "run")
            if last is None or seen.totals != last.totals:
                last, since = seen, now
            good = all(
                low <= seen.totals.get(at, -1) <= high for at, (low, high) in expected.items()
            )
            if (good and now - since >= _QUIET) or now >= deadline:
                return seen
            time.sleep(_PAUSE)

    def places(self) -> list[tuple[str, str]]:
        """Return where its numbers have to arrive now, by source and place.

        Without a relay a page shows one process, and after the end nobody shows one.
        """
        pages = self.wiring == "run" and self.running
        return [(s, p) for s in SOURCES for p in PLACES if p != "page" or pages]

    def end(self, number: int) -> tuple[str, float]:
        """Send a signal, or for 0 say that there is no more work, and wait for the end.

        Returns:
                The exit status, ``None`` for no end in time, and how many seconds it took.
        """
        begun = time.monotonic()
        if number:
            self.signal(number)
        else:
            assert self._process.stdin is not None
            self._process.stdin.close()
        self.wait(lambda: False, _EXIT)  # for as long as it runs
        status = None if self.running else self._process.returncode
        return str(status), time.monotonic() - begun

    def left_over(self) -> list[str]:
        """Return what is left of a program that has ended: processes, and files."""
        self.wait_for_no_process()
        processes = [
            f"process: {' '.join(procfs.command_line(pid))[:80]}"
            for pid in procfs.marked(self.mark)
        ]
        folders = (self.folder / "tmp", self.folder / "run", Path("/dev/shm"), Path("/run"))
        files = [
            f"file: {str(file).removeprefix(str(self.folder) + '/')}"
            for folder in folders
            for file in folder.iterdir()
            if (self.folder in file.parents or "sampler" in file.name) and not _OTHERS.match(file.name)
        ]
        return processes + files

    def wait_for_no_process(self) -> None:
        """Give those that end by themselves time to do so."""
        deadline = time.monotonic() + _SETTLE
        while procfs.marked(self.mark) and time.monotonic() < deadline:
            time.sleep(_PAUSE)

    def log(self, lines: int = 12) -> str:
        """Return the end of what it has said."""
        text = (self.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        """End everything that is left, and remove the folder."""
        procfs.kill_all(self.mark)
        if hasattr(self, "_process"):
            self._process.wait()
        self._daemon.close()
        self.endpoints.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, pieces: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % pieces)
        self._process.stdin.flush()

