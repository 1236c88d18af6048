"""An outgoing mail queue and two samplers of it (nothing is imported for them)."""
import threading
import time

BOUNDS = 0.25, 0.5, 1.0, 2.0


class MailQueue:
    """Mails wait, and are then sent or bounce; all numbers change under one lock."""

    def __init__(self):
        self.lock = threading.Lock()
        self.began = time.time()
        self.calls = self.pending = self.tried = 0
        self.done = {"sent": 0, "bounced": 0}
        self.seconds, self.buckets = 0.0, dict.fromkeys(BOUNDS, 0)
        self.windows = []           # of the instances that are open

    def put(self, mails):
        self.pending += mails
        for window in self.windows:
            window.peak = max(window.peak, self.pending)

    def deliver(self, mails):
        for _ in range(mails):
            self.pending -= 1
            self.tried += 1
            self.done["bounced" if self.tried % 7 == 0 else "sent"] += 1
            seconds = self.tried * 37 % 100 / 40
            self.seconds += seconds
            for bound in BOUNDS:
                self.buckets[bound] += seconds <= bound


QUEUE = MailQueue()


def work():
    """Two mails come and one leaves; at each fifth call all of them leave."""
    with QUEUE.lock:
        QUEUE.calls += 1
        QUEUE.put(2)
        QUEUE.deliver(1 if QUEUE.calls % 5 else QUEUE.pending)


def sample():
    """Yield totals and the present level, all taken at one moment."""
    with QUEUE.lock:
        done, pending = dict(QUEUE.done), QUEUE.pending
        duration = {"count": QUEUE.tried, "sum": QUEUE.seconds,
                    "buckets": dict(QUEUE.buckets)}
    for outcome, mails in done.items():
        yield "mails", mails, {"outcome": outcome}
    yield "pending", pending
    yield "duration", duration


class Window:
    """The highest level since the last call, for one consumer."""

    def __init__(self, environ):
        with QUEUE.lock:
            self.peak = QUEUE.pending
            QUEUE.windows.append(self)

    def __call__(self):
        with QUEUE.lock:
            peak, self.peak = self.peak, QUEUE.pending
        return [("peak", peak)]

    def close(self):
        with QUEUE.lock:
            QUEUE.windows.remove(self)


SHARED = {
    "name": "mailqueue",
    "sample": sample,
    "labels": {"queue": "outgoing"},
    "start": QUEUE.began,
    "metrics": {
        "mails": {"kind": "counter", "unit": "{mail}", "labels": ("outcome",),
                  "help": "Mails that left the queue, by outcome."},
        "pending": {"kind": "gauge", "unit": "{mail}", "merge": "sum",
                    "help": "Mails that wait."},
        "duration": {"kind": "histogram", "unit": "s",
                     "help": "Time that a delivery took."},
    },
}

WINDOWED = {
    "name": "mailqueue.window",
    "factory": Window,
    "labels": {"queue": "outgoing"},
    "metrics": {
        "peak": {"kind": "gauge", "unit": "{mail}", "merge": "max",
                 "help": "Most mails that waited since the last call."},
    },
}
