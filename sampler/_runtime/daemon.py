"""Daemon threads on the primitives of the operating system.

In most programs a thread is one of :mod:`threading`, with its name. Where there are greenlets it
is started beside that module.
"""

from __future__ import annotations

import sys

from sampler._runtime.fork import in_child, start_after_hooks
from sampler._runtime.native import allocate_lock, get_ident, green, original, start_new_thread
from sampler._runtime.who_forked import run_as_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable
    from typing import Any


def _leave_signals() -> None:
    """Leave signals to the other threads: uWSGI's handlers end a process on whichever has one.

    While the main thread is in such a handler, and reports a last time, a second signal would come
    to this thread, and end the process meanwhile.
    """
    from signal import SIG_BLOCK, SIGHUP, SIGINT, SIGTERM

    original("signal", "pthread_sigmask")(SIG_BLOCK, {SIGHUP, SIGINT, SIGTERM})


_running: set[DaemonThread] = set()
in_child(_running.clear)  # a child has none of its parent's threads


def running() -> list[DaemonThread]:
    """Return the threads that have begun and not ended."""
    return list(_running.copy())


class DaemonThread:
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
        self._over = False  # so that a signal handler that interrupts join() need not wait again

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread can start, as while the interpreter ends (from 3.12 on).
        """
        self._ended.acquire()
        self._over = False
        start_after_hooks(self._begin)

    def _begin(self) -> None:
        _running.add(self)
        try:
            if self._bare or green():
                start_new_thread(self._run, ())
            else:
                from sampler._runtime.named_thread import start_named

                start_named(self._run, self.name)
        except Exception:  # not BaseException: after Ctrl-C here the thread has begun
            _running.discard(self)
            self._ended.release()
            raise

    def is_alive(self) -> bool:
        """Tell whether it has begun and not ended."""
        return self._ended.locked() and not self._over

    def is_current(self) -> bool:
        """Tell whether it is the calling thread."""
        return self.ident == get_ident()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, ``timeout`` seconds at most; tell whether it has ended."""
        if self._over:
            return True
        ended = self._ended.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
        if ended:
            self._ended.release()
        return ended

    def _run(self) -> None:
        self.ident = get_ident()
        try:
            if "uwsgi" in sys.modules:
                _leave_signals()
            run_as_ours(self._target, *self._args)
        except BaseException as error:  # nobody else would see it
            self._failed(error)
        finally:
            _running.discard(self)
            self.ident = 0  # the operating system gives it to the next thread
            self._over = True
            self._ended.release()

    def _failed(self, error: BaseException) -> None:
        """Handle what the target raised: nothing."""
