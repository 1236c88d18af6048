"""Three samplers as a library author would publish them (PEP 9999): imports nothing of three.

Written from the rendered second draft alone, by somebody who saw nothing else; nothing was changed
since."""
import bisect
import itertools
import os
import threading
import time
import weakref

# --- a pool with many instances that come and go; exact totals -----------------------------

class Pool:
    """A pool of connections; its totals outlive it."""

    def __init__(self, name="default", size=10):
        self.name, self.size = name, size
        self.used = 0
        self.totals = [0, 0]                    # checkouts, timeouts
        with _lock:
            _pools.append((weakref.ref(self), self.totals))

    def checkout(self):
        with _lock:
            if self.used >= self.size:
                self.totals[1] += 1
                raise TimeoutError("no connection")
            self.used += 1
            self.totals[0] += 1

    def checkin(self):
        with _lock:
            self.used -= 1


def _begin():
    global _pools, _gone, _lock
    _pools, _gone, _lock = [], [0, 0], threading.RLock()


_begin()
os.register_at_fork(after_in_child=_begin)


def _pool_sample():
    with _lock:                                 # nothing is yielded under the lock
        living, kept = [], []
        for ref, totals in _pools:
            pool = ref()
            if pool is None:
                _gone[:] = map(sum, zip(_gone, totals))
            else:
                kept.append((ref, totals))
                living.append((pool.name, pool.size, pool.used, *totals))
        _pools[:] = kept
        checkouts = _gone[0] + sum(each[3] for each in living)
        timeouts = _gone[1] + sum(each[4] for each in living)
    yield "checkouts", checkouts
    yield "timeouts", timeouts
    for name, size, used, *_ in living:         # pools of one name add up: merge
        yield "connections", used, {"pool": name, "state": "used"}
        yield "connections", size - used, {"pool": name, "state": "free"}


POOL = {
    "name": "threelib.pool",
    "sample": _pool_sample,
    "metrics": {
        "checkouts": {"kind": "counter", "unit": "{checkout}", "labels": (),
                      "help": "Connections taken from any pool."},
        "timeouts": {"kind": "counter", "unit": "{timeout}", "labels": (),
                     "help": "Checkouts that got no connection."},
        "connections": {"unit": "{connection}", "merge": "sum", "labels": ("pool", "state"),
                        "help": "Connections of the living pools, by state."},
    },
}


# --- a cache with a histogram of lookup times ----------------------------------------------

class Histogram:
    def __init__(self, *bounds):
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value):
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def read(self):
        below = list(itertools.accumulate(self.counts))
        return {"count": below[-1], "sum": self.sum, "buckets": dict(zip(self.bounds, below))}


class Cache:
    """A cache in memory; clear_statistics() starts its numbers over."""

    def __init__(self):
        self.data, self.lock = {}, threading.Lock()
        self.clear_statistics()

    def clear_statistics(self):
        with self.lock:
            self.started = time.time()
            self.lookups = {"hit": 0, "miss": 0}
            self.times = Histogram(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

    def get(self, key, default=None):
        before = time.perf_counter()
        found = key in self.data
        value = self.data.get(key, default)
        with self.lock:
            self.lookups["hit" if found else "miss"] += 1
            self.times.observe(time.perf_counter() - before)
        return value

    def put(self, key, value):
        self.data[key] = value

    def sample(self):
        with self.lock:
            lookups, times = dict(self.lookups), self.times.read()
        for result, n in lookups.items():
            yield "lookups", n, {"result": result}
        yield "lookup.time", times
        yield "entries", len(self.data)

    def sampler(self, name):
        """The sampler of a cache that lives as long as the process."""
        return {
            "name": "threelib.cache",
            "sample": self.sample,
            "labels": {"cache": name},
            "start": lambda: self.started,
            "metrics": {
                "lookups": {"kind": "counter", "unit": "{lookup}", "labels": ["result"]},
                "lookup.time": {"kind": "histogram", "unit": "s",
                                "help": "How long a lookup took."},
                "entries": {"unit": "{entry}"},
            },
        }


cache = Cache()
CACHE = cache.sampler("main")


# --- a factory with a high-water mark that takes a setting ---------------------------------

class Queue:
    """A queue that tells listeners its depth when it grows."""

    def __init__(self):
        self.depth, self.listeners, self.lock = 0, (), threading.Lock()

    def put(self):
        with self.lock:
            self.depth += 1
            for listener in self.listeners:
                listener.high = max(listener.high, self.depth)

    def get(self):
        with self.lock:
            self.depth -= 1


class _Mark:
    """One consumer's view: the highest depth since it asked last."""

    def __init__(self, queue, least):
        self.queue, self.least = queue, least
        with queue.lock:
            self.high = queue.depth
            queue.listeners += (self,)

    def __call__(self):
        with self.queue.lock:
            depth, high = self.queue.depth, self.high
            self.high = depth
        samples = [("depth", depth)]
        if high >= self.least:                  # below it: nothing to report
            samples.append(("depth.high", high))
        else:
            samples.append(("depth.high", None))
        return samples

    def close(self):
        with self.queue.lock:
            self.queue.listeners = tuple(m for m in self.queue.listeners if m is not self)


queue = Queue()


def _queue_factory(environ):
    """The setting "least": marks below it are not reported."""
    settings = dict(environ["settings"])
    least = settings.pop("least", 0)
    if settings:
        raise ValueError(f"unknown settings: {sorted(settings)}")
    return _Mark(queue, least)


QUEUE = {
    "name": "threelib.queue",
    "factory": _queue_factory,
    "metrics": {
        "depth": {"unit": "{job}", "help": "Jobs that wait.", "merge": "sum"},
        "depth.high": {"unit": "{job}", "help": "Most jobs since this consumer asked last."},
    },
}
