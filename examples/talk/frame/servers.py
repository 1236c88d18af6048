"""The servers, each started until it answers and reports, and ended with all of its processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from examples.talk.frame.watch import read_page
from tests.support.ports import HOST, accepts
from tests.support.process import Server
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[3]
INTERVAL = 0.25
"""Seconds between two pulls of a worker, and between two looks at the page."""
_END = 10.0


class Gunicorn(Server):
    """gunicorn under ``sampler run --``, with one page for all of its workers.

    Args:
        directory: where its files are.
        options: gunicorn's.
        workers: how many report until it is ready.
        toml: more of ``sampler.toml``, the table ``[samplers]`` first.
        env: changes of the environment.

    Attributes:
        port: where it listens.
        page: where the page is.
    """

    install: ClassVar[str] = "uv sync --group servers"

    def __init__(
        self,
        directory: Path,
        options: Sequence[str],
        workers: int,
        toml: str,
        env: Mapping[str, str],
    ) -> None:
        super().__init__(directory, 2)
        self.port, self.page = self.ports
        self._options, self._workers, self._env = options, workers, dict(env)
        self._mark = f"TALK_RUN={directory}-{os.getpid()}"
        (directory / "sampler.toml").write_text(f"""
interval = {INTERVAL}
service = "talk-{self.port}"
{toml}
[adapters.prometheus]
listen = "{HOST}:{self.page}"
""")

    def command(self) -> list[str]:
        """See `Server`."""
        changes = {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self._env,
        }
        return [
            *("env", self._mark, *(f"{name}={value}" for name, value in changes.items())),
            *(sys.executable, "-m", "sampler", "run", "-c", "sampler.toml", "--"),
            *("gunicorn", "-b", f"{HOST}:{self.port}", "--graceful-timeout", "2"),
            *(*self._options, "examples.talk.application:application"),
        ]

    def ready(self) -> bool:
        """See `Server`."""
        try:
            page = read_page(self.page)
        except OSError:
            return False
        return page.get(("server_process_current", ())) == self._workers and accepts(self.port)

    def signal(self, number: int) -> None:
        """Send a signal, which is passed on to gunicorn's arbiter."""
        os.kill(self.pid, number)

    def grow(self, workers: int) -> None:
        """Ask for more workers, one after the other: a signal that is pending comes once."""
        before = len(self._left())
        for more in range(1, workers + 1):
            self.signal(signal.SIGTTIN)
            wait_for(partial(self._has, before + more), _END, "another worker")

    def _has(self, processes: int) -> bool:
        return len(self._left()) >= processes

    def stop(self) -> None:
        """See `Server`; what it has started ends, too."""
        super().stop()
        until = time.monotonic() + _END
        while left := self._left():
            if time.monotonic() > until:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def close(self) -> None:
        """See `Server`."""
        self.stop()
        super().close()

    def _left(self) -> list[int]:
        """Return the processes that have come of this one and live."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._mark.encode() in (folder / "environ").read_bytes():
                        found.append(int(folder.name))
                except OSError:
                    pass
        return found
