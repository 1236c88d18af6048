"""A handler of Python's runs between two instructions of the main thread, and that may never come.

Where a signal arrives right before the thread waits in C, as it does for the lock of a queue of
:mod:`multiprocessing`, nothing interrupts the wait. Without a handler the signal would have ended
the process; with one its parent, as ``Pool.terminate``, would wait for it for ever. So a thread of
ours is told of each signal by the interpreter, and sends it again until its handler has begun.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sampler._runtime.daemon import DaemonThread
from sampler._runtime.fork import in_child
from sampler._runtime.native import allocate_lock, get_ident, original, sleep

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.2
"""Seconds that a handler has to begin."""


class PendingSignals:
    """Watches the signals of this process. One is enough."""

    def __init__(self) -> None:
        self.lock: Any = allocate_lock()
        self._descriptors: tuple[int, ...] = ()

    def watch(self, waits: Callable[[int], bool]) -> None:
        """Begin, unless something else is told of signals, as an event loop is.

        Args:
            waits: tells whether the handler of a signal has not begun. Once it has, it says so
                while it holds ``lock``, so that the signal is not sent again after that.

        Raises:
            ValueError: this is not the main thread.
        """
        if self._descriptors:
            return
        tell = original("signal", "set_wakeup_fd")
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        before = tell(writing, warn_on_full_buffer=False)
        if before != -1:
            tell(before)
            os.close(reading)
            os.close(writing)
            return
        self._descriptors = reading, writing
        thread = DaemonThread(self._send_again, "sampler-signals", (reading, get_ident(), waits))
        thread.start()

    def _send_again(self, reading: int, main: int, waits: Callable[[int], bool]) -> None:
        send = original("signal", "pthread_kill")
        while told := os.read(reading, 1):
            sleep(_PAUSE)
            with self.lock:
                if waits(told[0]):
                    send(main, told[0])  # which is told, too

    def forget(self) -> None:
        """Begin anew in a forked child: what it is told must not come to its parent."""
        descriptors, self._descriptors = self._descriptors, ()
        self.lock = allocate_lock()
        if descriptors:
            tell = original("signal", "set_wakeup_fd")
            before = tell(-1)
            if before not in (-1, descriptors[1]):
                tell(before)  # somebody else's
            for each in descriptors:
                os.close(each)


pending: PendingSignals = PendingSignals()
in_child(pending.forget)
