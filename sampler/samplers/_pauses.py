"""How long garbage collections stop the program, by generation.

The interpreter calls ``gc.callbacks`` at any allocation, also while our own code holds a lock. If
a signal handler raises during a callback in Python, its exception is printed as ignored and lost
to the program. So our callbacks are made of C functions alone: no bytecode runs, no lock is taken,
and no other thread, signal handler or finalizer runs in between.

Exactness: the interpreter never starts a collection during another one, in this thread or in
another, so the callbacks of one collection follow each other and have one caller at a time, on
free-threaded builds as well. Each collection leaves its beginning, its end and its info in a
queue, in this order; a reader takes them out. The queue is bounded: what is not fetched within
``KEPT`` collections is dropped, oldest first.
"""

from __future__ import annotations

import gc
from collections import deque
from functools import partial
from operator import is_
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sampler._instruments.histogram import Histogram
from sampler._instruments.labelled import samples
from sampler._runtime.native import allocate_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = 8192
"""Collections, some megabytes at most; no program has as many between two wake-ups."""
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds in seconds."""
GENERATIONS = 3
_PATIENCE = 0.05
"""Seconds that a reader waits for another one; after that it reports what is counted."""


class _Queue(deque[Any]):
    """``setattr(queue, phase, info)`` keeps ``info`` when a collection stops."""

    start = property(None, is_)  # type: ignore[arg-type] # nothing is to be kept
    stop = property(None, deque.append)


class _Clock(map):  # type: ignore[type-arg]
    """``setattr(clock, phase, info)`` passes the time to its function."""

    start = stop = property(None, next)


class Pauses:
    """Observes collections from now on.

    Args:
        name: the name of the label for the generation.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._cells = [Histogram((str(g),), BOUNDS) for g in range(GENERATIONS)]
        self._queue = _Queue(maxlen=3 * KEPT)
        self._times: list[float] = []
        self._fetching = allocate_lock()
        clock = _Clock(self._queue.append, iter(perf_counter, None))
        self._callbacks: list[Callable[[str, dict[str, int]], None]] = [
            partial(setattr, clock),
            partial(setattr, self._queue),
        ]
        # False on interpreters whose collections have no generations.
        self.present: bool = hasattr(gc, "callbacks")
        if self.present:
            gc.callbacks.extend(self._callbacks)

    def fetch(self) -> None:
        """Count what the queue holds."""
        if not self._fetching.acquire(timeout=_PATIENCE):
            return
        try:
            self._fetch()
        finally:
            self._fetching.release()

    def samples(self, metric: str) -> Iterator[tuple[Any, ...]]:
        """Yield a histogram in seconds for each generation."""
        if self.present:
            self.fetch()
            yield from samples(metric, (self._name,), self._cells)

    def restart(self) -> None:
        """Start at zero in a forked child, where the lock may have been held at the fork."""
        self._fetching = allocate_lock()
        self._queue.clear()
        self._times.clear()
        for cell in self._cells:
            cell.restart()

    def close(self) -> None:
        """Observe no more."""
        for callback in self._callbacks:
            if self.present and callback in gc.callbacks:
                gc.callbacks.remove(callback)

    def _fetch(self) -> None:
        times, queue = self._times, self._queue
        if len(queue) == queue.maxlen:  # what belongs to these times was dropped
            times.clear()
        # Only what is there now: collections may add more meanwhile.
        for _ in range(len(queue)):
            try:
                item = queue.popleft()
            except IndexError:  # restarted
                return
            if isinstance(item, float):
                times.append(item)
                continue
            generation = item["generation"]
            if len(times) == 2 and generation < GENERATIONS:  # else its beginning was dropped
                self._cells[generation].observe(times[1] - times[0])
            times.clear()
