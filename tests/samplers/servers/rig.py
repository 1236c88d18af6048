"""A server under ``sampler run --``, clients that wait in it, and what its samplers tell."""

from __future__ import annotations

import shutil
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.ports import HOST
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.doubles import LineSink

HERE = Path(__file__).parent
_REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Tells:
    """What has arrived at Graphite, labels as tags.

    Attributes:
        lines: what it has received.
        said: the file with what a server has said.
        port: where the server listens.
        counted: requests that were answered.
    """

    lines: LineSink
    said: Path
    port: int
    counted: int = 0

    def told(self, metric: str, **labels: str) -> float | None:
        """Return what was told last of a metric; None: nothing. Labels are those that it has."""
        found = None
        wanted = {f"{key}={value}" for key, value in labels.items()}
        for line in self.lines.lines:
            series, value, _ = line.decode().split()
            path, *tags = series.split(";")
            if path.endswith(f".{metric}") and wanted <= set(tags):
                found = float(value)
        return found

    def count(self, metric: str) -> int:
        """Return how often a metric was told."""
        paths = (line.split(b";", 1)[0].split()[0] for line in self.lines.lines)
        return sum(path.endswith(f".{metric}".encode()) for path in paths)

    def tells(self, metric: str, value: float | Callable[[float], bool], **labels: str) -> float:
        """Wait until a metric is told with a value, or with one that passes."""

        def told() -> bool:
            nonlocal last
            last = self.told(metric, **labels)
            if last is None:
                return False
            return value(last) if callable(value) else last == value

        last: float | None = None
        try:
            wait_for(told, LIMIT, f"{metric} {labels}")
        except AssertionError as error:
            paths = "\n".join(sorted({each.decode().split()[0] for each in self.lines.lines}))
            raise AssertionError(
                f"{error}: told last {last}\n{paths}\n{self.said.read_text()}"
            ) from None
        assert last is not None
        return last

    @contextmanager
    def held(self, clients: int, path: str = "/hold") -> Iterator[None]:
        """Have clients wait for an answer; at the end all get one."""
        release = self.said.with_name("release")
        release.unlink(missing_ok=True)
        with ExitStack() as stack:
            sockets = [
                stack.enter_context(socket.create_connection((HOST, self.port), timeout=LIMIT))
                for _ in range(clients)
            ]
            for each in sockets:
                each.sendall(_REQUEST % path.encode())
            try:
                yield
            finally:
                release.touch()
            for each in sockets:
                assert b" 200 " in each.recv(65536)
                self.counted += 1


class Served(Tells, Run):
    """A server under ``sampler run --``, with the application ``held``."""

    @property
    def lines(self) -> LineSink:  # type: ignore[override]
        """What has arrived."""
        return self._lines

    def _adapter(self, relay: bool) -> str:
        return f"{super()._adapter(relay)}\ntags = true"


@contextmanager
def serving(
    folder: Path, *words: str, toml: str, workers: int = 1, **env: str
) -> Iterator[Served]:
    """Run a server until it answers and reports; whatever is left of it is killed at the end."""
    shutil.copy(HERE / "held.py", folder)
    run = Served(folder, words, env={"RELEASE": str(folder / "release"), **env}, toml=toml)
    try:
        run.up(workers)
        yield run
    finally:
        run.close()
