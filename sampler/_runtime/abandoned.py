"""Abandoned threads: counted until they return, and ended if they burn CPU."""

from __future__ import annotations

import sys
import time

from sampler._runtime.fork import in_child
from sampler._runtime.native import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import RLock
    from typing import Protocol

    class HungBatch(Protocol):
        """A batch of jobs whose thread was abandoned.

        Attributes:
            lock: while it is held, the thread cannot leave the batch.
            ident: the thread; 0 until it has announced its first job.
            returned: the thread has left the batch.
            began: monotonic moment at which the job that hangs was called.
        """

        lock: RLock
        ident: int
        began: float
        returned: bool


MAX_ABANDONED = 16
"""Abandoned threads in a process from which on samplers that never answered are not called."""
_SPINNING_SHARE = 0.04
"""An abandoned thread that uses more than this part of a core is spinning. It is less than the
share that each has when ``MAX_ABANDONED`` of them spin beside the program."""
_MEASURED_OVER = 0.1
"""Seconds over which the use of a core is measured, at least."""


ENDS_THREADS = sys.implementation.name == "cpython"
"""A thread can be ended from outside; PyPy has no means for it, and no clock of another thread."""


class Ended(BaseException):
    """Raised inside an abandoned thread that spins, to end it."""


def is_foreign(error: BaseException) -> bool:
    """Tell whether an error concerns only the foreign code that raised it.

    False for the end of an abandoned thread, and for an exit or a Ctrl-C on the main thread:
    signals are handled there, so these may be meant for the program.
    """
    if isinstance(error, Exception):
        return True
    threading = sys.modules.get("threading")
    main = threading is None or threading.main_thread().ident == get_ident()
    return not (main or isinstance(error, Ended))


class _Watched:
    """An abandoned batch, and the CPU time of its thread when it was last looked at."""

    __slots__ = ("batch", "cpu", "seen")

    def __init__(self, batch: HungBatch) -> None:
        self.batch = batch
        self.cpu = self.seen = 0.0

    def end_if_spinning(self) -> None:
        """Raise :class:`Ended` inside the thread if it burns CPU."""
        batch = self.batch
        with batch.lock:  # the thread cannot leave meanwhile: its ident stays its own
            if batch.returned or not batch.ident:
                return
            now, cpu = time.monotonic(), _cpu_seconds(batch.ident)
            if self.seen and now - self.seen < _MEASURED_OVER:
                return
            if self.seen and cpu - self.cpu > _SPINNING_SHARE * (now - self.seen):
                raise_in(batch.ident)
            self.seen, self.cpu = now, cpu


_watched: list[_Watched] = []
_told = False
_lock = allocate_lock()


def watch_abandoned(batch: HungBatch) -> None:
    """Watch an abandoned batch until its thread returns."""
    with _lock:
        _watched.append(_Watched(batch))
    if not ENDS_THREADS:
        _tell_once()


def abandoned() -> int:
    """Count the threads of this process that were abandoned and have not returned."""
    with _lock:
        _watched[:] = [each for each in _watched if not each.batch.returned]
        return len(_watched)


def end_spinning() -> None:
    """End the abandoned threads that burn CPU."""
    if not ENDS_THREADS:
        return
    with _lock:
        watched = tuple(_watched)
    for each in watched:
        each.end_if_spinning()


def raise_in(ident: int) -> None:
    """Raise :class:`Ended` in a thread as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Ended))


def _tell_once() -> None:
    global _told  # noqa: PLW0603
    if not _told:
        _told = True
        from sampler._runtime.log import log

        log.warning(
            "a call that overran its deadline goes on until it returns: %s cannot end it, "
            "also if it burns CPU",
            sys.implementation.name,
        )


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
