"""A command under ``sampler run --``, a client that counts, and what arrives at an endpoint."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.ports import HOST, hold_ports
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPS = Path(__file__).with_name("apps")
BIN = Path(sys.executable).parent
LIMIT = 30.0
"""Seconds for a server to begin or to end."""


class Run:
    """A command that runs; ``{port}`` in its words is a port that is held for it.

    Attributes:
        process: ``sampler run``.
        counted: what a client has counted.
        said: the file with what was written to the terminal.
    """

    def __init__(
        self, folder: Path, words: Sequence[str], options: Sequence[str], env: dict[str, str]
    ):
        self.sink = LineSink()
        (self._held,) = hold_ports(1)
        self.port: int = self._held.getsockname()[1]
        self.counted = 0
        self.said = folder / "output.log"
        self._mark = f"{folder}-{os.getpid()}".encode()
        (folder / "sampler.toml").write_text(f"""
            interval = 0.5
            service = "{service(folder)}"
            flush_timeout = 20
            [samplers]
            enable = ["shop", "pool"]
            [adapters.graphite]
            port = {self.sink.port}
        """)
        env = {
            "PYTHONPATH": str(APPS),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "WIRING_TEST": self._mark.decode(),
            **env,
        }
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sampler", "run", *options),
                    *("--", *(word.format(port=self.port) for word in words)),
                ],
                cwd=folder,
                env=environment(**env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def close(self) -> None:
        """Kill whatever is left, by its id."""
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        self.sink.close()
        self._held.close()

    def get(self) -> int:
        """Ask the server once; return which process has answered."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=LIMIT)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            pid = int(answer.read())
        finally:
            connection.close()
        self.counted += 1
        return pid

    def up(self, workers: int) -> None:
        """Wait until the server answers, and so many processes report: no fewer, and no more."""

        def answers() -> bool:
            assert self.process.poll() is None, self.said.read_text()
            try:
                return bool(self.get())
            except OSError:
                return False

        wait_for(answers, LIMIT, "the server to answer")
        wait_for(
            lambda: self.value("server.process.count") == workers, LIMIT, f"{workers} workers"
        )

    def load(self, requests: int = 60) -> None:
        """Ask the server so many times."""
        for _ in range(requests):
            self.get()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit status; nothing may be left."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end and return the exit status; nothing may be left."""
        code = self.process.wait(LIMIT + 20)
        assert self.left() == {}, "processes are left"
        return code

    def left(self) -> dict[int, str]:
        """Return the processes that have come of this one and live."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._mark in (folder / "environ").read_bytes():
                        found[int(folder.name)] = (folder / "cmdline").read_text()
                except OSError:
                    pass
        return found

    def value(self, metric: str) -> float:
        """Return the last value of a metric that Graphite has: there is one path of each."""
        lines = [line.split() for line in self.sink.lines]
        values = {path: value for path, value, _ in lines if path.endswith(f".{metric}".encode())}
        assert len(values) <= 1, values
        return float(*values.values()) if values else 0.0

    def arrived(self) -> tuple[float, float]:
        """Return what has arrived by instrument, and by the source that is pulled."""
        return self.value("shop.things"), self.value("pool.checkouts")


def need(request: pytest.FixtureRequest, program: str) -> None:
    """Skip a test, or with --require-servers fail it, where a program is not installed."""
    if shutil.which(program, path=f"{BIN}:{os.environ['PATH']}") is None:
        reason = f"{program} is missing: uv sync --group servers, tests/support/install_servers.sh"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@contextmanager
def running(folder: Path, *words: str, options: Sequence[str] = (), **env: str) -> Iterator[Run]:
    """Run a command; whatever is left of it is killed when the block is left."""
    run = Run(folder, words, options, env)
    try:
        yield run
    finally:
        run.close()
