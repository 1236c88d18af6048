"""A consumer of samplers, written from the clauses of the draft (ids in comments).

Each sampler has a lane, a thread that runs its calls one after another: so an instance
is never called twice at once, and its close() comes after its last call.

Others brought it up to the second draft: descriptions in samples, combined gauges,
start asked twice, owners of series, settings, registrations; rates were added."""
import math, operator, os, queue, re, threading, time, types, weakref
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future

NAME = re.compile(r"W(\.W)*".replace("W", r"[a-z][a-z0-9]*(_[a-z0-9]+)*"))
LIMIT = 20_000                      # samples of one read: C-14


def check(value, good):
    if not good:
        raise ValueError(value)
    return value


def number(value, low=-math.inf):
    """A plain int or finite float; None for nothing to report (S-19)."""
    if value is None:
        return None
    try:
        plain = int(operator.index(value))
        return check(plain, max(low, -2**63) <= plain < 2**63)
    except TypeError:
        plain = float(check(value, hasattr(type(value), "__float__")))
        good = low <= plain and math.isfinite(plain)
        return None if math.isnan(plain) else check(plain, good)


def histogram(value):
    """(count, sum or None, ((upper, cumulative), ...)), checked (S-21)."""
    if not isinstance(value, Mapping):
        return check(None, number(value) is None)
    value, count = dict(value), number(operator.index(value["count"]))
    buckets = tuple(sorted((float(upper), int(operator.index(below))) for upper, below
                           in dict(value.get("buckets") or {}).items()))
    check(buckets, rises(count, buckets) and all(math.isfinite(u) for u, _ in buckets))
    return count, number(value.get("sum")), buckets


def rises(count, buckets):
    counts = [0, *(below for _, below in buckets), count]
    return counts == sorted(counts)


CHECKS = {"gauge": number, "counter": lambda n: number(n, 0), "histogram": histogram}


MERGES = {"sum": lambda a, b: a + b, "max": max, "min": min}
SCOPES = "interpreter", "process", "server", "host"


def name(value):
    return check(value, NAME.fullmatch(value))


def described(description):
    """(kind, merge) of a description, checked (S-26 to S-30)."""
    read = {} if description is None else check(description, isinstance(description, Mapping))
    kind, labels, scope, merge = map(read.get, ("kind", "labels", "scope", "merge"))
    check(kind, kind is None or isinstance(kind, str))
    check(labels, labels is None or all(map(name, labels)))
    check(scope, scope is None or scope in SCOPES)
    kind = kind if kind in ("counter", "histogram") else "gauge"            # C-11
    return kind, check(merge, merge is None or merge in MERGES and kind == "gauge")


def text(value):
    """The text of a label's value (S-23)."""
    if isinstance(value, str):
        plain = str.__str__(value)
        plain.encode()              # raises at lone surrogates
        return check(plain, len(plain) <= 1024)
    return str(check(value, isinstance(value, int) and -2**63 <= value < 2**63))


def count_at(value, bound):
    """Observations up to a bound, None where that is not known (C-20)."""
    below = max((n for upper, n in value[2] if upper <= bound), default=0)
    above = min((n for upper, n in value[2] if upper >= bound), default=value[0])
    return below if below == above else None


def growth(new, old):
    """What came between two values; the new one whole after a restart (C-17)."""
    if not isinstance(new, tuple):
        return new if new < old else new - old
    counts = [(bound, count_at(new, bound), count_at(old, bound))
              for bound in sorted(dict(new[2] + old[2]))]
    buckets = tuple((bound, now - then) for bound, now, then in counts
                    if None not in (now, then))
    count, known = new[0] - old[0], None not in (new[1], old[1])
    total = new[1] - old[1] if known else None
    return (count, total, buckets) if rises(count, buckets) else new


class Read:
    """What one read brought, copied while it is iterated (C-13)."""

    def __init__(self, source, start):
        self.source, self.values, self.refused, self.cut = source, {}, Counter(), False
        self.known = {}                                         # described here: S-08
        self.start = number(start() if callable(start) else start)
        self.taken = time.monotonic()

    def end(self, start):
        """Ask for the start again: two of them make no read (S-10)."""
        again = number(start() if callable(start) else start)
        check("S-10", None in (again, self.start) or again == self.start)

    def take(self, item):
        """Copy a sample; a bad one costs itself only (C-12)."""
        reason = "shape"
        try:
            check(item, isinstance(item, tuple))
            metric, value, labels, told = (*item, None, None)[:4]   # C-11
            reason = "name"
            full = f"{self.source.name}.{name(metric)}"
            check(full, len(full) <= 150)
            reason, pairs = "labels", dict(self.source.labels)
            labels = {} if labels is None else check(labels, isinstance(labels, Mapping))
            for label, v in labels.items():
                pairs[check(name(label), label not in self.source.labels)] = text(v)
            key = full, tuple(sorted(pair for pair in pairs.items() if pair[1]))
            reason, seen = "description", key in self.values
            old = self.values.setdefault(key, None)         # not ended: C-15
            kind, merge = (self.source.known.get(full) or self.known.get(full)
                           or described(told))
            reason = "twice"
            check(key, merge or not seen)                   # the first stands: S-25
            reason, plain = "value", CHECKS[kind](value)
            if None not in (old, plain):
                plain = number(MERGES[merge](old, plain))
            self.values[key] = old if plain is None else plain
            self.known.setdefault(full, (kind, merge))
        except Exception:
            self.refused[reason] += 1


def run(job, call):
    try:
        job.set_result(call())
    except BaseException as error:          # foreign code raises anything: C-05
        job.set_exception(error)


class Source:
    """One sampler, as one consumer sees it."""

    kept, kept_lock = {}, threading.Lock()      # reads for min_interval: C-10

    def __init__(self, mapping, environ, late):
        self.mapping, self.environ, self.late = mapping, environ, late
        self.instance = self.last = None
        self.base, self.born, self.job = {}, {}, Future()   # born: whole, if its first
        self.registered = hasattr(mapping, "sampler")
        self.mapping = mapping = mapping.sampler if self.registered else mapping
        self.job.set_result(None)
        self.failures = self.pause = self.ends = 0
        try:
            self.describe(dict(mapping))
            self.lane = queue.SimpleQueue()
            threading.Thread(target=self.work, daemon=True).start()
        except Exception:           # what a registry would refuse: it only fails
            self.lane, self.name = None, str(getattr(mapping, "get", str)("name"))

    def describe(self, read):
        self.name = name(read["name"])
        self.sample, self.factory, self.start, self.interval = map(
            read.get, ("sample", "factory", "start", "min_interval"))
        check("S-01", ("sample" in read) != ("factory" in read))
        check("S-11", self.interval is None or "sample" in read and self.interval > 0)
        check("C-07: no asynchronous samplers", "loop" not in read)
        self.labels = {name(label): text(value) for label, value
                       in dict(read.get("labels") or {}).items()}
        self.known = {f"{self.name}.{metric}": described(dict(told))
                      for metric, told in dict(read.get("metrics") or {}).items()}
        self.settings = self.environ["settings"].get(self.name, {})

    def kind(self, full):
        return self.known[full][0]

    def work(self):
        for job, call in iter(self.lane.get, None):
            run(job, call)

    def submit(self, call):
        self.ends = time.monotonic() + self.environ["deadline"]
        self.job = Future()
        self.lane.put((self.job, call))
        return self.job

    def remaining(self):
        return max(0.0, self.ends - time.monotonic())

    def result(self, job):
        """What a call brought; None if it failed or is late (C-06)."""
        try:
            return job.result(self.remaining())
        except BaseException:
            return None

    def ask(self):
        """Begin a pull; None if it cannot be called now (C-03, C-09)."""
        self.pause -= 1
        if self.lane and self.pause <= 0 and self.job.done():
            bare = self.interval and not self.registered    # else the registry's: R-13
            return self.submit(self.shared if bare else self.read)
        return None

    def read(self):
        if self.factory and self.instance is None:                          # C-02
            made = self.factory(dict(self.environ, settings=dict(self.settings)))
            self.instance = check(made, callable(made))
        read = Read(self, self.start)
        samples = self.instance() if self.factory else self.sample()
        read.taken = getattr(samples, "time", read.taken)                   # C-10
        try:
            for count, item in enumerate(samples):
                check("late", self.interval or self.remaining())
                if count == LIMIT:
                    read.cut, read.refused["limit"] = True, 1
                    break
                read.take(item)
        finally:
            if isinstance(samples, (types.GeneratorType, types.CoroutineType)):
                samples.close()
        read.end(self.start)
        return read

    def shared(self):
        """The read of all consumers: one under way, kept, or made here (C-10)."""
        made = types.SimpleNamespace(of=self.mapping, read=Future(), until=math.inf)
        with self.kept_lock:
            kept = self.kept.get(id(self.mapping))
            own = kept is None or kept.until <= time.monotonic()
            if own:
                kept = self.kept[id(self.mapping)] = made
        if own:
            began = time.monotonic()
            run(made.read, self.read)
            made.until = began if made.read.exception() else began + self.interval
        return kept.read.result(self.remaining())

    def end(self):
        """Close the instance after its last call (C-04); a job if worth a wait."""
        idle = self.job.done()
        job = self.submit(lambda: getattr(self.instance, "close", str)())
        self.lane.put(None)
        return job if idle else None

    def settle(self, read, consumer, values, increments):
        """Add a good read to values and increments, and move the baselines."""
        base, born = (dict(self.base), dict(self.born)) if read.cut else ({}, {})   # C-14
        others = [each for each in consumer.sources.values() if each is not self]
        taken, self.failures, self.known = read.taken, 0, {**read.known, **self.known}
        starts = read.start, self.last.start if self.last else None
        restart = None not in starts and len(set(starts)) == 2              # C-17
        whole = (not self.last.cut if self.last                             # C-16
                 else self.late and read.start is None)
        for reason, times in read.refused.items() if read is not self.last else ():
            consumer.refused[self.name, reason] += times
        for key, value in read.values.items():
            if any(key in each.born for each in others):    # by another sampler
                consumer.refused[self.name, "twice"] += 1
                continue
            old = None if restart else self.base.get(key)
            born[key] = restart or self.born.get(key, whole)
            if value is not None:
                values[key] = value
                if self.kind(key[0]) != "gauge":
                    known = read.start is not None and read.start >= consumer.began
                    first = value if known or born[key] else growth(value, value)
                    increments[key] = growth(value, old[0]) if old else first
                    if old and not isinstance(value, tuple) and taken > old[1]:
                        consumer.rates[key] = increments[key] / (taken - old[1])
                    old = value, taken                            # C-18
            if old is not None:
                base[key] = old                                             # C-15
        self.last, self.base, self.born = read, base, born


class Consumer:
    """Pulls a live list of samplers, or a registry; each has deadline seconds."""

    alive = weakref.WeakSet()

    def __init__(self, samplers, deadline, settings=types.MappingProxyType({})):
        self.samplers, self.closed, self.environ = samplers, False, {
            "api": 1, "consumer": "draft_a", "interval": None, "deadline": deadline,
            "settings": settings}
        self.begin()
        self.alive.add(self)
        self.pull()

    def begin(self):
        """Forget all: the next pull makes the baselines (C-01, C-19)."""
        self.lock, self.pulling, self.pulled = threading.Lock(), False, False
        self.sources, self.refused, self.began = {}, Counter(), time.time()

    def pull(self):
        """Pull each sampler once: values, increments, names of the failed."""
        with self.lock:
            check("closed, or in a pull", not self.closed and not self.pulling)
            self.pulling = True
        try:
            return self.round()
        finally:
            self.pulling = False

    def late(self, mapping):
        """Whether it was registered after the consumer began (R-12)."""
        return mapping.time > self.began if hasattr(mapping, "time") else self.pulled

    def round(self):
        live = {id(mapping): mapping for mapping in list(self.samplers)}
        made = {key: Source(mapping, self.environ, self.late(mapping))
                for key, mapping in live.items() if key not in self.sources}
        with self.lock:
            check("closed", not self.closed)
            gone = [self.sources.pop(key) for key in set(self.sources) - set(live)]
            self.sources.update(made)
            sources = [self.sources[key] for key in live if key in self.sources]
        ended = [(source, source.end()) for source in gone if source.lane]
        asked = [(source, source.ask()) for source in sources]
        values, increments, failed, self.rates = {}, {}, set(), {}
        for source, job in asked:
            read = job and source.result(job)
            if read:
                source.settle(read, self, values, increments)
            else:
                failed.add(source.name)
            if job and not read:    # each third in a row adds a pull of pause: C-09
                source.failures += 1
                source.pause = 1 + min(source.failures // 3, 8)
        [source.result(job) for source, job in ended if job]
        self.pulled = True
        return values, increments, failed

    def close(self):
        """Close all instances, each within the deadline; more calls do nothing."""
        with self.lock:
            self.closed, sources, self.sources = True, self.sources, {}
        ended = [(source, source.end()) for source in sources.values() if source.lane]
        [source.result(job) for source, job in ended if job]

    @classmethod
    def after_fork(cls):
        """A child is a new consumer: threads and instances are the parent's (C-19)."""
        Source.kept, Source.kept_lock = {}, threading.Lock()
        for consumer in [each for each in cls.alive if not each.closed]:
            consumer.begin()


os.register_at_fork(after_in_child=Consumer.after_fork)
