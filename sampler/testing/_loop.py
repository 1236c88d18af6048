"""An event loop that runs on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self


class LoopThread:
    """A context manager that runs an event loop until its end.

    Attributes:
        loop: the loop.
        thread: the thread that it runs on.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self.thread: threading.Thread = threading.Thread(
            target=self._run, name="sampler-testing-loop"
        )

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the loop, as the ``loop`` of a sampler does."""
        return self.loop

    def tasks(self) -> set[asyncio.Task[Any]]:
        """Return what runs on it."""
        return asyncio.all_tasks(self.loop)

    def stop(self) -> None:
        """Stop the loop; its tasks are left where they are."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def __enter__(self) -> Self:
        started = threading.Event()
        self.loop.call_soon(started.set)
        self.thread.start()
        started.wait()
        return self

    def __exit__(self, *error: object) -> None:
        if self.loop.is_running():
            self.stop()
        self.loop.close()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
