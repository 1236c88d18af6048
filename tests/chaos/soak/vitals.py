"""What the program takes, second by second: it has to stay flat."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

GROWTH = 0.05
"""Of the middle third over the last: what memory may grow by after the warm-up."""
_MIB = 2**20


class Reading(NamedTuple):
    """One of them."""

    threads: int
    descriptors: int
    memory: float  # MiB

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.descriptors} descriptors, {self.memory:.1f} MiB"


class Watch:
    """Reads a process once a second.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._readings: list[Reading] = []
        self._next = time.monotonic()

    @property
    def latest(self) -> Reading:
        """How it is now."""
        process = self._process
        return Reading(process.num_threads(), process.num_fds(), process.memory_info().rss / _MIB)

    def until(self, moment: float) -> None:
        """Read on until a monotonic moment."""
        while (now := time.monotonic()) < moment:
            if now >= self._next:
                self._readings.append(self.latest)
                self._next = now + 1
            time.sleep(max(0.0, min(self._next, moment) - now))

    def faults(self, say: Callable[[str], None]) -> list[str]:
        """Say what grew from the second third of the readings, after the warm-up, to the last."""
        third = len(self._readings) // 3
        before, after = (
            Reading(*map(min, zip(*part, strict=True)))  # a push takes a socket for a moment
            for part in (self._readings[third : 2 * third], self._readings[2 * third :])
        )
        say(f"after the warm-up: {before}; at the end: {after}")
        return [
            f"{name} grew from {old:g} to {new:g}"
            for name, old, new in zip(Reading._fields, before, after, strict=True)
            if new > old * (1 + GROWTH)
        ]
