"""A work queue: what it did since it began, and how busy it was since the last call."""

from __future__ import annotations

import threading
import time


class WorkQueue:
    BOUNDS = (0.001, 0.01, 0.1)

    def __init__(self):
        self.lock = threading.Lock()
        self.began = time.time()
        self.done = {"ok": 0, "failed": 0}
        self.waiting = 0
        self.seconds, self.counts = 0.0, [0, 0, 0, 0]

    def put(self):
        with self.lock:
            self.waiting += 1

    def work(self, seconds, outcome):
        with self.lock:
            self.waiting -= 1
            self.done[outcome] += 1
            self.seconds += seconds
            self.counts[sum(seconds > bound for bound in self.BOUNDS)] += 1

    def busy(self):
        with self.lock:
            return self.seconds


QUEUE = WorkQueue()


def sample():
    with QUEUE.lock:
        done, waiting, total = dict(QUEUE.done), QUEUE.waiting, QUEUE.seconds
        counts = list(QUEUE.counts)
    for outcome, n in done.items():
        yield "jobs", n, {"outcome": outcome}
    yield "waiting", waiting
    buckets = {bound: sum(counts[: i + 1]) for i, bound in enumerate(QUEUE.BOUNDS)}
    yield "duration", {"count": sum(counts), "sum": total, "buckets": buckets}


SHARED = {
    "name": "workqueue",
    "sample": sample,
    "start": QUEUE.began,
    "labels": {"queue": "mail"},
    "metrics": {
        "jobs": {
            "kind": "counter",
            "unit": "{job}",
            "help": "Jobs that ended.",
            "labels": ("outcome",),
        },
        "waiting": {"unit": "{job}", "help": "Jobs that wait.", "merge": "sum"},
        "duration": {"kind": "histogram", "unit": "s", "help": "How long jobs took."},
    },
}


def factory(environ):
    last = [time.monotonic(), QUEUE.busy()]

    def utilisation():
        now, busy = time.monotonic(), QUEUE.busy()
        passed, worked = now - last[0], busy - last[1]
        last[:] = now, busy
        return [("utilization", worked / passed if passed else None)]

    return utilisation


WINDOWED = {
    "name": "workqueue.load",
    "factory": factory,
    "metrics": {"utilization": {"unit": "1", "help": "Part of the time spent on jobs."}},
}


def work():
    """Let some jobs through."""
    for n in range(20):
        QUEUE.put()
        QUEUE.work(0.0005 * n, "failed" if n % 7 == 0 else "ok")
