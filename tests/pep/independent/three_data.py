"""The plain data of PEP 9999: numbers, histograms, labels, descriptions, mappings,
and what distributions announce.

Written from the rendered second draft alone, by somebody who saw nothing else. The questions of
its author (three_questions.md) changed the draft; what it says since was mended here: __float__
where __index__ raises TypeError, arrays are no numbers (S-19); the labels of a description are a
tuple (R-03); kinds are compared as they are read (R-05); units and helps have no lone surrogates (S-27)."""
import datetime
import functools
import importlib.metadata
import math
import numbers
import operator
import os
import re
import sys
import threading
import time
from collections.abc import Mapping

WORD = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
NAME = re.compile(rf"{WORD}(\.{WORD})*")
CUMULATIVE = "counter", "histogram"
MERGE = {"sum": operator.add, "max": max, "min": min}
SCOPES = "interpreter", "process", "server", "host"
inside = threading.local()      # .task: this thread runs foreign code
TIMES = datetime.date, datetime.time, datetime.timedelta, time.struct_time


class Fault(ValueError):
    """A mapping is refused (R-04, R-05); faults has all reasons."""

    def __init__(self, faults):
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def number(value):
    """S-19 as int or float; None for NaN; ValueError or TypeError else."""
    if (isinstance(value, (str, bytes, bytearray, *TIMES))
            or isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real)
            or any(c.__name__ in ("datetime64", "timedelta64") for c in type(value).__mro__)):
        raise TypeError("no number")
    if getattr(value, "ndim", 0):
        raise TypeError("an array")
    floats = hasattr(type(value), "__float__")
    if hasattr(type(value), "__index__"):
        try:
            value = int(operator.index(value))
        except TypeError:
            if not floats:
                raise
        else:
            if not -2**63 <= value < 2**63:
                raise ValueError("out of range")
            return value
    if not floats:
        raise TypeError("no number")
    value = float(value)
    if math.isinf(value):
        raise ValueError("infinite")
    return None if math.isnan(value) else value


def natural(value):
    if not hasattr(type(value), "__index__"):
        raise TypeError("no integer")
    if (value := number(value)) < 0:
        raise ValueError("negative")
    return value


def seconds(value):
    """A number of seconds: no bool, no NaN."""
    if isinstance(value, bool) or (value := number(value)) is None:
        raise TypeError("no number of seconds")
    return value


def rises(count, buckets):
    counts = [0, *(n for _, n in buckets), count]
    return counts == sorted(counts)


def histogram(value):
    """S-21 as (count, sum or None, ((bound, count), ...)); infinity is left out."""
    count = natural(value["count"])
    total = value.get("sum")
    total = None if total is None else number(total)
    known = {}
    for upper, n in dict(value.get("buckets") or {}).items():
        upper = math.inf if upper == math.inf else number(upper)
        if upper is None or upper in known:
            raise ValueError("a bound twice, or none")
        known[upper] = natural(n)
    if known.pop(math.inf, count) != count:
        raise ValueError("count is not the count at infinity")
    buckets = tuple(sorted(known.items()))
    if not rises(count, buckets):
        raise ValueError("torn")
    return count, total, buckets


def at(hist, bound):
    count, _, buckets = hist
    below = 0
    for upper, cumulative in buckets:
        if upper == bound:
            return cumulative
        if upper > bound:
            return below if below == cumulative else None
        below = cumulative
    return below if below == count else None


def combine(one, other, sign):
    """C-20: merge two histograms (+1) or take their difference (-1)."""
    bounds = sorted({u for h in (one, other) for u, _ in h[2]})
    pairs = ((u, at(one, u), at(other, u)) for u in bounds)
    buckets = tuple((u, a + sign * b) for u, a, b in pairs if None not in (a, b))
    total = None if None in (one[1], other[1]) else one[1] + sign * other[1]
    return one[0] + sign * other[0], total, buckets


def grown(new, old):
    """The increment from old to new; all of new after a restart (C-17)."""
    if not isinstance(new, tuple):
        return new if new < old else new - old
    more = combine(new, old, -1)
    return more if rises(more[0], more[2]) else new


def label_text(value):
    """S-23."""
    if isinstance(value, int):
        return str(number(value))
    value = str.__str__(value)
    if len(value) > 1024:
        raise ValueError("too long")
    value.encode()                                  # no lone surrogates
    return value


def is_text(value):
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def is_name(name, full=""):
    return isinstance(name, str) and bool(NAME.fullmatch(name)) and len(full + name) <= 150


def is_label_name(name):
    return is_name(name) and name != "overflow"


def label_pairs(labels):
    """The labels that are not absent, as text."""
    pairs = {str.__str__(k): label_text(v) for k, v in labels.items()}
    return {k: v for k, v in pairs.items() if v}


def copied(thing):
    if isinstance(thing, Mapping):
        return {key: copied(value) for key, value in thing.items()}
    return thing


def described(said):
    """A copy of a description without absent keys, its labels read."""
    said = {k: v for k, v in copied(said).items() if v is not None}
    labels = said.get("labels")
    if not isinstance(labels, (str, bytes)) and hasattr(type(labels), "__iter__"):
        said["labels"] = tuple(labels)
    return said


def description_faults(said):
    """What S-26 to S-30 have against a described()."""
    if not isinstance(said, dict):
        return ["no description"]
    kind, merge, labels = said.get("kind", "gauge"), said.get("merge"), said.get("labels", ())
    found = ["S-27 " + key for key in ("unit", "help") if not is_text(said.get(key, ""))]
    if not isinstance(kind, str):
        found.append("S-26 kind")
    if said.get("scope", "process") not in SCOPES:
        found.append("S-28 scope")
    if merge is not None and (merge not in list(MERGE) or kind in CUMULATIVE):
        found.append("S-29 merge")
    if not isinstance(labels, tuple) or not all(map(is_label_name, labels)):
        found.append("S-30 labels")
    return found


def checked_samples(returned):
    """S-13 for a call without a loop."""
    if isinstance(returned, (str, bytes, Mapping)) or not hasattr(type(returned), "__iter__"):
        if hasattr(returned, "cr_frame"):
            returned.close()                        # a coroutine: C-07
        raise TypeError("S-13: no samples")
    return returned


def identity(sampler):
    pairs = label_pairs(sampler.get("labels") or {})
    return sampler["name"], tuple(sorted(pairs.items()))


def full_names(read):
    return {f"{read['name']}.{metric}": (kind_of(said), said.get("unit"))
            for metric, said in read.get("metrics", {}).items()}


def read_mapping(sampler):
    """R-01: a copy of a mapping, or Fault (R-04)."""
    if not isinstance(sampler, Mapping):
        raise Fault(["S-01: no mapping"])
    read = {key: copied(value) for key, value in sampler.items() if value is not None}
    name, found = read.get("name"), []

    def fault(text, *wrong):
        if any(wrong):
            found.append(text)

    def breaks(check, value):
        try:
            check(value)
        except Exception:
            return True

    fault("S-01: exactly one of sample and factory", ("sample" in read) == ("factory" in read))
    for key in ("sample", "factory", "loop"):
        fault(f"{key} cannot be called", not callable(read.get(key, print)))
    fault("S-03: name", not is_name(name))
    text = name if isinstance(name, str) else ""
    fault("S-05: name", text == "sampler", text.startswith("sampler."))
    labels = read.get("labels", {})
    if not isinstance(labels, dict):
        fault("S-09: labels", True)
    else:
        for key, value in labels.items():
            fault(f"S-03: label {key!r}", not is_label_name(key))
            fault(f"S-23: value of label {key!r}", breaks(label_text, value))
    start = read.get("start", 0)
    fault("S-10: start", not callable(start) and breaks(seconds, start))
    if "min_interval" in read:
        least = read["min_interval"]
        fault("S-11: min_interval", "sample" not in read, breaks(seconds, least) or least <= 0)
    fault("api", read.get("api", 1) != 1)
    metrics = read.get("metrics", {})
    if not isinstance(metrics, dict):
        fault("metrics is no mapping", True)
    else:
        for metric, said in metrics.items():
            fault(f"S-03, S-04: metric {metric!r}", not is_name(metric, text + "."))
            if isinstance(said, dict):
                said = metrics[metric] = described(said)
            found += [f"{fault_} of {metric!r}" for fault_ in description_faults(said)]
    if found:
        raise Fault(found)
    return read


def announced(group):
    """Entry points of a group, or of one below it, as sys.path has them."""
    return [p for p in entry_points(tuple((p, mtime(p or ".")) for p in sys.path))
            if p.group == group or p.group.startswith(group + ".")]


def mtime(path):
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


@functools.lru_cache(1)
def entry_points(_):
    found, seen = [], set()
    for dist in importlib.metadata.distributions():
        try:
            name = re.sub("[-_.]+", "-", dist.metadata["Name"]).lower()
            if name not in seen:
                seen.add(name)
                found += dist.entry_points
        except Exception:
            continue                                # a broken distribution
    return found


def waits_for(point):
    if point.group.startswith("sampler.samplers."):
        return point.group.removeprefix("sampler.samplers.")
    module = point.value.partition(":")[0].strip()
    return module.rpartition(".")[0] or module


def imported(package):
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)


def frozen(sample):
    """The sample with its mappings copied (S-17), if it can be."""
    try:
        head, said = sample[:3], sample[3:4]
        said = [described(s) if isinstance(s, Mapping) else s for s in said]
        return (*map(copied, head), *said) if isinstance(sample, tuple) else sample
    except Exception:
        return sample                               # consumers refuse it alone


def kind_of(said):
    return said["kind"] if said.get("kind") in CUMULATIVE else "gauge"    # C-11


class Task:
    """func(*args) in a thread of its own, waited for at most limit seconds."""

    def __init__(self, limit, func, *args):
        self.done, self.error, self.result = threading.Event(), None, None
        self.ends = time.monotonic() + limit
        threading.Thread(target=self.run, args=(func, args), daemon=True).start()
        ended = self.done.wait(limit)
        self.ok = ended and self.error is None
        self.reason = repr(self.error) if ended else "deadline"

    def run(self, func, args):
        inside.task = self
        try:
            self.result = func(*args)
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()


def busy(task):
    return task is not None and not task.done.is_set()
