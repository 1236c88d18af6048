"""A real server as a child process: started, stopped and started again on what it had."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.support.ports import hold_ports

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

START_LIMIT = 30.0  # seconds; each needs less than one on an idle machine
STOP_LIMIT = 10.0  # seconds until SIGTERM becomes SIGKILL


class MissingServerError(Exception):
    """A server's program is not on this machine; the text says how to install it."""


def unpacked(name: str, install: str) -> str:
    """Return the path of a program that install_servers.sh has unpacked."""
    found = Path(__file__).parents[2] / ".servers" / "unstable" / name / "usr" / "bin" / name
    if not found.exists():
        raise MissingServerError(f"{name} of Debian's unstable suite is missing: {install}")
    return str(found)


class Server:
    """One server process that keeps its ports and its directory from one start to the next.

    As a context manager it starts on entry and is killed, by its own pid, on exit.
    """

    install: ClassVar[str]  # how to get the program

    def __init__(self, directory: Path, ports: int) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.log_file = directory / "output.log"
        self._held = hold_ports(ports)
        self.ports: tuple[int, ...] = tuple(tcp.getsockname()[1] for tcp in self._held)
        self._process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        """When it was last started, in epoch seconds."""

    @classmethod
    def program(cls, name: str) -> str:
        """Return the path of program `name`, or raise MissingServerError."""
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/bin")
        if found is None:
            raise MissingServerError(f"{name} is not installed: {cls.install}")
        return found

    def command(self) -> list[str]:
        """Return the command line that starts the server in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Say whether the server answers on every port."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        if self._process is None:
            raise AssertionError(f"{type(self).__name__} was never started")
        return self._process.pid

    def start(self) -> None:
        """Start, if it is not running, and wait until it is ready.

        Raises AssertionError with the end of the log if it exits or is not ready in time.
        """
        if self.running:
            return
        # The interpreter of the tests is not the interpreter of the server.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.started = time.time()
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_LIMIT
        while not self.ready():
            if not self.running:
                self._fail(f"exited with {self._process.returncode} before it was ready")
            if time.monotonic() >= deadline:
                self.kill()
                self._fail(f"was not ready within {START_LIMIT:g} s")
            time.sleep(0.02)
        if not self.running:
            self._fail("exited, and something else answers on its port")

    def stop(self) -> None:
        """Ask the process to end (SIGTERM), and wait until it has."""
        if self._process is None:
            return
        # Popen signals only a child that it has not yet reaped.
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), and wait until it has."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop and start: same ports, same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it for good, at once, and give the ports back."""
        self.kill()
        for tcp in self._held:
            tcp.close()

    def log(self) -> str:
        """Return everything the server has logged, over all starts."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _fail(self, what: str) -> None:
        tail = "\n".join(self.log().splitlines()[-20:])
        raise AssertionError(f"{type(self).__name__} {what}; its log ends:\n{tail}")

    def __enter__(self) -> Self:
        try:
            self.start()
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
