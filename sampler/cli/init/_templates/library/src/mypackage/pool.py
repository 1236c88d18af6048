"""A pool that counts what it does, as pools do. Put your own code here."""

from __future__ import annotations

import os
import threading
import time
import weakref

lock = threading.Lock()
"""Guards what follows; held for a few statements only."""
totals = {"checkouts": 0}
"""What all pools have counted: it outlives them, as a total must never fall."""
pools: weakref.WeakSet[Pool] = weakref.WeakSet()
began = [time.time()]
"""When the totals were zero, in epoch seconds: a forked child begins at its fork."""


class Pool:
    """Lends things, at most `size` of them at once."""

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.used = 0
        with lock:
            pools.add(self)

    def take(self) -> object:
        """Return a thing; raise RuntimeError if all are in use."""
        with lock:
            if self.used >= self.size:
                raise RuntimeError(f"all {self.size} are in use")
            self.used += 1
            totals["checkouts"] += 1
        return object()

    def give_back(self) -> None:
        """Take a thing back."""
        with lock:
            self.used = max(0, self.used - 1)  # one may be lent by the parent


def use_one() -> None:
    """Use a pool once, for tests."""
    pool = Pool()
    pool.take()
    pool.give_back()


def begin_in_child() -> None:
    """Begin at zero in a forked child, which goes on using its parent's pools.

    A lock that another thread held at the fork would stay locked for ever.
    """
    global lock
    lock, totals["checkouts"], began[0] = threading.Lock(), 0, time.time()
    for pool in list(pools):
        pool.used = 0


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=begin_in_child)
