"""A consumer with one long-lived worker for each sampler; it refuses asynchronous ones.

All of the arithmetic of histograms is done on step functions: a dictionary of bounds, in which
the count from the last bound on is that at infinity.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import re
import threading
import time
from math import inf, isfinite, isnan

_WORD = "[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
_NAME = re.compile(rf"{_WORD}(?:\.{_WORD})*").fullmatch


def _name(text):
    return isinstance(text, str) and _NAME(text) is not None


def _number(value):
    if value is None:
        return None
    try:
        value = value.__index__()
    except AttributeError:
        value = value.__float__()
        if isnan(value):
            return None
        if not isfinite(value):
            raise ValueError("not finite") from None
    else:
        if not -(2**63) <= value < 2**63:
            raise ValueError("out of range")
    return value


def _steps(value):
    """Read a histogram: its sum, and its steps with that at infinity."""
    count, total = _number(value["count"]), _number(value.get("sum"))
    steps = {float(u): _number(n) for u, n in dict(value.get("buckets") or {}).items()}
    if not all(map(isfinite, steps)):
        raise ValueError("a bound is not finite")
    steps = dict(sorted(steps.items())) | {inf: count}
    if _falls(steps):
        raise ValueError("torn histogram")
    return total, steps


def _falls(steps):
    counts = [0, *steps.values()]
    return any(a > b for a, b in itertools.pairwise(counts))


def _known(steps, bound):
    """Return the count at a bound if both neighbours say the same, in a list; else none."""
    if bound in steps:
        return [steps[bound]]
    below = [n for u, n in steps.items() if u < bound][-1:] or [0]
    above = [n for u, n in steps.items() if u > bound][:1]
    return below if below == above else []


def _minus(new, old):
    total = None if new[0] is None or old[0] is None else new[0] - old[0]
    steps = {
        bound: a - b
        for bound in sorted({*new[1], *old[1]})
        for a in _known(new[1], bound)
        for b in _known(old[1], bound)
    }
    return total, steps


def _shown(value):
    if not isinstance(value, tuple):
        return value
    total, steps = value
    return steps[inf], total, tuple((u, n) for u, n in steps.items() if u != inf)


class Worker:
    """Calls one sampler for one consumer, from first to last on one thread (C-03)."""

    def __init__(self, sampler, environ, *, late):
        self.sampler, self.late = sampler, late
        self.kinds = {
            metric: told.get("kind") for metric, told in (sampler.get("metrics") or {}).items()
        }
        self.last = None  # series to value of the last good pull
        self.start = None
        self.idle = True
        self.misses = self.skip = 0
        self.refused = {}
        self.asked, self.answers = queue.SimpleQueue(), queue.SimpleQueue()
        threading.Thread(target=self._work, args=(dict(environ),), daemon=True).start()

    def _work(self, environ):
        call = self.sampler.get("sample")
        while self.asked.get():
            answer = None
            try:
                if call is None:
                    call = self.sampler["factory"](environ)
                start = self.sampler.get("start")
                answer = self._read(call()), start() if callable(start) else start
            except BaseException:
                answer = None
            self.idle = True
            self.answers.put(answer)
        if "factory" in self.sampler and call is not None and hasattr(call, "close"):
            try:
                call.close()
            except Exception:
                self.refused["close"] = 1
        self.answers.put(None)

    def _read(self, samples):
        if hasattr(samples, "__await__") or hasattr(samples, "__aiter__"):  # C-07
            getattr(samples, "close", lambda: None)()
            raise TypeError("asynchronous")
        found = {}
        for sample in samples:
            try:
                series, kind = self._series(sample)
                if series in found:
                    raise KeyError("twice")
                found[series] = None
                if kind == "histogram" and sample[1] is not None:
                    found[series] = _steps(sample[1])
                else:
                    value = _number(sample[1])
                    if kind == "counter" and value is not None and value < 0:
                        raise ValueError("negative")
                    found[series] = value
            except Exception as error:
                reason = type(error).__name__
                self.refused[reason] = self.refused.get(reason, 0) + 1
        return found

    def _series(self, sample):
        if not isinstance(sample, tuple) or not len(sample) >= 2:
            raise TypeError("no sample")
        metric, labels = sample[0], dict((sample[2] if len(sample) > 2 else None) or {})
        constant = dict(self.sampler.get("labels") or {})
        if not _name(metric) or not all(map(_name, labels)) or constant.keys() & labels.keys():
            raise NameError("no name")
        texts = {}
        for label, text in (constant | labels).items():
            if isinstance(text, int):
                text = str(_number(text))
            if not isinstance(text, str) or len(text.encode()) > 4096:
                raise TypeError("no label value")
            if text:
                texts[label] = text
        return (f"{self.sampler['name']}.{metric}", tuple(sorted(texts.items()))), self.kind(
            metric
        )

    def kind(self, metric):
        kind = self.kinds.get(metric)
        return kind if kind in ("counter", "histogram") else "gauge"

    def ask(self, deadline):
        """Return what a pull gave, or None."""
        if not self.idle or self.skip:
            self.skip -= bool(self.skip and self.idle)
            return None
        while not self.answers.empty():  # of a call that ended too late
            self.answers.get()
        self.idle = False
        self.asked.put(True)
        try:
            answer = self.answers.get(timeout=deadline)
        except queue.Empty:
            answer = None
        self.misses = 0 if answer else self.misses + 1
        self.skip = min(self.misses // 2, 5)
        return answer

    def end(self, deadline):
        if self.idle:
            self.asked.put(False)
            with contextlib.suppress(queue.Empty):
                self.answers.get(timeout=deadline)

    def increase(self, series, value, start, began):
        """Return what a cumulative series adds (C-16, C-17)."""
        old = (self.last or {}).get(series)
        if old is None:
            seen_without = series not in self.last if self.last is not None else self.late
            return value if seen_without or (start is not None and start >= began) else None
        if self.start is not None and start is not None and start != self.start:
            return value
        if isinstance(value, tuple):
            more = _minus(value, old)
            return value if _falls(more[1]) else more
        return value if value < old else value - old


class Consumer:
    def __init__(self, samplers, deadline):
        self._samplers, self._deadline = samplers, deadline
        self._workers, self._began, self._late = {}, time.time(), False
        self.pull()  # C-01
        self._late = True

    def pull(self):
        environ = {"api": 1, "consumer": "two", "interval": None, "deadline": self._deadline}
        for sampler in self._samplers:
            if id(sampler) not in self._workers:
                self._workers[id(sampler)] = Worker(sampler, environ, late=self._late)
        here = {id(sampler) for sampler in self._samplers}
        for key in list(self._workers):
            if key not in here:
                self._workers.pop(key).end(self._deadline)
        values, increments, failed = {}, {}, set()
        for worker in self._workers.values():
            answer = worker.ask(self._deadline)
            if answer is None:
                failed.add(worker.sampler["name"])
                continue
            found, start = answer
            for series, value in found.items():
                if value is None:
                    continue
                values[series] = _shown(value)
                if worker.kind(series[0][len(worker.sampler["name"]) + 1 :]) != "gauge":
                    more = worker.increase(series, value, start, self._began)
                    if more is not None:
                        increments[series] = _shown(more)
            before = worker.last or {}
            worker.last = {s: before.get(s) if v is None else v for s, v in found.items()}
            worker.start = start
        return values, increments, failed

    @property
    def refused(self):
        return {
            (worker.sampler["name"], reason): samples
            for worker in self._workers.values()
            for reason, samples in worker.refused.items()
        }

    def close(self):
        for worker in self._workers.values():
            worker.end(self._deadline)
        self._workers = {}
