"""Threads that serve: what their loop raises is logged and counted, and the loop runs again.

Every thread of ours that lives as long as its agent is a :class:`Service`, so :func:`unhealthy`
covers all of them.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sampler._runtime.fork import in_child
from sampler._runtime.threads import Event, Thread, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_PAUSE = 0.1
"""Seconds of the pause after a failure; pauses double up to :data:`LONGEST_PAUSE`."""
LONGEST_PAUSE = 30.0
"""Seconds; a thread that has served this long begins with the first pause again."""
GRACE = 30.0
"""Seconds that work may take beyond its time, for a busy machine."""

_wanted: set[Service] = set()
in_child(_wanted.clear)


def unhealthy() -> dict[str, str]:
    """Return the threads of this process that should serve but do not: name to reason."""
    return {each.name: why for each in _wanted.copy() if (why := each.trouble)}


class Service(Thread):
    """A daemon thread that serves until its loop returns.

    Whatever the loop raises, ``SystemExit`` included, is logged and counted as
    ``sampler.thread.failures``, and the loop is called again after a pause. So a loop keeps its
    state on its object, consistent whichever call raises.

    Args:
        serve: the loop; the thread ends when it returns.
        name: the thread's name.
        bare: see :class:`~sampler._runtime.daemon.DaemonThread`.

    Attributes:
        impaired: why it does not do all of its work, though its loop runs; empty if it does.
    """

    def __init__(self, serve: Callable[[], object], name: str, *, bare: bool = False) -> None:
        super().__init__(self._supervise, name, bare=bare)
        self.impaired: str = ""
        self._serve = serve
        self._ending = Event()
        self._fault = ""
        self._pausing = False
        self._due = float("inf")

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread can start, as while the interpreter ends (from 3.12 on).
        """
        _wanted.add(self)
        try:
            super().start()
        except BaseException:
            _wanted.discard(self)
            raise

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, ``timeout`` seconds at most; tell whether it has ended.

        From now on it need not serve: a pause after a failure ends, and the loop is called once
        more so that it can end by itself.
        """
        _wanted.discard(self)
        self._ending.set()
        return super().join(timeout)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Do a piece of work that should end in time; :func:`unhealthy` tells if it does not.

        Args:
            seconds: how long it may take; :data:`GRACE` is added.
        """
        self._due = time.monotonic() + seconds + GRACE
        try:
            yield
        finally:
            self._due = float("inf")

    @property
    def trouble(self) -> str:
        """Why it does not serve now, or ``""``."""
        if not self.is_alive():
            return "it has ended"
        if self._pausing:
            return f"it failed: {self._fault}"
        if time.monotonic() > self._due:
            return "its work has not ended in time"
        return self.impaired

    def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began, last = time.monotonic(), self._ending.is_set()
            try:
                self._serve()
                _wanted.discard(self)
                return
            except BaseException as error:  # whatever it is, the thread goes on
                if time.monotonic() - began > LONGEST_PAUSE:
                    pause, self._fault = FIRST_PAUSE, ""
                self._fault = failed(self.name, error, logged=self._fault)
            if last:
                return
            self._pausing = True
            self._ending.wait(pause)
            self._pausing = False
            pause = min(pause * 2, LONGEST_PAUSE)
