"""A registry of samplers, written from the clauses of the second draft (ids in comments).

It goes with the consumer of one.py, whose author had no registry; others wrote it."""
import os, sys, threading, time
from collections.abc import Mapping
from importlib.metadata import entry_points

from tests.pep.independent.one import check, described, name, number, text

KEYS = {"name", "sample", "factory", "metrics", "labels", "start", "min_interval", "loop", "api"}


def plain(mapping):
    """A copy without what is None; that is absent."""
    return {key: value for key, value in mapping.items() if value is not None}


def copied(value):
    return plain(value) if isinstance(value, Mapping) else value


class Held(list):
    """A read: plain copies of samples, when it began, and the start that goes with it."""


class Shared:
    """``sample`` and ``start`` of a sampler with min_interval: R-13."""

    def __init__(self, read):
        self.read, self.interval, self.start = read["sample"], read["min_interval"], read.get("start")
        self.lock, self.held, self.gate = threading.Lock(), None, None

    def fresh(self):
        held = self.held
        if held is None or held.pid != os.getpid():
            return None
        return held if time.monotonic() < held.began + self.interval else None

    def sample(self):
        while True:
            with self.lock:
                held, gate = self.fresh(), self.gate
                if held is not None:
                    return held
                if gate is None or gate.pid != os.getpid():
                    mine = self.gate = threading.Event()
                    mine.pid = os.getpid()
                    break
            gate.wait()                             # for the read of another
        try:
            self.held = self.take()
            return self.held
        finally:                                    # one that failed is not held
            self.gate = None
            mine.set()

    def take(self):
        began, now, start = time.monotonic(), time.time(), self.asked()
        held = Held(tuple(map(copied, item)) if type(item) is tuple else item
                    for item in self.read())
        check("S-10", None in (start, self.asked()) or start == self.asked())
        held.began, held.time, held.start, held.pid = began, now, start, os.getpid()
        return held

    def asked(self):
        return number(self.start() if callable(self.start) else self.start)

    def started(self):
        held = self.fresh()
        return self.asked() if held is None else held.start


class Registration:
    """A published sampler: R-12."""

    def __init__(self, read):
        self.read, self.time, self.sampler = read, time.time(), dict(read)
        self.labels = {k: v for k, v in labels(read).items() if v}
        self.metrics = {f"{read['name']}.{metric}": (described(told)[0], told.get("unit"))
                        for metric, told in read.get("metrics", {}).items()}
        if "min_interval" in read and "loop" not in read:
            shared = Shared(read)
            self.sampler["sample"] = shared.sample
            if callable(read.get("start")):
                self.sampler["start"] = shared.started


def labels(read):
    return {label: text(value) for label, value in read.get("labels", {}).items()}


def label(value):
    check(name(value), value != "overflow" and len(value) <= 150)


def faults(read):
    """What is wrong with a mapping: R-04."""
    def named():
        name(read["name"])
        check("S-04", len(read["name"]) <= 148)
        check("S-05", read["name"] != "sampler" and not read["name"].startswith("sampler."))

    def metrics():
        for metric, told in read.get("metrics", {}).items():
            check("S-04", len(f"{read['name']}.{name(metric)}") <= 150)
            described(told)

    def called():
        check("S-01", ("sample" in read) != ("factory" in read))
        check("S-01", callable(read.get("sample", read.get("factory"))))
        check("S-12", callable(read.get("loop", called)))

    def times():
        check("S-10", callable(read.get("start")) or number(read.get("start", 0)) is not None)
        least = read.get("min_interval", 1)
        check("S-11", least > 0 and ("factory" not in read or "min_interval" not in read))

    parts = {"S-01": called, "S-03": named, "S-09": lambda: [*map(label, labels(read))],
             "S-10": times, "S-26": metrics,
             "api": lambda: check("api", type(read.get("api", 1)) is int and read.get("api", 1) == 1)}
    for clause, part in parts.items():
        try:
            part()
        except Exception as error:
            yield f"{clause}: {error}"


def clash(new, old):
    """Why two samplers cannot both be registered: R-05."""
    if new.read["name"] == old.read["name"] and new.labels == old.labels:
        return new.read["name"]
    for full, (kind, unit) in new.metrics.items():
        for other, (its_kind, its_unit) in old.metrics.items():
            flat = full.replace(".", "_") == other.replace(".", "_")
            units = {unit, its_unit} - {None}
            if flat and (full != other or kind != its_kind or len(units) == 2):
                return f"{full} and {other}"
    return None


class Registry:
    """Samplers; iterating yields their registrations."""

    def __init__(self):
        self.all, self.lock = (), threading.Lock()      # all: replaced, never changed

    def __iter__(self):
        return iter(self.all)

    def register(self, mapping):
        check("S-01", isinstance(mapping, Mapping))
        read = {key: copied(value) for key, value in plain(mapping).items()}
        if isinstance(read.get("metrics"), Mapping):
            read["metrics"] = {metric: copied(told) for metric, told in read["metrics"].items()}
            for told in filter(lambda told: isinstance(told, dict), read["metrics"].values()):
                if not isinstance(told.get("labels", ""), str):
                    told["labels"] = tuple(told["labels"])
        if wrong := list(faults(read)):
            raise ValueError(f"{read.get('name')}: " + "; ".join(wrong))
        new = Registration(read)
        while True:
            seen = self.all
            for old in seen:                            # without the lock: R-06
                if old.read == read:
                    return old
                if why := clash(new, old):
                    raise ValueError(f"R-05: {why} is registered by {old.read['name']}")
            with self.lock:
                if self.all is seen:
                    self.all = (*seen, new)
                    return new

    def unregister(self, registration):
        with self.lock:
            self.all = tuple(each for each in self.all if each is not registration)

    def discover(self, *names):
        """Publish what is announced; return the reasons of what cannot be (R-08 to R-10)."""
        failed, seen = {}, {}
        found = entry_points()
        for group in sorted(found.groups):
            if group != "sampler.samplers" and not group.startswith("sampler.samplers."):
                continue
            package = group.removeprefix("sampler.samplers").lstrip(".")
            for point in found.select(group=group):
                first = seen.setdefault(point.name, point)
                awaited = package or point.module.rpartition(".")[0] or point.module
                if point.name not in names and not imported(awaited):
                    continue
                try:
                    check("R-10: the name is announced twice", first == point)
                    mapping = point.load()
                    check(f"R-08: its name is {mapping['name']}", mapping["name"] == point.name)
                    self.register(mapping)
                except Exception as error:
                    failed[point.name] = repr(error)
        return failed


def imported(package):
    """Whether a module has been imported to its end (R-09)."""
    module = sys.modules.get(package)
    return module is not None and not getattr(module.__spec__, "_initializing", False)
