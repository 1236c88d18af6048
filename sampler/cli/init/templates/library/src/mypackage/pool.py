"""A pool that counts what it does, as pools do. Put your own code here."""

from __future__ import annotations

import threading
import weakref

lock = threading.Lock()
"""Guards what follows; held for a few statements only."""
totals = {"checkouts": 0}
"""What all pools have counted: it outlives them, as a total must never fall."""
pools: weakref.WeakSet[Pool] = weakref.WeakSet()


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
            self.used -= 1


def use_one() -> None:
    """Use a pool once, for tests."""
    pool = Pool()
    pool.take()
    pool.give_back()
