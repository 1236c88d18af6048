"""A cache, with an exponential histogram of the sizes of what is put into it."""

from __future__ import annotations

import math
from collections import Counter

SCALE = 1


class Cache:
    def __init__(self):
        self.items = {}
        self.lookups = Counter()
        self.sizes, self.bytes = Counter(), 0

    def put(self, key, data):
        self.items[key] = data
        self.sizes[math.ceil(math.log2(len(data)) * 2**SCALE)] += 1
        self.bytes += len(data)

    def get(self, key):
        self.lookups["hit" if key in self.items else "miss"] += 1
        return self.items.get(key)


CACHE = Cache()


def edge(index):
    return 2.0 ** (index / 2**SCALE)


def sample():
    sizes, total = dict(CACHE.sizes), CACHE.bytes
    buckets, below = {}, 0
    for index in sorted(sizes):
        buckets.setdefault(edge(index - 1), below)
        below += sizes[index]
        buckets[edge(index)] = below
    return [
        *(("lookups", n, {"result": result}) for result, n in dict(CACHE.lookups).items()),
        ("entries", len(CACHE.items)),
        ("entry.size", {"count": below, "sum": total, "buckets": buckets, "scale": SCALE}),
    ]


SHARED = {
    "name": "pagecache",
    "sample": sample,
    "metrics": {
        "lookups": {
            "kind": "counter",
            "unit": "{lookup}",
            "help": "Lookups by result.",
            "labels": ["result"],
        },
        "entries": {"unit": "{entry}", "help": "What is in it."},
        "entry.size": {"kind": "histogram", "unit": "By", "help": "Sizes put."},
    },
}


class HitRatio:
    """The part of lookups since the last call that hit."""

    def __init__(self, environ):
        self.before = Counter(CACHE.lookups)

    def __call__(self):
        now = Counter(CACHE.lookups)
        new, self.before = now - self.before, now
        if new:
            yield "ratio", new["hit"] / sum(new.values())

    def close(self):
        self.before = None


WINDOWED = {
    "name": "pagecache.hits",
    "factory": HitRatio,
    "metrics": {"ratio": {"unit": "1", "help": "Hits among the lookups since the last pull."}},
}


def work():
    """Put and look up."""
    for n in range(1, 30):
        CACHE.put(n % 13, b"x" * n * n)
        CACHE.get(n % 17)
