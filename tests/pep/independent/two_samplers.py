"""A concurrency limiter as a metric source, and two samplers for it."""
from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SCALE = 2                                   # four buckets for each doubling
TINY = 1e-9


@dataclass
class Exponential:
    """Counts of positive numbers in buckets of 2.0 ** (i / 2 ** SCALE)."""

    count: int = 0
    sum: float = 0.0
    filled: Counter = field(default_factory=Counter)

    def observe(self, value: float) -> None:
        value = max(value, TINY)
        index = math.ceil(math.log2(value) * 2 ** SCALE)
        if self.bound(index) < value:       # log2 is not exact at an edge
            index += 1
        elif self.bound(index - 1) >= value:
            index -= 1
        self.count += 1
        self.sum += value
        self.filled[index] += 1

    @staticmethod
    def bound(index: int) -> float:
        return 2.0 ** (index / 2 ** SCALE)

    def reading(self) -> dict:
        """The value of S-21: both edges of each filled bucket (S-22)."""
        buckets, below = {}, 0
        for index in sorted(self.filled):
            buckets.setdefault(self.bound(index - 1), below)
            below += self.filled[index]
            buckets[self.bound(index)] = below
        return {"count": self.count, "sum": self.sum,
                "buckets": buckets, "scale": SCALE}


@dataclass
class Limiter:
    """Lets at most `limit` jobs run at a time; the others are turned away."""

    limit: int = 4
    held: int = 0
    outcomes: Counter = field(default_factory=Counter)
    hold: Exponential = field(default_factory=Exponential)
    windows: set = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: float = field(default_factory=time.time)

    def acquire(self) -> bool:
        with self.lock:
            admitted = self.held < self.limit
            self.outcomes["admitted" if admitted else "rejected"] += 1
            self.held += admitted
            for window in self.windows:
                window.highest = max(window.highest, self.held)
            return admitted

    def release(self, seconds: float) -> None:
        with self.lock:
            self.held -= 1
            self.hold.observe(seconds)

    @asynccontextmanager
    async def slot(self):
        """The way in for asynchronous jobs."""
        while not self.acquire():
            await asyncio.sleep(0.01)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.release(time.perf_counter() - began)


class Window:
    """An instance: the most permits held since its last call (S-07)."""

    def __init__(self, limiter: Limiter):
        self.limiter = limiter
        with limiter.lock:
            self.highest = limiter.held
            limiter.windows.add(self)

    def __call__(self):
        with self.limiter.lock:
            highest, self.highest = self.highest, self.limiter.held
        return [("held", highest)]

    def close(self):
        with self.limiter.lock:
            self.limiter.windows.discard(self)


LIMITER = Limiter()


def sample():
    """All numbers of one moment; nothing is yielded under the lock."""
    with LIMITER.lock:
        outcomes, held = dict(LIMITER.outcomes), LIMITER.held
        hold = LIMITER.hold.reading()
    for outcome in ("admitted", "rejected"):
        yield "jobs", outcomes.get(outcome, 0), {"outcome": outcome}
    yield "held", held
    yield "hold", hold


SHARED = {
    "name": "limiter",
    "sample": sample,
    "start": LIMITER.started,
    "metrics": {
        "jobs": {"kind": "counter", "unit": "{job}", "labels": ["outcome"],
                 "help": "Jobs that asked for a permit."},
        "held": {"kind": "gauge", "unit": "{permit}", "merge": "sum",
                 "labels": [], "help": "Permits that are held."},
        "hold": {"kind": "histogram", "unit": "s", "labels": [],
                 "help": "How long a permit was held."},
    },
}

WINDOWED = {
    "name": "limiter.peak",
    "factory": lambda environ: Window(LIMITER),
    "metrics": {
        "held": {"kind": "gauge", "unit": "{permit}", "merge": "max",
                 "labels": [], "help": "Most permits held in the window."},
    },
}

_turns = 0
_turns_lock = threading.Lock()


def work() -> None:
    """A burst of jobs: one too many asks, and 0, 1 or 2 go on running."""
    global _turns
    with _turns_lock:
        _turns += 1
        turn = _turns
        while LIMITER.acquire():
            pass
        while LIMITER.held > turn % 3:
            LIMITER.release(0.001 * (1 + turn % 50))
