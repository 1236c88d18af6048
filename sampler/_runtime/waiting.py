"""What threads wait for, on the primitives of the operating system.

Where there are greenlets, nothing here waits in their event loop.
"""

from __future__ import annotations

import time

try:
    from _queue import SimpleQueue  # gevent replaces the one of queue
except ImportError:
    from queue import SimpleQueue

from sampler._runtime.native import RLock, allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable
    from typing import Any

__all__ = ("Condition", "Event", "Lock", "SimpleQueue")

Lock: Callable[[], LockType] = allocate_lock


class Condition:
    """As :class:`threading.Condition`, with a re-entrant lock of its own."""

    __slots__ = ("__weakref__", "_lock", "_waiters")  # eventlet replaces locks that it can find

    def __init__(self) -> None:
        self._lock: Any = RLock()
        self._waiters: list[LockType] = []

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait_for(self, condition: Callable[[], Any], timeout: float | None = None) -> bool:
        """Wait until ``condition()`` is true; False after ``timeout`` seconds without."""
        until = None if timeout is None else time.monotonic() + timeout
        while not condition():
            left = -1 if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                return False
            self._wait(left)
        return True

    def notify_all(self) -> None:
        """Wake all waiters, which check their conditions again; the lock is held."""
        waiting, self._waiters = self._waiters, []
        for each in waiting:
            each.release()

    def _wait(self, seconds: float) -> None:
        mine = allocate_lock()
        mine.acquire()
        self._waiters.append(mine)
        held = self._lock._release_save()  # noqa: SLF001 - as threading.Condition does
        try:
            mine.acquire(timeout=seconds)
        finally:
            self._lock._acquire_restore(held)  # noqa: SLF001
            if mine in self._waiters:
                self._waiters.remove(mine)


class Event:
    """As :class:`threading.Event`."""

    def __init__(self) -> None:
        self._set = False
        self._changed = Condition()

    def is_set(self) -> bool:
        """Tell whether the flag is set."""
        return self._set

    def set(self) -> None:
        """Set the flag and wake all waiters."""
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Clear the flag."""
        with self._changed:
            self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set, ``timeout`` seconds at most; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._set, timeout)
