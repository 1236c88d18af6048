"""Threads that were given up: counted until they return, and ended when they burn CPU."""

from __future__ import annotations

import sys
import time

from sampler._runtime.fork import in_child
from sampler._runtime.native import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler._runtime.worker import JobBatch

MAX_ABANDONED = 16
"""Abandoned threads a process may hold before samplers that never answered have to wait."""
_SPINNING_SHARE = 0.04
"""An abandoned thread that uses more than this part of a core is spinning: less than the share
of each when ``BUDGET`` of them spin beside the program."""
_MEASURED_OVER = 0.1
"""Seconds over which that is measured, at least."""


class Ended(BaseException):
    """Raised inside an abandoned thread that spins, to end it."""


def is_foreign(error: BaseException) -> bool:
    """Tell whether an error concerns only the foreign code that raised it, whatever it is.

    Not the end of an abandoned thread; and not an exit or a Ctrl-C on the main thread, where
    signals are handled: that may be the program's own.
    """
    if isinstance(error, Exception):
        return True
    threading = sys.modules.get("threading")
    main = threading is None or threading.main_thread().ident == get_ident()
    return not (main or isinstance(error, Ended))


class _Watched:
    """An abandoned shift and what its thread had burnt when it was last looked at."""

    __slots__ = ("batch", "cpu", "seen")

    def __init__(self, batch: JobBatch) -> None:
        self.batch = batch
        self.cpu = self.seen = 0.0

    def end_if_spinning(self) -> None:
        """Raise :class:`Ended` inside the thread when it burns CPU."""
        batch = self.batch
        with batch.lock:  # held, the thread cannot leave: its ident stays its own
            if batch.returned or not batch.ident:
                return
            now, cpu = time.monotonic(), _cpu_seconds(batch.ident)
            if self.seen and now - self.seen < _MEASURED_OVER:
                return
            if self.seen and cpu - self.cpu > _SPINNING_SHARE * (now - self.seen):
                raise_in(batch.ident)
            self.seen, self.cpu = now, cpu


_watched: list[_Watched] = []
_lock = allocate_lock()


def watch_abandoned(batch: JobBatch) -> None:
    """Take over an abandoned shift."""
    with _lock:
        _watched.append(_Watched(batch))


def abandoned() -> int:
    """Count the threads of this process that were abandoned and have not returned."""
    with _lock:
        _watched[:] = [each for each in _watched if not each.batch.returned]
        return len(_watched)


def end_spinning() -> None:
    """End the abandoned threads that burn CPU."""
    with _lock:
        watched = tuple(_watched)
    for each in watched:
        each.end_if_spinning()


def raise_in(ident: int) -> None:
    """Raise :class:`Ended` in a thread as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Ended))


def _cpu_seconds(ident: int) -> float:
    clock = getattr(time, "pthread_getcpuclockid", None)  # Unix only
    return float(time.clock_gettime(clock(ident))) if clock else 0.0


def _forget_after_fork() -> None:
    """Start over in a forked child: the parent's threads do not exist here."""
    global _lock  # noqa: PLW0603 - it may have been held at the fork
    _lock = allocate_lock()
    for each in _watched:
        each.batch.returned = True
    _watched.clear()


in_child(_forget_after_fork)
