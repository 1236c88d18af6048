"""A consumer of samplers, with one worker thread for each of them."""
from __future__ import annotations

import asyncio, inspect, math, os, queue, re, threading, time, weakref
from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from operator import index

WORD = "[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
NAME = re.compile(rf"{WORD}(?:\.{WORD})*")
SURROGATE = re.compile("[\ud800-\udfff]")

class Refused(Exception):
    """A sample that costs itself only; says which clause it breaks."""
    def __init__(self, clause):
        self.clause = clause

def check(good, clause):
    if not good:
        raise Refused(clause)

def in_time(end):
    if time.monotonic() > end:
        raise TimeoutError

def number(value):
    """A plain int or float, or None: nothing to report (S-19)."""
    if value is None:
        return None
    if hasattr(type(value), "__index__"):
        plain = int(index(value))
        check(-2**63 <= plain < 2**63, "S-19")
        return plain
    check(hasattr(type(value), "__float__"), "S-19")
    plain = float(value)
    check(not math.isinf(plain), "S-19")
    return None if math.isnan(plain) else plain

def histogram(value):
    """(count, sum or None, ((upper, cumulative), ...)), see S-21."""
    if not isinstance(value, Mapping):
        return check(number(value) is None, "S-21")
    pairs = sorted((float(number(upper)), number(below))
                   for upper, below in (value.get("buckets") or {}).items())
    counts = [0, *(n for _, n in pairs), number(value["count"])]
    check(all(type(n) is int for n in counts), "S-21")
    check(counts == sorted(counts) and len(dict(pairs)) == len(pairs), "S-21")
    return counts[-1], number(value.get("sum")), tuple(pairs)

def named(text):
    check(isinstance(text, str) and NAME.fullmatch(text), "S-03")
    return str.__str__(text)

def texts(labels):
    """A plain copy of labels (S-23); empty ones stay, for S-24."""
    plain = {}
    for name, value in labels.items():
        check(isinstance(value, (str, int)), "S-23")
        text = str.__str__(value if isinstance(value, str)
                           else repr(number(value)))
        check(len(text) <= 1024 and not SURROGATE.search(text), "S-23")
        plain[named(name)] = text
    return plain

def at(value, bound):
    """Observations up to a bound, None where that is not known (C-20)."""
    count, _, buckets = value
    i = bisect_left(buckets, (bound,))
    upper, above = buckets[i] if i < len(buckets) else (None, count)
    below = buckets[i - 1][1] if i else 0
    return above if upper == bound or below == above else None

def growth(new, old):
    """What came between two values; None if the source restarted (C-17)."""
    if not isinstance(new, tuple):
        return new - old if new >= old else None
    bounds = sorted({upper for upper, _ in new[2] + old[2]})
    both = [(upper, at(new, upper), at(old, upper)) for upper in bounds]
    pairs = tuple((u, n - o) for u, n, o in both if None not in (n, o))
    counts = [0, *(n for _, n in pairs), new[0] - old[0]]
    total = None if None in (new[1], old[1]) else new[1] - old[1]
    return (counts[-1], total, pairs) if counts == sorted(counts) else None

@dataclass
class Read:
    """What one read of a sampler gave: series -> (kind, value)."""
    end: float
    start: float | None
    taken: float = field(default_factory=time.monotonic)
    values: dict = field(default_factory=dict)
    refused: Counter = field(default_factory=Counter)

    def add(self, item, source):
        in_time(self.end)                            # an endless one: C-06
        try:
            self.take(item, source)
        except Exception as error:                   # C-12
            self.refused[getattr(error, "clause", type(error).__name__)] += 1

    def take(self, item, source):
        check(isinstance(item, tuple) and len(item) >= 2, "S-14")
        metric, value, labels = (*item, None)[:3]    # C-11
        full = f"{source.name}.{named(metric)}"
        check(len(full) <= 150, "S-04")
        check(labels is None or isinstance(labels, Mapping), "S-14")
        own = {} if labels is None else texts(labels)
        check(not own.keys() & source.labels.keys(), "S-24")
        pairs = {**source.labels, **own}.items()
        key = full, tuple(sorted((k, v) for k, v in pairs if v))
        check(key not in self.values, "S-25")
        kind = source.kinds.get(metric, "gauge")
        self.values[key] = kind, None                # it has a place: C-15
        value = (histogram if kind == "histogram" else number)(value)
        check(kind != "counter" or value is None or value >= 0, "S-20")
        self.values[key] = kind, value

class Shared:
    """The one read of a sampler within its min_interval (C-10)."""
    alive = weakref.WeakValueDictionary()            # by id of the mapping
    guard = threading.Lock()

    def __init__(self, sampler):
        self.sampler, self.read = sampler, None      # keeps the id taken
        self.interval = sampler["min_interval"]

    def get(self, take, end):
        with self.guard:
            read, mine = self.read, Future()
            if read is None or read.done() and (
                    read.exception() is not None
                    or time.monotonic() - read.result().taken >= self.interval):
                self.read = read = mine
        if read is mine:
            fulfil(mine, take, end)
        return read.result(max(0, end - time.monotonic()))

def fulfil(future, function, end):
    try:
        future.set_result(function(end))
    except BaseException as error:                   # C-05
        future.set_exception(error)

def run_on(loop, function, end):
    """Await function(end) on a foreign loop; cancelled at the end (C-07)."""
    begun = []
    async def main():
        begun.append(True)
        try:
            async with asyncio.timeout(end - time.monotonic()):
                return await function(end), None
        except BaseException as error:               # keep it off the loop
            return None, error

    future = asyncio.run_coroutine_threadsafe(main(), loop)
    while not wait([future], 0.1).done and not loop.is_closed():
        if not begun and time.monotonic() > end:
            future.cancel()                          # else not ended: C-03
    result, error = future.result(0)
    if error is not None:
        raise error
    return result

class Source:
    """One sampler as one consumer sees it; only its thread calls it."""
    def __init__(self, sampler, environ, late):
        self.sampler, self.environ, self.late = sampler, environ, late
        self.read = read = dict(sampler)
        self.name = named(read["name"])
        self.labels = texts(read.get("labels") or {})
        check(("sample" in read) != ("factory" in read), "S-01")
        kinds = {metric: described.get("kind") for metric, described
                 in (read.get("metrics") or {}).items()}
        self.kinds = {metric: kind for metric, kind in kinds.items()
                      if kind in ("counter", "histogram")}          # C-11
        self.call, self.shared = read.get("sample"), None
        if self.call and read.get("min_interval"):
            with Shared.guard:
                self.shared = Shared.alive.setdefault(
                    id(sampler), Shared(sampler))
        self.places, self.start, self.failures, self.pause = None, None, 0, 0
        self.jobs, self.job = queue.SimpleQueue(), None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.sampler is not None:              # None once it is closed
            fulfil(*self.jobs.get())

    def submit(self, function, end):
        """Have the thread do it after the call that runs, if that ends."""
        self.job = Future()
        self.jobs.put((self.job, function, end))
        return self.job

    def ask(self, end):
        """Begin a pull; None where there is none this time."""
        if self.job is not None and not self.job.done():            # C-03
            return None
        self.pause -= 1                                             # C-09
        return self.submit(self.pull, end) if self.pause < 0 else None

    def pull(self, end):
        take = self.take
        return self.shared.get(take, end) if self.shared else take(end)

    def take(self, end):
        if "loop" in self.read:
            return run_on(self.read["loop"](), self.atake, end)
        return self.drain(*self.begin(end))

    async def atake(self, end):
        read, samples = self.begin(end)
        if inspect.isawaitable(samples):
            samples = await samples
        if not hasattr(samples, "__aiter__"):
            return self.drain(read, samples)
        try:
            async for item in samples:
                read.add(item, self)
        finally:
            if hasattr(samples, "aclose"):
                await samples.aclose()
        return read

    def begin(self, end):
        if self.call is None:                        # C-02
            made = self.read["factory"](dict(self.environ))
            self.call = made if callable(made) else None
        start = self.read.get("start")
        start = number(start() if callable(start) else start)
        in_time(end)
        return Read(end, start), self.call()

    def drain(self, read, samples):
        try:
            for item in samples:                     # TypeError: S-13
                read.add(item, self)
        finally:
            if isinstance(samples, Generator) or inspect.iscoroutine(samples):
                samples.close()
        return read

    def shut(self, end):
        async def aclose(_):
            if inspect.isawaitable(result := close()):
                await result
        self.sampler, close = None, getattr(self.call, "close", None)
        if close is not None and "factory" in self.read:
            loop = self.read["loop"]() if "loop" in self.read else None
            if loop is not None and loop.is_running():
                return run_on(loop, aclose, end)
            close()

    def increments(self, read, began):
        """Yield (series, increment) and take the new places: C-15 to C-17.
        A place is (last value, whether a first value counts whole)."""
        restart = None not in (read.start, self.start) and (
            read.start != self.start)
        known = read.start is not None and read.start >= began
        born = self.late or self.places is not None
        olds, self.places = self.places or {}, {}
        for key, (kind, value) in read.values.items():
            if kind == "gauge":
                continue
            old, whole = (None, True) if restart else olds.get(key, (None, born))
            self.places[key] = old if value is None else value, whole
            if value is not None:
                zero = None if whole or known else growth(value, value)
                more = zero if old is None else growth(value, old)
                yield key, value if more is None else more
        self.start = self.start if read.start is None else read.start

class Consumer:
    """Pulls the samplers of a live list."""
    def __init__(self, samplers: list[Mapping], deadline: float):
        self.samplers, self.deadline = samplers, deadline
        self.begin()
        CONSUMERS.add(self)

    def begin(self):
        """Be a new consumer, also in a forked child (C-01, C-19)."""
        self.refused = Counter()                     # (sampler, reason): n
        self.sources, self.late, self.closed = {}, False, False
        self.began = time.time()
        self.pull()
        self.late = True

    def pull(self):
        """Pull once; return values, increments and the names that failed."""
        if self.closed:
            raise RuntimeError("this consumer has ended")
        values, increments, failed = {}, {}, set()
        sources = self.follow(failed)
        end = time.monotonic() + self.deadline
        jobs = [(source, source.ask(end)) for source in sources]
        wait([job for _, job in jobs if job], self.deadline)        # C-06
        for source, job in jobs:
            if job is None or not job.done() or job.exception() is not None:
                failed.add(source.name)
                if job is not None:
                    source.failures += 1
                    source.pause = min(source.failures // 3, 8)     # C-09
                continue
            read, source.failures = job.result(), 0
            more = dict(source.increments(read, self.began))
            for reason, n in read.refused.items():
                self.refused[source.name, reason] += n
            for key, (_, value) in read.values.items():
                if key in values:                    # of another sampler
                    self.refused[source.name, "S-25"] += 1
                elif value is not None:
                    values[key] = value
                    if key in more:
                        increments[key] = more[key]
        if self.closed:                              # meanwhile
            self.close()
        return values, increments, failed

    def follow(self, failed):
        """The sources of what is registered now, in order."""
        live = {id(sampler): sampler for sampler in list(self.samplers)}
        self.end([key for key in self.sources if key not in live])
        environ = {"api": 1, "consumer": "worker", "interval": None,
                   "deadline": self.deadline, "settings": {}}
        for key in live.keys() - self.sources.keys():
            try:
                self.sources[key] = Source(live[key], environ, self.late)
            except Exception:                        # no registry refused it
                failed.add(str(getattr(live[key], "get", str)("name")))
        return [self.sources[key] for key in live if key in self.sources]

    def end(self, keys):
        end = time.monotonic() + self.deadline
        gone = [self.sources.pop(key) for key in keys if key in self.sources]
        wait([source.submit(source.shut, end) for source in gone],
             self.deadline)                          # C-04

    def close(self):
        """Close the instances; one whose call never ends is left alone."""
        self.closed = True
        CONSUMERS.discard(self)
        self.end(list(self.sources))

CONSUMERS: weakref.WeakSet[Consumer] = weakref.WeakSet()

def after_fork():
    """Only the thread that forked lives on: make all anew (C-19)."""
    Shared.guard, Shared.alive = threading.Lock(), weakref.WeakValueDictionary()
    for consumer in list(CONSUMERS):
        consumer.begin()

os.register_at_fork(after_in_child=after_fork)
