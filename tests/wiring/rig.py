"""A command under ``sampler run --``, a client that counts, and what has arrived at an endpoint."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command import environment
from tests.support.doubles import DatagramSink, LineSink
from tests.support.ports import HOST, hold_ports
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPS = Path(__file__).with_name("apps")
LIMIT = 30.0
"""Seconds for a server to begin or to end."""
METRICS = (".shop.things", ".pool.checkouts")


class Run:
    """A command that runs; ``{port}`` in its words is a port that is held for it.

    Attributes:
        process: ``sampler run``.
        counted: what a client has counted.
        served: the processes that have answered.
    """

    def __init__(self, folder: Path, words: Sequence[str], options: Sequence[str], env: dict[str, str]) -> None:
        self.sink = LineSink()
        self.datagrams = DatagramSink()
        (self._held,) = hold_ports(1)
        self.port = self._held.getsockname()[1]
        self.mark = f"{folder}-{os.getpid()}"
        self.log = folder / "output.log"
        self.counted = 0
        self.served: set[int] = set()
        file = folder / "sampler.toml"
        file.write_text(f"""
            interval = 0.5
            service = "shop"
            host = "h"
            flush_timeout = 20
            [samplers]
            enable = ["shop", "pool"]
            [adapters.graphite]
            port = {self.sink.port}
            [adapters.statsd]
            host = "127.0.0.1"
            port = {self.datagrams.port}
        """)
        bin_folder = Path(sys.executable).parent
        env = {
            "PYTHONPATH": str(APPS),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "WIRING_TEST": self.mark,
            "SAMPLER_CONFIG": str(file),
            **env,
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sampler", "run", "-c", str(file), *options),
                    *("--", *(word.format(port=self.port) for word in words)),
                ],
                cwd=folder,
                env=environment(**env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

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
        self.served.add(pid)
        return pid

    def up(self) -> None:
        """Wait until the server answers."""

        def answers() -> bool:
            assert self.process.poll() is None, self.said()
            try:
                return bool(self.get())
            except OSError:
                return False

        wait_for(answers, LIMIT, f"the server to answer: {self.said()}")

    def said(self) -> str:
        """Return what was written to the terminal."""
        return self.log.read_text(errors="replace")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit status; nothing may be left."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(LIMIT + 20)
        assert self.left() == {}
        return code

    def left(self) -> dict[int, str]:
        """Return the processes that have come of this one and live."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self.mark.encode() in (folder / "environ").read_bytes():
                        found[int(folder.name)] = (folder / "cmdline").read_text()
                except OSError:
                    pass
        return found

    def arrived(self) -> list[float]:
        """Return the totals of both metrics: the last values of all paths, added up."""
        last: dict[str, float] = {}
        for line in self.sink.lines:
            path, value, _ = line.decode().split()
            last[path] = float(value)
        graphite = [sum(v for path, v in last.items() if path.endswith(m)) for m in METRICS]
        statsd = [0.0, 0.0]
        for line in self.datagrams.lines:
            name, _, value = line.decode().partition(":")
            for n, metric in enumerate(METRICS):
                if name.endswith(metric) and value.endswith("|c"):
                    statsd[n] += float(value[:-2])
        return statsd if os.environ.get("INTERIM") else graphite


@contextmanager
def running(folder: Path, *words: str, options: Sequence[str] = (), **env: str) -> Iterator[Run]:
    """Run a command; whatever is left of it is killed, by id, when the block is left."""
    run = Run(folder, words, options, env)
    try:
        yield run
    finally:
        for pid in run.left():
            os.kill(pid, signal.SIGKILL)
        run.process.wait(LIMIT)
        run.sink.close()
        run.datagrams.close()
        run._held.close()
