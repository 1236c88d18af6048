"""A hundred thousand entries with hostile names, labels and values, the same in every run."""

from __future__ import annotations

import math
import random
import struct

from sampler.agent import HistogramValue, Series

CODES = (*range(0x21), 0x7F, 0x85, 0xA0, 0xAD, 0xFEFF, 0x2028, 0x202E, 0xFFFF)
PIECES = [
    *map(chr, CODES),
    *";:|#@=~!^*?()[]{}<>&%$\"'`\\/,.+-_",
    *(
        "\u00fc",
        "\u65e5\u672c",
        "\U0001f600",
        "e\u0301",
        "|c",
        "|g|@0.1",
        " 1 17",
        "\r\n",
        "\n# EOF\n",
    ),
    *("..", "NaN", "+Inf", "a", "b7", "-" + "a7" * 13, "le", "__name__", "%s", "{}", "\\n"),
    "x" * 200,
]
WORDS = ["a", "b", "total", "sum", "count", "bucket", "info", "created", "le", "name", "p50", "x1"]
LABELS = ["le", "quantile", "name", "job", "instance", "state", "a.b", "host", "k" * 150]
UNITS = ["", "s", "By", "1", "{request}", "By/s", "parsec"]


def corpus(size=100_000, seed=20121117):
    """Return ``size`` distinct (series, value) pairs of 400 metrics, as a registry admits them."""
    chance = random.Random(seed)
    metrics = [_metric(chance, number) for number in range(400)]
    seen, entries = set(), []
    while len(entries) < size:
        name, kind, unit, text = chance.choice(metrics)
        labels = {
            key: _text(chance) for key in chance.sample(LABELS, chance.choice([0, 1, 1, 1, 2, 3]))
        }
        labels = dict(sorted(labels.items()))
        if (name, *labels.items()) in seen:
            continue
        seen.add((name, *labels.items()))
        entries.append((Series(name, labels, kind, unit, text), _value(chance, kind)))
    return entries


def _metric(chance, number):
    kind = chance.choice(["gauge", "gauge", "counter", "counter", "histogram"])
    return f"c{number}.{_words(chance)}", kind, chance.choice(UNITS), _text(chance)


def _words(chance):
    return "_".join(chance.sample(WORDS, chance.randint(1, 3))) + chance.choice(["", ".y", ".z_q"])


def _text(chance):
    return "".join(chance.choices(PIECES, k=chance.choice([1, 1, 2, 3, 8])))[:1024]


def _value(chance, kind):
    if kind == "histogram":
        counts = sorted(chance.randrange(2**40) for _ in range(3))
        uppers = sorted(chance.uniform(-5, 5) for _ in range(3))
        return HistogramValue(
            counts[-1] + chance.randrange(9),
            _float(chance),
            tuple(zip(uppers, counts, strict=True)),
        )
    value = _float(chance) if chance.random() < 0.5 else chance.randrange(-(2**63), 2**63)
    return abs(value) % 2**63 if kind == "counter" else value


def _float(chance):
    while True:
        (value,) = struct.unpack("d", chance.randbytes(8))
        if math.isfinite(value):
            return value
