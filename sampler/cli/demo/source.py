"""The demo's metric source: a workshop whose workers take jobs, which come in bursts."""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

WORKERS = 4
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Workshop:
    """A small program with a bottleneck, which its sampler shows.

    It counts what it does, as programs do, and publishes the counts through a plain mapping.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[float] = deque()
        self._stopped = False
        self._busy = self._done = self._failed = 0
        self._busy_time = self._waited = 0.0
        self._waits = [0] * (len(_BOUNDS) + 1)
        self._threads = [
            threading.Thread(target=self._work, name=f"workshop-{n}", daemon=True)
            for n in range(WORKERS)
        ]
        self._threads.append(
            threading.Thread(target=self._feed, name="workshop-feed", daemon=True)
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(2.0)

    def sampler(self) -> dict[str, Any]:
        """Return the mapping that publishes the workshop's numbers."""
        return {
            "name": "workshop",
            "sample": self._sample,
            "metrics": {
                "jobs": {"kind": "counter", "unit": "{job}", "help": "Jobs by outcome."},
                "backlog": {"unit": "{job}", "help": "Jobs waiting in the queue."},
                "workers": {"unit": "{worker}", "help": "Workers by state."},
                "busy.time": {
                    "kind": "counter",
                    "unit": "s",
                    "help": "Time that workers spent on jobs.",
                },
                "queue.time": {
                    "kind": "histogram",
                    "unit": "s",
                    "help": "Time that jobs waited in the queue.",
                },
            },
        }

    def _sample(self) -> Iterator[tuple[Any, ...]]:
        with self._changed:  # one moment; released before the first sample is taken
            backlog, busy, done, failed = len(self._jobs), self._busy, self._done, self._failed
            busy_time, waited, waits = self._busy_time, self._waited, tuple(self._waits)
        yield "jobs", done, {"outcome": "done"}
        yield "jobs", failed, {"outcome": "failed"}
        yield "backlog", backlog
        yield "workers", busy, {"state": "busy"}
        yield "workers", WORKERS - busy, {"state": "idle"}
        yield "busy.time", busy_time
        cumulative = [sum(waits[: i + 1]) for i in range(len(waits))]
        buckets = dict(zip(_BOUNDS, cumulative, strict=False))
        yield "queue.time", {"count": cumulative[-1], "sum": waited, "buckets": buckets}

    def _feed(self) -> None:
        rng = random.Random()  # noqa: S311 - not for secrets
        while not self._stopped:
            with self._changed:
                self._jobs.extend([time.monotonic()] * rng.choice((1, 2, 4, 25, 40)))
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._stopped, rng.uniform(0.1, 0.7))

    def _work(self) -> None:
        rng = random.Random()  # noqa: S311
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopped)
                if self._stopped:
                    return
                began = time.monotonic()
                waited = began - self._jobs.popleft()
                self._waited += waited
                self._waits[bisect_left(_BOUNDS, waited)] += 1
                self._busy += 1
            time.sleep(rng.uniform(0.01, 0.06))
            with self._changed:
                self._busy -= 1
                self._busy_time += time.monotonic() - began
                if rng.random() < 0.03:
                    self._failed += 1
                else:
                    self._done += 1
