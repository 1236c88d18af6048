"""The clients: they have work done, and count what was done and by which process."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from tests.support.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AT_ONCE = 4
_LIMIT = 20.0  # seconds for a request, or for a task's turn
_PAUSE = 0.02


class Work(Protocol):
    """A client.

    Attributes:
        done: when (epoch seconds) a piece was seen to be done, and by which process.
        failed: why others were not; the program may have counted them all the same.
    """

    done: list[tuple[float, int]]
    failed: list[str]

    def drive(self, pieces: int) -> None:
        """Have so much work done, and wait for it."""
        ...

    def spread(self, workers: int) -> None:
        """Have work done that a single worker cannot do alone."""
        ...


class Requests:
    """Work by HTTP requests, each on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.done: list[tuple[float, int]] = []
        self.failed: list[str] = []
        self._port = port

    def drive(self, pieces: int) -> None:
        """Send requests, some at once."""
        with ThreadPoolExecutor(_AT_ONCE) as senders:
            list(senders.map(self.request, ["/"] * pieces))

    def spread(self, workers: int) -> None:
        """Send requests at once that each take hold of a whole worker for a moment."""
        with ThreadPoolExecutor(2 * workers) as senders:
            list(senders.map(self.request, ["/hold"] * (2 * workers)))

    def request(self, path: str) -> None:
        """Send one, and count it or say why not."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_LIMIT)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.done.append((time.time(), int(body)))
            else:
                self.failed.append(f"status {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(type(error).__name__)
        finally:
            connection.close()

    def answers(self) -> bool:
        """Say whether the server is there; what it counted for that is counted here, too."""
        before = len(self.done)
        self.request("/")
        if len(self.done) == before:
            self.failed.pop()
        return len(self.done) > before

    def interrupted(self, path: str) -> threading.Thread:
        """Begin a request that is going to fail."""
        thread = threading.Thread(target=self.request, args=(path,), daemon=True)
        thread.start()
        return thread


class Tasks:
    """Work by tasks: a program does them, and tells each by a line in a file.

    Args:
        file: where.
        submit: asks the program for so many.
        slower: by how much each takes longer than a request; there are fewer of them.
    """

    def __init__(self, file: Path, submit: Callable[[int], None], slower: int = 1) -> None:
        self.done: list[tuple[float, int]] = []
        self.failed: list[str] = []
        self._file = file
        self._submit = submit
        self._slower = slower

    def drive(self, pieces: int) -> None:
        """Submit tasks, and wait until as many are done."""
        pieces = max(1, pieces // self._slower)
        wanted = len(self.done) + pieces
        self._submit(pieces)
        deadline = time.monotonic() + _LIMIT
        while len(self.done) < wanted and time.monotonic() < deadline:
            self._look()
            time.sleep(_PAUSE)
        if len(self.done) < wanted:
            self.failed += ["not done"] * (wanted - len(self.done))

    def spread(self, workers: int) -> None:
        """Submit more tasks than one worker takes at once."""
        self.drive(8 * workers)

    def _look(self) -> None:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self.done += [(time.time(), int(line)) for line in lines[len(self.done) :]]
