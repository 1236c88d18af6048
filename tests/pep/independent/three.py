"""A registry and a consumer after PEP 9999 (draft), from its text alone.

Left out: asynchronous samplers (the registry takes them, without R-13; their
pulls fail, C-07), the bounds of C-14 but for the
number of samples in a pull, the ledger (C-21: nothing is delivered), and
everything about relays (M-01 to M-06).

Written from the rendered second draft alone, by somebody who saw nothing else. The questions of
its author (three_questions.md) changed the draft; what it says since was mended here: start of a
shared read (R-13, C-10); the metrics of one mapping need not fit each other (R-05); what takes the
place of another registry's registration (R-14); a start that is not known for a while (C-17); a
child's first round is not made within the fork, and its consumer began at the fork (C-19).
"""
import functools
import os
import threading
import time
import types
import weakref
from collections import Counter
from collections.abc import Mapping

from tests.pep.independent.three_data import (
    CUMULATIVE, MERGE, Fault, Task, announced, busy, checked_samples, combine, copied, described,
    description_faults, frozen, full_names, grown, histogram, identity, imported, inside,
    is_label_name, is_name, kind_of, label_pairs, number, read_mapping, seconds, waits_for)

MAX_SAMPLES = 10_000            # of one pull (C-14), of one shared read
LOCK = threading.Lock()         # never held while foreign code runs

def _new_lock():
    global LOCK
    LOCK = threading.Lock()

os.register_at_fork(after_in_child=_new_lock)


class Read(list):
    """One read of a sampler with min_interval (R-13): samples, time, start."""
    start = None


class Flight:
    """A read that is made by one caller and awaited by others."""

    def __init__(self):
        self.pid, self.owner = os.getpid(), threading.get_ident()
        self.began, self.done = time.monotonic(), threading.Event()
        self.error, self.read = None, Read()
        self.read.time = time.time()


class Shared:
    def __init__(self, sampler):
        self.call, self.seconds = sampler["sample"], seconds(sampler["min_interval"])
        self.given, self.flight = sampler.get("start"), None

    def zero(self):
        start = self.given() if callable(self.given) else self.given
        return None if start is None else seconds(start)

    def held(self):
        flight = self.flight
        if flight is None or flight.pid != os.getpid():
            return None
        over = flight.error or time.monotonic() >= flight.began + self.seconds
        return None if flight.done.is_set() and over else flight

    def get(self):
        with LOCK:
            flight = self.held()
            mine = flight is None
            if mine:
                flight = self.flight = Flight()
        if mine:
            try:
                flight.read.start = self.zero()
                for item in checked_samples(self.call()):
                    if len(flight.read) >= MAX_SAMPLES:
                        raise OverflowError("too many samples for a shared read")
                    flight.read.append(frozen(item))
                if self.zero() != flight.read.start:
                    raise RuntimeError("S-10: restarted")
            except BaseException as error:
                flight.error = error
                raise
            finally:
                flight.done.set()
        elif flight.owner == threading.get_ident() and not flight.done.is_set():
            raise RuntimeError("a sampler asks for its own read")
        flight.done.wait()
        if flight.error is not None:
            raise RuntimeError(f"the shared read failed: {flight.error!r}")
        return flight.read

    def start(self):
        flight = self.held()
        ended = flight is not None and flight.done.is_set()
        return flight.read.start if ended else self.zero()


class Registration:
    def __init__(self, read):
        self.read, self.sampler = read, read        # R-03 compares read
        self.identity = identity(read)
        self.names = full_names(read)
        if "min_interval" in read and "loop" not in read:
            shared = Shared(read)
            self.sampler = {**read, "sample": shared.get}
            if callable(read.get("start")):
                self.sampler["start"] = shared.start
        self.time = time.time()

def equal(one, other):
    try:
        return bool(one.keys() == other.keys() and one == other)
    except Exception:
        return False

def clashes(new, old):
    """R-05: what registration new has against old."""
    found = []
    if new.identity == old.identity:
        found.append(f"R-05: {new.identity} is registered")
    flat = {name.replace(".", "_"): name for name in old.names}
    for name, (kind, unit) in new.names.items():
        twin = flat.get(name.replace(".", "_"), name)
        if twin != name:
            found.append(f"R-05: {name} looks like {twin}")
        elif name in old.names:
            kind2, unit2 = old.names[name]
            if kind != kind2 or None not in (unit, unit2) and unit != unit2:
                found.append(f"R-05: {name} has another kind or unit")
    return found


class Registry:
    def __init__(self):
        self.all, self.tried = (), {}

    def __iter__(self):
        return iter(self.all)

    def register(self, sampler):
        read, new = read_mapping(sampler), None
        while True:
            seen = self.all
            for old in seen:
                if equal(old.read, read):
                    return old
            new = Registration(read)
            if found := [f for old in seen for f in clashes(new, old)]:
                raise Fault(found)
            with LOCK:
                if self.all is seen:
                    self.all = (*seen, new)
                    return new

    def unregister(self, registration):
        with LOCK:
            self.all = tuple(r for r in self.all if r is not registration)

    def discover(self, *names):
        """Register what is announced; return (name, value, reason) of what is not."""
        reports, first = [], set()
        for point in announced("sampler.samplers"):
            key, asked = (point.group, point.name, point.value), point.name in names
            if point.name in first:
                reports.append((point.name, point.value, "announced twice"))
                continue
            first.add(point.name)
            if asked or key not in self.tried and imported(waits_for(point)):
                self.tried[key] = "its import has not ended"
                try:
                    sampler = point.load()
                    if sampler["name"] != point.name:
                        raise Fault([f"R-08: its sampler is called {sampler['name']!r}"])
                    self.register(sampler)
                    self.tried[key] = None
                except (Exception, SystemExit) as error:
                    self.tried[key] = f"{type(error).__name__}: {error}"
            if self.tried.get(key):
                reports.append((point.name, point.value, self.tried[key]))
        return reports

default = Registry()            # announced as "three:default"


class Source:
    """What a consumer knows of one registration."""

    def __init__(self, registration, contested):
        self.registration, self.sampler = registration, registration.sampler
        self.name, pairs = identity(self.sampler)
        self.labels, self.prefix = dict(pairs), self.name + "."
        self.call, self.seen = self.sampler.get("sample"), dict(self.sampler.get("metrics") or {})
        self.contested = contested              # begins with baselines
        self.series, self.others = {}, set()    # others: of another sampler, seen here
        self.pulled = self.cut = False
        self.start = self.time = self.task = None
        self.failures = self.pause = 0


class Series:
    def __init__(self, whole, forced):
        self.last, self.whole, self.forced, self.time, self.total = None, whole, forced, None, None


class Pull:
    def __init__(self, source):
        self.source, self.values, self.seen = source, {}, dict(source.seen)
        self.counts, self.refused, self.cut = Counter(), Counter(), False

    def zero(self):
        start = self.source.sampler.get("start")
        start = start() if callable(start) else start
        return None if start is None else seconds(start)

    def run(self, environ):
        source, ends = self.source, inside.task.ends
        if source.sampler.get("loop") is not None:
            raise TypeError("asynchronous samplers are not supported (C-07)")
        if source.call is None:
            made = source.sampler["factory"](environ)
            if not callable(made):
                raise TypeError("the factory returned no instance")
            source.call = made                  # also when it is late (C-02)
            if time.monotonic() > ends:
                raise TimeoutError
        self.start, self.time = self.zero(), time.time()
        returned = checked_samples(source.call())
        try:
            self.time = seconds(returned.time)  # C-10
        except Exception:
            pass
        shared = "min_interval" in source.sampler and hasattr(returned, "start")
        if shared:                              # R-13, C-10
            self.start = None if returned.start is None else seconds(returned.start)
        samples = iter(returned)
        for n, item in enumerate(samples):
            late = time.monotonic() > ends
            if late or n == MAX_SAMPLES:
                getattr(samples, "close", str)()
                if late:
                    raise TimeoutError
                self.cut = True
                self.refused["too many samples"] += 1
                break
            self.take(item)
        if not shared and self.zero() != self.start:
            raise RuntimeError("S-10: start has changed")

    def take(self, item):
        source, stage = self.source, "shape"
        try:
            if not isinstance(item, tuple) or len(item) < 2:
                raise TypeError
            metric, value, labels, said = (*item, None, None)[:4]
            stage = "name"
            if not is_name(metric, source.prefix):
                raise ValueError
            metric, stage = str.__str__(metric), "labels"
            labels = {} if labels is None else copied(labels)
            if not all(is_label_name(name) and name not in source.labels for name in labels):
                raise ValueError
            pairs = source.labels | label_pairs(labels)
            key, stage = (source.prefix + metric, tuple(sorted(pairs.items()))), "description"
            if metric not in self.seen:
                said = {} if said is None else described(said)
                if description_faults(said):
                    raise ValueError
                self.seen[metric] = said
            kind, merge = kind_of(self.seen[metric]), self.seen[metric].get("merge")
            stage = "twice"
            if key in self.values and not merge:
                raise ValueError
            stage, old = "value", self.values.setdefault(key)
            new = self.value(kind, value)
            if old is not None and new is not None:
                new = number(MERGE[merge](old, new))
            self.values[key] = old if new is None else new
            self.counts[key] += 1
        except Exception:
            self.refused[stage] += 1

    def value(self, kind, value):
        if value is None:
            return None
        if kind == "histogram" and isinstance(value, Mapping):
            return histogram(value)
        value = number(value)
        if value is not None and (kind == "histogram" or kind == "counter" and value < 0):
            raise ValueError
        return value


class Feed:
    """A registry as a consumer sees it."""

    def __init__(self, load):
        self.load, self.known, self.task, self.broken = load, [], None, None

    def look(self, deadline):
        if not busy(self.task):
            self.task = Task(deadline, lambda: [(r, identity(r.sampler), r.time)
                                                for r in self.load()])
            if self.task.ok:
                self.known = self.task.result
        self.broken = None if self.task.ok else f"its registry failed: {self.task.reason}"


class Consumer:
    names = weakref.WeakValueDictionary()

    def __init__(self, registry=None, name="three", interval=None, deadline=5.0, settings=None):
        self.registry, self.deadline, self.settings = registry, deadline, settings or {}
        with LOCK:                              # C-02: unlike others'
            self.name, n = name, 1
            while self.name in self.names:
                n += 1
                self.name = f"{name}-{n}"
            self.names[self.name] = self
        self.environ = {"api": 1, "consumer": self.name, "interval": interval, "deadline": deadline}
        self.closed = self.forked = False
        os.register_at_fork(after_in_child=functools.partial(Consumer._fork, weakref.ref(self)))
        self._begin()

    def _begin(self, began=None):
        self.sources, self.owners, self.feeds = {}, {}, {}
        self.contested, self.homes = set(), {}
        self._live()                            # what it discovers is older than the consumer
        self.began, self.pending, self.pulling = began or time.time(), False, False
        self.first = self.pull()                # C-01

    def _fork(ref):
        self = ref()
        if self is not None and not self.closed:            # C-19
            self.forked, self.pending, self.pulling = time.time(), True, False

    def pull(self):
        if self.pending:
            self._begin(self.forked)
        self._enter()
        try:
            return self._round()
        finally:
            self.pulling = False

    def _enter(self):
        with LOCK:
            if self.closed or self.pulling:
                raise RuntimeError("closed" if self.closed else "a round is being made")
            self.pulling = True

    def close(self):
        if not self.closed:
            self._enter()
            self.closed = True
            for source in () if self.pending else self.sources.values():
                self._end(source)

    def _end(self, source):
        for key in source.series:
            self.owners.pop(key, None)
        if "factory" in source.sampler and source.call is not None and not busy(source.task):
            Task(self.deadline, getattr(source.call, "close", str))     # C-04

    def _registries(self):
        """R-14: how to get each registry; all that is announced, and default as my own."""
        self.undiscovered = []
        if self.registry is not None:
            return {("", ""): lambda: self.registry}
        task = Task(self.deadline, default.discover)
        self.undiscovered = task.result if task.ok else [("", "", task.reason)]
        found = {(p.name, p.value): p.load for p in announced("sampler.registries")
                 if imported(waits_for(p))}
        return {("", ""): lambda: default, **found}

    def _live(self):
        """Return {id: (registration, reason for which its pull has failed or None)}."""
        named = self._registries()
        self.feeds = {k: self.feeds.get(k) or Feed(load) for k, load in sorted(named.items())}
        places, live = {}, {}
        for rank, (key, feed) in enumerate(self.feeds.items()):
            feed.look(self.deadline)
            if feed.broken:
                self.undiscovered.append((*key, feed.broken))
            for registration, who, since in feed.known:
                same = places.setdefault(who, {})
                same.setdefault(id(registration), (since, rank, registration, feed.broken, key))
        for who, same in places.items():        # the earlier one
            *chosen, home = min(same.values(), key=lambda each: each[:2])[2:]
            if id(chosen[0]) not in self.sources and self.homes.get(who, home) != home:
                self.contested.add(id(chosen[0]))
            live[id(chosen[0])], self.homes[who] = chosen, home
        self.contested &= live.keys()
        return live

    def _round(self):
        result = types.SimpleNamespace(
            values={}, increments={}, starts={}, descriptions={}, refused=Counter(), failed={},
            seconds={}, time=time.time())
        live = self._live()
        for gone in [key for key in self.sources if key not in live]:
            self._end(self.sources.pop(gone))   # C-04
        for key, (registration, broken) in live.items():
            if key not in self.sources:
                self.sources[key] = Source(registration, key in self.contested)
            source = self.sources[key]
            pull = self._ask(source, broken, result)
            if pull is not None:
                self._commit(source, pull, result)
            for metric, said in source.seen.items():
                result.descriptions.setdefault(source.prefix + metric, {
                    "kind": kind_of(said), "unit": said.get("unit"),
                    "help": said.get("help", ""), "merge": said.get("merge")})
        result.refused = dict(result.refused)
        return result

    def _ask(self, source, broken, result):
        reason, pull = broken, Pull(source)
        if reason is None and busy(source.task):
            reason = "its earlier pull has not ended"
        elif reason is None and source.pause:   # C-09
            source.pause, reason = source.pause - 1, "paused"
        elif reason is None:
            environ = {**self.environ, "settings": copied(self.settings.get(source.name) or {})}
            source.task = Task(self.deadline, pull.run, environ)
            if source.task.ok:
                source.failures = 0
                return pull
            reason, source.failures = source.task.reason, source.failures + 1
            source.pause = min(max(source.failures - 2, 0), 8)
        result.failed[source.name] = reason

    def _commit(self, source, pull, result):
        for reason, n in pull.refused.items():
            result.refused[source.name, reason] += n
        restarted = None not in (pull.start, source.start) and pull.start != source.start
        new, others = {}, set()
        for key, value in pull.values.items():
            if self.owners.get(key, source) is source:
                new[key] = value
            else:                               # C-12
                others.add(key)
                result.refused[source.name, "series of another sampler"] += pull.counts[key]
        if not pull.cut:                        # C-15, C-14
            for key in source.series.keys() - new.keys():
                del source.series[key], self.owners[key]
        for series in source.series.values() if restarted else ():
            series.last, series.whole = None, True                      # C-17
        for key, value in new.items():
            if key not in source.series:        # C-16
                whole = not source.cut and key not in source.others
                if not source.pulled:
                    whole = (pull.start is None and not source.contested
                             and source.registration.time > self.began)
                forced = source.contested and not source.pulled
                source.series[key], self.owners[key] = Series(whole, forced), source
            if value is None:
                continue
            result.values[key] = value
            kind = kind_of(pull.seen[key[0].removeprefix(source.prefix)])
            if kind in CUMULATIVE:
                self._increase(key, value, source, pull, result)
        source.seen, source.others, source.cut, source.pulled = pull.seen, others, pull.cut, True
        source.start = source.start if pull.start is None else pull.start
        source.time = pull.time

    def _increase(self, key, value, source, pull, result):
        series = source.series[key]
        if series.last is not None:
            more = grown(value, series.last)
        elif series.whole or (not series.forced and pull.start is not None
                              and pull.start >= self.began):
            more = value
        else:
            more = grown(value, value)
        since = source.time if series.time is None else series.time
        if since is not None:
            result.seconds[key] = pull.time - since                     # C-18
        result.increments[key], result.starts[key] = more, pull.start
        series.last, series.time = value, pull.time
        if self.forked:                         # C-19: from 0, at the fork
            old = series.total
            series.total = (more if old is None else combine(old, more, 1)
                            if isinstance(more, tuple) else old + more)
            result.values[key], result.starts[key] = series.total, self.began
