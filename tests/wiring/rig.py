"""A command under ``sampler run --``, a client that counts, and what arrives at an endpoint."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment
from tests.support.doubles import DatagramSink, LineSink
from tests.support.ports import HOST, accepts, free_port, hold_ports
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

APPS = Path(__file__).with_name("apps")
BIN = Path(sys.executable).parent
LIMIT = 30.0
"""Seconds for a server to begin or to end."""


class Run:
    """A command that runs; ``{port}`` in its words is a port that is held for it.

    Args:
        folder: where it runs.
        words: the command.
        options: of ``sampler run``.
        env: changes of its environment.
        toml: the table ``[samplers]``, and what follows it.
        relay: run it under ``sampler run --``, with Graphite; else by itself, with StatsD.

    Attributes:
        process: ``sampler run``.
        counted: what a client has counted.
        said: the file with what was written to the terminal.
    """

    def __init__(
        self,
        folder: Path,
        words: Sequence[str],
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        *,
        relay: bool = True,
        toml: str = 'enable = ["shop", "pool"]',
    ) -> None:
        self._lines = LineSink()
        self._datagrams = DatagramSink()
        (self._held,) = hold_ports(1)
        self.port: int = self._held.getsockname()[1]
        self.counted = 0
        self.said = folder / "output.log"
        self._mark = f"{folder}-{os.getpid()}"
        (folder / "sampler.toml").write_text(f"""
            interval = 0.5
            service = "{service(folder)}"
            flush_timeout = 20
            [samplers]
            {toml}
            {self._adapter(relay)}
        """)
        ours = [sys.executable, "-m", "sampler", "run", *options, "--"] if relay else []
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                [*ours, *(word.format(port=self.port) for word in words)],
                cwd=folder,
                env=environment(
                    PYTHONPATH=f"{APPS}:{folder}",
                    PATH=f"{BIN}:{os.environ['PATH']}",
                    WIRING_TEST=self._mark,
                    TASKS=str(folder),
                )
                | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _adapter(self, relay: bool) -> str:
        if relay:
            return f"[adapters.graphite]\nport = {self._lines.port}"
        return f"[adapters.statsd]\nhost = '127.0.0.1'\nport = {self._datagrams.port}"

    def close(self) -> None:
        """Kill whatever is left, by its id."""
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        self._lines.close()
        self._datagrams.close()
        self._held.close()

    def get(self, **headers: str) -> int:
        """Ask the server once; return which process has answered."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=LIMIT)
        try:
            connection.request("GET", "/", headers={"Connection": "close"} | headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            pid = int(answer.read())
        finally:
            connection.close()
        self.counted += 1
        return pid

    def up(self, workers: int = 0) -> None:
        """Wait until the server answers, and exactly so many processes report to the relay."""

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

    def load(self, requests: int = 60) -> set[int]:
        """Ask the server so many times; return which processes have answered."""
        return {self.get() for _ in range(requests)}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit status; nothing may be left."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end and return the exit status; nothing may be left."""
        code = self.process.wait(LIMIT + 20)
        wait_for(lambda: not self.left(), LIMIT, "the last of its processes to end")
        return code

    def left(self) -> dict[int, str]:
        """Return the processes that have come of this one and live."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._mark.encode() in (folder / "environ").read_bytes():
                        found[int(folder.name)] = (folder / "cmdline").read_text()
                except OSError:
                    pass
        return found

    def value(self, metric: str) -> float:
        """Return the last value of a metric that Graphite has: there is one path of each."""
        lines = [line.decode().split() for line in self._lines.lines]
        values = {path: float(v) for path, v, _ in lines if path.endswith(f".{metric}")}
        assert len(values) <= 1, values
        return next(iter(values.values()), 0.0)

    def arrived(self) -> tuple[float, float]:
        """Return what has arrived by instrument, and by the source that is pulled."""
        return self.value("shop.things"), self.value("pool.checkouts")

    def added(self) -> tuple[float, float]:
        """Return the same without a relay: what StatsD adds up."""
        things, checkouts = self._counts("shop.things"), self._counts("pool.checkouts")
        return sum(value for _, value in things), sum(value for _, value in checkouts)

    def reporting(self) -> set[str]:
        """Return the paths of all processes that have reported to StatsD."""
        return {path for path, _ in self._counts("shop.things")}

    def _counts(self, metric: str) -> list[tuple[str, float]]:
        lines = [line.decode().partition(":") for line in self._datagrams.lines]
        return [
            (path, float(value.removesuffix("|c")))
            for path, _, value in lines
            if path.endswith(f".{metric}")
        ]


def need(request: pytest.FixtureRequest, program: str) -> None:
    """Skip a test, or with --require-servers fail it, where a program or package is missing.

    Nothing is imported here: gevent would change the threads of all tests that come later.
    """
    # Another Python's would be found, too: Debian has a gunicorn for graphite-web.
    path = None if program in ("chromium", "redis-server", "tmux") else str(BIN)
    if shutil.which(program, path=path) is None and find_spec(program) is None:
        reason = f"{program} is missing: uv sync --group servers, tests/support/install_servers.sh"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """Run a Redis that keeps nothing, and yield its port."""
    port = free_port()
    with subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", HOST, "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(lambda: accepts(port), LIMIT, "redis")
            yield port
        finally:
            server.terminate()


@contextmanager
def running(
    folder: Path, *words: str, options: Sequence[str] = (), toml: str = "", **env: str
) -> Iterator[Run]:
    """Run a command; whatever is left of it is killed when the block is left."""
    run = Run(folder, words, options, env, **({"toml": toml} if toml else {}))
    try:
        yield run
    finally:
        run.close()
