"""A consumer with a thread for each call, which runs asynchronous samplers on their loops."""

from __future__ import annotations

import asyncio
import inspect
import math
import re
import threading
import time
from collections import Counter

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)*")
KINDS = {"counter", "gauge", "histogram"}


class Refused(Exception):
    """A sample that costs itself only (C-12)."""


class Call(threading.Thread):
    """One call of one sampler; it may never end (C-06)."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source = source
        self.rows = self.start_value = None
        self.succeeded = False

    def run(self):
        try:
            self.rows, self.start_value = self.source.fetch()
            self.succeeded = True
        except BaseException:
            self.succeeded = False


class Source:
    def __init__(self, mapping, environ, *, newcomer):
        self.mapping, self.environ = mapping, environ
        self.newcomer = newcomer  # not registered at the consumer's previous pull (C-16)
        self.instance = None
        self.running = None
        self.known = {}  # of the last good pull: key to number, or None where nothing was said
        self.pulled = False
        self.zero = None
        self.bad = self.rest = 0

    def fetch(self):
        """Call, and take samples off: each is copied the moment it comes (C-13)."""
        if "factory" in self.mapping and self.instance is None:
            self.instance = self.mapping["factory"](dict(self.environ))  # C-02
        zero = self.mapping.get("start")
        if callable(zero):
            zero = zero()
        result = (self.instance or self.mapping["sample"])()
        if "loop" in self.mapping or inspect.isawaitable(result) or hasattr(result, "__aiter__"):
            return self.on_its_loop(result), zero
        return [frozen(item) for item in result], zero

    def on_its_loop(self, result):
        """Wait for a loop that is not ours, and cancel at the deadline (C-07)."""
        if "loop" not in self.mapping:
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("asynchronous, without a loop")

        async def gather():
            found = result
            if inspect.isawaitable(found):
                found = await found
            if hasattr(found, "__aiter__"):
                return [frozen(item) async for item in found]
            return [frozen(item) for item in found]

        task = asyncio.run_coroutine_threadsafe(gather(), self.mapping["loop"]())
        try:
            return task.result(self.environ["deadline"] * 0.9)
        except BaseException:
            task.cancel()
            raise

    def close(self):
        busy = self.running is not None and self.running.is_alive()
        if self.instance is not None and not busy and hasattr(self.instance, "close"):  # C-04
            ending = threading.Thread(target=self.instance.close, daemon=True)
            ending.start()
            ending.join(self.environ["deadline"])
        self.instance = None


def frozen(item):
    """Copy what the author may change later; anything odd is judged afterwards."""
    if not isinstance(item, tuple):
        return None
    copied = []
    for part in item[:3]:  # C-11
        if hasattr(part, "keys"):
            try:
                part = {k: dict(v) if hasattr(v, "keys") else v for k, v in dict(part).items()}
            except Exception:
                return None
        copied.append(part)
    return tuple(copied)


def plain(value):
    """Return a number, or None for nothing to report (S-19)."""
    if value is None:
        return None
    if hasattr(type(value), "__index__"):
        whole = value.__index__()
        if not -(2**63) <= whole < 2**63:
            raise Refused("range")
        return int(whole)
    if not hasattr(type(value), "__float__"):
        raise Refused("type")
    real = float(value)
    if math.isinf(real):
        raise Refused("infinite")
    return None if math.isnan(real) else real


def distribution(value):
    """Return ``(count, sum, buckets)`` (S-21)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not hasattr(value, "keys"):
        raise Refused("type")
    count = plain(value.get("count"))
    total = plain(value.get("sum"))
    buckets = sorted((float(u), plain(n)) for u, n in (value.get("buckets") or {}).items())
    below = 0
    for upper, n in buckets:
        if not math.isfinite(upper) or not isinstance(n, int) or n < below:
            raise Refused("histogram")
        below = n
    if not isinstance(count, int) or below > count:
        raise Refused("histogram")
    return count, total, tuple(buckets)


def up_to(histogram, bound):
    """Return the count up to a bound; None where its neighbours differ (C-20)."""
    count, _, buckets = histogram
    left = max((n for u, n in buckets if u <= bound), default=0)
    right = min((n for u, n in buckets if u >= bound), default=count)
    exact = dict(buckets).get(bound)
    return exact if exact is not None else left if left == right else None


def grown(new, old):
    """Return what came since, or None after a restart (C-17)."""
    if not isinstance(new, tuple):
        return new - old if new >= old else None
    steps = []
    for bound in sorted({u for u, _ in (*new[2], *old[2])}):
        now, then = up_to(new, bound), up_to(old, bound)
        if now is not None and then is not None:
            steps.append((bound, now - then))
    counts = [0, *(n for _, n in steps), new[0] - old[0]]
    if counts != sorted(counts):
        return None
    total = None if new[1] is None or old[1] is None else new[1] - old[1]
    return new[0] - old[0], total, tuple(steps)


class Consumer:
    """Pulls the samplers of a list, as they are in it at the time.

    Attributes:
        refused: ``(sampler, reason)`` to number of samples.
    """

    def __init__(self, samplers, deadline):
        self.samplers, self.deadline = samplers, deadline
        self.environ = {"api": 1, "consumer": "one", "interval": None, "deadline": deadline}
        self.sources, self.refused = {}, Counter()
        self.began = time.time()
        self.first = True
        self.pull()  # C-01
        self.first = False

    def pull(self):
        self.follow()
        values, increments, failed = {}, {}, set()
        for source in list(self.sources.values()):
            name = source.mapping["name"]
            call = self.ask(source)
            if call is None:
                failed.add(name)
                continue
            seen = self.judge(source, call.rows)
            for key, value in seen.items():
                if value is not None:
                    values[key] = value
                    if self.kind(source, key) != "gauge":
                        added = self.added(source, key, value, call.start_value)
                        if added is not None:
                            increments[key] = added
            # A refused or silent series goes on with what it was (C-15).
            source.known = {k: source.known.get(k) if v is None else v for k, v in seen.items()}
            source.zero, source.pulled = call.start_value, True
        return values, increments, failed

    def follow(self):
        live = {id(each): each for each in self.samplers}
        for gone in self.sources.keys() - live.keys():
            self.sources.pop(gone).close()
        for key, mapping in live.items():
            if key not in self.sources:
                self.sources[key] = Source(mapping, self.environ, newcomer=not self.first)

    def ask(self, source):
        if source.running is not None and source.running.is_alive():  # C-03
            return None
        if source.rest:  # C-09
            source.rest -= 1
            return None
        source.running = call = Call(source)
        call.start()
        call.join(self.deadline)
        if call.is_alive() or not call.succeeded:
            source.bad += 1
            source.rest = min(2 ** (source.bad // 2) - 1, 15)
            return None
        source.bad = 0
        return call

    def kind(self, source, key):
        metric = key[0].removeprefix(source.mapping["name"] + ".")
        kind = source.mapping.get("metrics", {}).get(metric, {}).get("kind")
        return kind if kind in KINDS else "gauge"

    def judge(self, source, rows):
        seen = {}
        for row in rows:
            key = None
            try:
                key = self.series(source, row)
                if key in seen:
                    raise Refused("twice")
                seen[key] = None
                kind = self.kind(source, key)
                value = distribution(row[1]) if kind == "histogram" else plain(row[1])
                if kind == "counter" and value is not None and value < 0:
                    raise Refused("negative")
                seen[key] = value
            except Exception as error:
                self.refused[source.mapping["name"], str(error)] += 1
        return seen

    def series(self, source, row):
        if row is None or len(row) < 2 or not isinstance(row[0], str):
            raise Refused("shape")
        full = source.mapping["name"] + "." + row[0]
        if not NAME.fullmatch(row[0]) or len(full) > 150:
            raise Refused("name")
        constant = dict(source.mapping.get("labels") or {})
        own = row[2] if len(row) > 2 and row[2] is not None else {}
        for label, text in own.items():
            if not isinstance(label, str) or not NAME.fullmatch(label) or label in constant:
                raise Refused("label name")
            if not isinstance(text, (str, int)) or len(str(text)) > 1024:
                raise Refused("label value")
            str(text).encode()
        pairs = {
            k: str(int(v) if isinstance(v, int) else v) for k, v in {**constant, **own}.items()
        }
        return full, tuple(sorted((k, v) for k, v in pairs.items() if v))

    def added(self, source, key, value, zero):
        old = source.known.get(key)
        if old is not None:
            restarted = zero is not None and source.zero is not None and zero != source.zero
            more = None if restarted else grown(value, old)
            return value if more is None else more
        absent_before = key not in source.known and (source.pulled or source.newcomer)
        if absent_before or (zero is not None and zero >= self.began):
            return value
        return None  # a baseline (C-16)

    def close(self):
        for source in self.sources.values():
            source.close()
        self.sources = {}
