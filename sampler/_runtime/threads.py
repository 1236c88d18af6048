"""Daemon threads and what they wait for, on the primitives of the operating system.

In most programs a :class:`Thread` is one of :mod:`threading`, with its name. Where there are
greenlets it is started beside that module, and nothing here waits in their event loop.
"""

from __future__ import annotations

import time

try:
    from _queue import SimpleQueue  # gevent replaces the one of queue
except ImportError:
    from queue import SimpleQueue

from sampler._runtime.fork import in_child
from sampler._runtime.native import RLock, allocate_lock, get_ident, green, start_new_thread
from sampler._runtime.printable import error_line
from sampler._runtime.who_forked import call_foreign, run_as_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable
    from typing import Any

__all__ = (
    "Condition",
    "Event",
    "Lock",
    "SimpleQueue",
    "Thread",
    "call_foreign",
    "failed",
    "failures",
    "running",
    "uninterrupted",
)

Lock: Callable[[], LockType] = allocate_lock

_running: set[Thread] = set()
in_child(_running.clear)  # it has none of its parent's threads


failures: dict[str, int] = {}
"""Thread name to what it has raised, in times. A loop's own exceptions are none of an author's."""
in_child(failures.clear)


def running() -> list[Thread]:
    """Return the threads that have begun and not ended."""
    return list(_running.copy())


def failed(name: str, error: BaseException, said: str = "") -> str:
    """Count what a thread of ours has raised, and log it unless that was ``said``; return it."""
    from sampler._runtime.log import log

    failures[name] = failures.get(name, 0) + 1
    what = error_line(error)
    if what != said:
        log.error("thread %r has failed: %s", name, what, error=error)
    return what


class Thread:
    """A daemon thread.

    Args:
        target: what it calls.
        name: its name.
        args: arguments for ``target``.
        bare: keep it out of :mod:`threading`, whose own hook may not have run yet after a fork.
    """

    def __init__(
        self,
        target: Callable[..., object],
        name: str,
        args: tuple[Any, ...] = (),
        *,
        bare: bool = False,
    ) -> None:
        self._bare = bare
        self.name = name
        self.ident: int = 0
        self._target = target
        self._args = args
        self._ended: LockType = allocate_lock()

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: no thread can start, as at the interpreter's end from 3.12 on.
        """
        self._ended.acquire()
        _running.add(self)
        try:
            if self._bare or green():
                start_new_thread(self._run, ())
            else:
                from sampler._runtime.named_thread import NamedThread

                NamedThread(target=self._run, name=self.name, daemon=True).start()
        except Exception:  # else it has begun, and Ctrl-C has struck its starter
            _running.discard(self)
            self._ended.release()
            raise

    def is_alive(self) -> bool:
        """Tell whether it has begun and not ended."""
        return self._ended.locked()

    def is_current(self) -> bool:
        """Tell whether it is the calling thread."""
        return self.ident == get_ident()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, ``timeout`` seconds at most; tell whether it has ended."""
        ended = self._ended.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
        if ended:
            self._ended.release()
        return ended

    def _run(self) -> None:
        self.ident = get_ident()
        try:
            run_as_ours(self._target, *self._args)
        except BaseException as error:  # nobody else would see it
            failed(self.name, error)
        finally:
            _running.discard(self)
            self._ended.release()


def uninterrupted(call: Callable[[], Any], *, here: bool = False) -> Any:
    """Call on a thread of its own, and return what the call does; it may raise, too.

    Signal handlers strike the main thread only: what interrupts this wait, as ``Ctrl-C`` does,
    interrupts no work half-way.

    Args:
        call: what to do.
        here: make the call on this thread where no other can start, as at the interpreter's end.

    Raises:
        RuntimeError: no thread can start.
    """
    outcome: list[Any] = []
    fault: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            fault.append(error)

    thread = Thread(run, "sampler-change")
    try:
        thread.start()
    except RuntimeError:
        if here:
            return call()
        raise
    thread.join()
    if fault:
        raise fault.pop()
    return outcome.pop()


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
        """Let everybody who waits look again; the lock is held."""
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
        """Tell whether it has happened."""
        return self._set

    def set(self) -> None:
        """Let it happen."""
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Let it not have happened."""
        with self._changed:
            self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, ``timeout`` seconds at most; tell whether it has happened."""
        with self._changed:
            return self._changed.wait_for(lambda: self._set, timeout)
