"""Locks and threads of the operating system, also where gevent puts greenlets in their place.

A thread that samples has to run while a greenlet computes, and a lock of gevent's belongs to the
event loop of one thread. Taken when this is imported, they stay what they are whatever a program
patches later.
"""

from __future__ import annotations

import sys
from _thread import RLock, allocate_lock, get_ident, start_new_thread
from time import sleep

__all__ = ("RLock", "allocate_lock", "get_ident", "gevent", "sleep", "start_new_thread")


def gevent() -> bool:
    """Tell whether this program uses gevent, which has replaced its threads or is going to."""
    return "gevent" in sys.modules


if "gevent.monkey" in sys.modules:  # what it has replaced already
    _original = sys.modules["gevent.monkey"].get_original
    RLock = _original("_thread", "RLock")  # type: ignore[misc]
    allocate_lock, get_ident, start_new_thread = _original(
        "_thread", ["allocate_lock", "get_ident", "start_new_thread"]
    )
    sleep = _original("time", "sleep")
