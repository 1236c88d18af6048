"""CPU time of the threads that serve, read at the pull: requests pay for one look each.

``time.thread_time()`` around each request would cost 1.6 us. A thread's clock is read by its id
from any other thread instead, and by the thread itself at its end, so that nothing is lost.
"""

from __future__ import annotations

import time

from sampler._runtime.native import get_ident, original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRIES = 10


class Threads:
    """The threads that have served.

    Attributes:
        known: their ids.
    """

    def __init__(self) -> None:
        self.known: set[int] = set()
        self._here: Any = original("_thread", "_local")()
        self._clocks: dict[int, tuple[int, float]] = {}  # clock, and what it showed at first
        self._ended = 0.0

    def meet(self) -> None:
        """Count the CPU time of the calling thread from now on."""
        ident = get_ident()
        self._here.life = _Life(self, ident)
        self.known.add(ident)
        try:
            clock = time.pthread_getcpuclockid(ident)
        except (AttributeError, OSError):  # not on macOS
            return
        self._clocks[ident] = clock, time.clock_gettime(clock)

    def read(self) -> tuple[float, int]:
        """Return their CPU seconds, and how many of them live."""
        total = 0.0
        for _ in range(_TRIES):
            total = ended = self._ended
            for clock, before in list(self._clocks.values()):
                try:
                    total += time.clock_gettime(clock) - before
                except OSError:  # it ends, and has said so meanwhile
                    continue
            if ended == self._ended:
                break
        return total, len(self.known)

    def leave(self, ident: int) -> None:
        """Keep what a thread has taken that ends; it is the caller."""
        self.known.discard(ident)
        clock, before = self._clocks.pop(ident, (None, 0.0))
        if clock is not None:
            taken = time.clock_gettime(clock) - before
            self._ended += taken


class _Life:
    """Lives as long as its thread."""

    __slots__ = ("_ident", "_threads")

    def __init__(self, threads: Threads, ident: int) -> None:
        self._threads = threads
        self._ident = ident

    def __del__(self) -> None:
        try:
            if get_ident() == self._ident:  # else all of it goes, as in a forked child
                self._threads.leave(self._ident)
        except Exception:  # noqa: S110 - at the interpreter's end
            pass
