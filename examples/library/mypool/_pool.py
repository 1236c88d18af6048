"""The pool itself: it keeps count of what it does, as pools do, and knows of no metrics."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class PoolTimeoutError(TimeoutError):
    """No connection became free in time."""


class Totals:
    """What all pools of one name have counted; it outlives them, so no count ever falls."""

    def __init__(self) -> None:
        self.checkouts = 0
        self.timeouts = 0
        self.waited = 0.0


totals: dict[str, Totals] = {}
pools: "weakref.WeakSet[Pool]" = weakref.WeakSet()
lock = threading.Lock()
"""Guards the two above; held for a few statements only."""
began = [time.time()]
"""When the totals were zero, in epoch seconds: a forked child counts from its fork on."""


class Pool:
    """At most ``max_size`` connections, made by ``connect`` when they are needed."""

    def __init__(self, connect: Callable[[], object], *, name: str, max_size: int = 10) -> None:
        self.name = name
        self._connect = connect
        self._max_size = max_size
        self._idle: list[object] = []
        self._used = 0
        self._life = 0  # another in each forked child
        self._free = threading.Condition()
        with lock:
            self._totals = totals.setdefault(name, Totals())
            pools.add(self)

    @contextmanager
    def connection(self, timeout: float = 30.0) -> Iterator[object]:
        """Lend a connection, waiting up to ``timeout`` seconds for one."""
        one, life = self._take(timeout), self._life
        try:
            yield one
        finally:
            with self._free:
                if life == self._life:  # else it was lent before a fork, and is the parent's
                    self._used -= 1
                    self._idle.append(one)
                    self._free.notify()

    def begin_in_child(self) -> None:
        """Leave to the parent what is lent and idle: a connection cannot have two users."""
        self._free, self._idle, self._used = threading.Condition(), [], 0
        self._life += 1

    def counts(self) -> dict[str, int]:
        """Return the number of connections by state."""
        with self._free:
            return {"idle": len(self._idle), "used": self._used}

    def _has_one(self) -> bool:
        return bool(self._idle) or self._used < self._max_size

    def _take(self, timeout: float) -> object:
        began = time.monotonic()
        with self._free:
            ready = self._free.wait_for(self._has_one, timeout)
            if ready:
                self._used += 1
                one = self._idle.pop() if self._idle else None
        with lock:
            self._totals.waited += time.monotonic() - began
            if not ready:
                self._totals.timeouts += 1
                raise PoolTimeoutError(f"pool {self.name!r}: all {self._max_size} are in use")
            self._totals.checkouts += 1
        return self._connect() if one is None else one


def begin_in_child() -> None:
    """Begin at zero in a forked child, which goes on using the pools; the counts are its parent's.

    A lock that another thread held at the fork would stay locked for ever.
    """
    global lock
    lock, began[0] = threading.Lock(), time.time()
    for counted in totals.values():
        counted.checkouts, counted.timeouts, counted.waited = 0, 0, 0.0
    for pool in list(pools):
        pool.begin_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=begin_in_child)
