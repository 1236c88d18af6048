"""Locks and threads of the operating system, even where gevent or eventlet replaces them.

A thread that samples has to run while a greenlet computes, and a greenlet's lock belongs to the
event loop of one thread. They are taken when this module is imported, so later patches do not
change them. ``tests/agent/test_native.py`` checks that all other code takes them from here.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import RLock, allocate_lock, get_ident, start_new_thread
    from time import sleep
    from typing import Any

__all__ = (
    "RLock",
    "allocate_lock",
    "get_ident",
    "green",
    "isolated",
    "original",
    "sleep",
    "start_new_thread",
)


def green() -> bool:
    """Tell whether greenlets replace this program's threads, or are going to."""
    return "gevent" in sys.modules or "eventlet" in sys.modules


def isolated() -> bool:
    """Tell whether this is an isolated sub-interpreter, which starts no thread of ours."""
    import _thread

    allowed = getattr(_thread, "daemon_threads_allowed", None)  # from 3.12 on
    return allowed is not None and not allowed()


def original(module: str, name: str) -> Any:
    """Return an object of a standard library module, not what has replaced it there."""
    if "gevent.monkey" in sys.modules:
        return sys.modules["gevent.monkey"].get_original(module, name)
    if "eventlet.patcher" in sys.modules:
        return getattr(sys.modules["eventlet.patcher"].original(module), name)
    return getattr(__import__(module), name)


if not TYPE_CHECKING:
    RLock = original("_thread", "RLock")
    allocate_lock = original("_thread", "allocate_lock")
    get_ident = original("_thread", "get_ident")
    start_new_thread = original("_thread", "start_new_thread")
    sleep = original("time", "sleep")
