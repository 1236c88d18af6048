"""Samplers of any content: names, kinds, units, labels and values as the contract allows them."""

from __future__ import annotations

from hypothesis import strategies as st

from sampler.adapterkit.prometheus_names import PER, UNITS
from tests.adapters.shapes import dotted, texts

NAMES = st.one_of(
    dotted,
    st.sampled_from(
        [
            "total",
            "hits.total",
            "queue_count",
            "wait_seconds",
            "used_ratio",
            "x_bucket",
            "x_sum",
            "x_info",
            "x_created",
            "io.bytes.total",
        ]
    ),
)
"""Behind a beginning that is a metric's own: what two names have in common is tested elsewhere."""
UNITS_ = st.one_of(
    st.sampled_from(["", "1", "{connection}", "By/s", "{request}/s", "1/min", "parsec", "m/fn"]),
    st.sampled_from([*UNITS, *(f"By/{time}" for time in PER)]),
)
LABELS = st.dictionaries(
    st.one_of(
        dotted, st.sampled_from(["le", "name", "job", "quantile", "instance", "a.b", "a_b"])
    ),
    texts,
    max_size=3,
).filter(lambda pairs: len({name.replace(".", "_") for name in pairs}) == len(pairs))
WHOLE = st.one_of(st.integers(0, 2**53), st.sampled_from([2**53 + 1, 2**62 + 1, 2**62, 2**63 - 1]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
START = 1_700_000_000.25
"""When all totals were 0."""
COUNTS = st.integers(0, 2**30)


@st.composite
def explicit(draw):
    """A histogram with bounds of its own."""
    bounds = sorted(draw(st.sets(FLOATS.map(lambda bound: bound + 0.0), max_size=4)))
    counts = sorted(draw(st.lists(COUNTS, min_size=len(bounds), max_size=len(bounds))))
    least = counts[-1] if counts else 0
    count = draw(st.one_of(st.integers(least, least + 9), st.just(2**53 + 1)))
    return {
        "count": count,
        "sum": draw(st.none() | FLOATS | WHOLE) if count else 0,
        "buckets": dict(zip(bounds, counts, strict=True)),
    }


@st.composite
def exponential(draw):
    """A histogram that follows a scale; zeros up to a threshold, or none."""
    scale = draw(st.integers(-6, 9))
    filled = draw(st.dictionaries(st.integers(-60, 60), st.integers(1, 99), max_size=5))
    threshold = draw(st.sampled_from([None, 0.0, 2.0**-1000]))
    buckets, below = {}, 0
    if threshold is not None:
        below = buckets[threshold] = draw(st.integers(0, 9))
    reach = 2.0 ** min(0, scale)  # floats end at 2 ** 1024
    for index in sorted({int(index * reach) for index in filled}):
        buckets.setdefault(2.0 ** ((index - 1) / 2.0**scale), below)
        below += draw(st.integers(1, 99))
        buckets[2.0 ** (index / 2.0**scale)] = below
    total = draw(st.none() | st.floats(0, 1e9)) if below else 0
    value = {"count": below, "sum": total, "buckets": buckets}
    value["scale"] = scale
    return value if threshold is None else {**value, "zero_threshold": threshold}


VALUES = {
    "counter": st.one_of(WHOLE, st.floats(0, allow_nan=False, allow_infinity=False)),
    "gauge": st.one_of(WHOLE, WHOLE.map(int.__neg__), FLOATS),
    "histogram": st.one_of(explicit(), exponential()),
}


@st.composite
def samplers(draw, units=UNITS_, labels=LABELS, values=VALUES, names=NAMES):
    """A sampler of at most four metrics with at most three series each."""
    samples, metrics = [], {}
    for place in range(draw(st.integers(1, 4))):
        name = f"m{place}.{draw(names)}"
        kind = draw(st.sampled_from(sorted(values)))
        metrics[name] = {"kind": kind, "unit": draw(units), "help": draw(st.just("") | texts)}
        every = draw(st.lists(labels, min_size=1, max_size=3, unique_by=repr_of))
        samples += [(name, draw(values[kind]), own) for own in every]
    return {"name": "there", "sample": lambda: samples, "metrics": metrics, "start": START}


def repr_of(labels):
    """Return what tells labels apart, in any order."""
    return repr(sorted(labels.items()))


ONE_OF_EACH = {
    "name": "there",
    "start": START,
    "metrics": {
        "hits": {"kind": "counter", "unit": "{hit}", "help": "Hits."},
        "large": {"kind": "gauge", "unit": "By", "help": "A large number."},
        "wait": {"kind": "histogram", "unit": "s", "help": "Waiting."},
        "change": {"kind": "histogram", "unit": "s"},
        "unknown": {"kind": "histogram"},
        "beats": {"kind": "histogram"},
        "zeros": {"kind": "histogram"},
        "nothing": {"kind": "counter"},
    },
    "sample": lambda: [
        ("hits", 3, {"le": "a b"}),
        ("large", 2**53 + 1),
        ("nothing", 0),
        ("wait", {"count": 9, "sum": 0.5, "buckets": {2**0.5: 0, 2.0: 9}, "scale": 1}),
        ("beats", {"count": 2, "sum": 2**53 + 1, "buckets": {}}),
        ("change", {"count": 2, "sum": -1.0, "buckets": {-1.0: 1, 0.5: 2}}),
        ("unknown", {"count": 2, "buckets": {0.5: 2}}),
        ("zeros", {"count": 2, "sum": 0.5, "buckets": {1.0: 2}, "scale": 0, "zero_threshold": 1}),
    ],
}
"""Each loss that an adapter of this suite may have."""
