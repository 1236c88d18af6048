"""A named thread that ends without an error where greenlets have replaced :mod:`threading`.

That module looks a thread up when it ends; its number is then the greenlet's, and not found.
"""

from __future__ import annotations

import threading

from sampler._runtime.native import allocate_lock, get_ident, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("NamedThread", "start_named")


class NamedThread(threading.Thread):
    """A daemon thread of :mod:`threading`."""

    def _delete(self) -> None:
        try:
            super()._delete()  # type: ignore[misc]
        except KeyError:
            threading._active.pop(get_ident(), None)  # type: ignore[attr-defined]  # noqa: SLF001


def start_named(target: Callable[[], object], name: str) -> None:
    """Start a daemon thread.

    Signal handlers run on the main thread, also while :mod:`threading` holds its lock there to
    start one: a handler that waited for other threads would wait for ever. So that thread has
    another one start it.

    Raises:
        RuntimeError: no thread can start.
    """
    thread = NamedThread(target=target, name=name, daemon=True)
    if get_ident() != threading.main_thread().ident:
        thread.start()
        return
    started = allocate_lock()
    fault: list[BaseException] = []

    def start() -> None:
        try:
            thread.start()
        except BaseException as error:
            fault.append(error)
        finally:
            started.release()

    started.acquire()
    start_new_thread(start, ())
    started.acquire()
    if fault:
        raise fault.pop()
