"""Snapshots made by hand, and hypothesis' ways of making hostile ones."""

from __future__ import annotations

from hypothesis import strategies as st

from sampler.agent import ABSENT, Block, HistogramValue, Series, Snapshot

IDENTITY = {"service": "shop", "host": "web.example", "instance": "0", "pid": "7", "role": "x"}
PREFIX = "shop.web_example.0"
NOW = 1_700_000_000.75


def snapshot(*entries, sampler="pool", time=NOW, identity=IDENTITY):
    """Return a snapshot of one block from (series, value) pairs."""
    return snapshot_of(block(*entries, sampler=sampler, time=time), identity=identity)


def snapshot_of(*blocks, identity=IDENTITY):
    """Return a snapshot of blocks."""
    return Snapshot(blocks, NOW, NOW, identity)


def block(*entries, sampler="pool", time=NOW):
    """Return a block from (series, value) pairs."""
    return Block(sampler, tuple(s for s, _ in entries), [v for _, v in entries], time)


def gauge(metric="pool.size", /, unit="", text="", **labels):
    return Series(metric, dict(sorted(labels.items())), "gauge", unit, text)


def counter(metric="pool.checkouts", /, unit="", text="", **labels):
    return Series(metric, dict(sorted(labels.items())), "counter", unit, text)


def histogram(metric="pool.wait", /, unit="", text="", **labels):
    return Series(metric, dict(sorted(labels.items())), "histogram", unit, text)


words = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,4}){0,2}", fullmatch=True)
dotted = st.lists(words, min_size=1, max_size=3).map(".".join)
names = st.tuples(words, dotted).map(".".join)
texts = st.one_of(
    st.sampled_from(
        [
            "a b",
            "a\nb",
            "x;y=z",
            "a:1|c",
            "#tag",
            "@0.1",
            "~home",
            "nul\0",
            "\r\n",
            '"',
            "\\",
            "\\n",
            "a.b",
            "a/b",
            "..",
            "ü",
            "\u2028",
            "\x85",
            "x-" + "a7" * 13,
            "%41",
            "{}",
            "é" * 400,
            "v" * 1024,
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)
labels = st.dictionaries(
    st.one_of(dotted, st.sampled_from(["le", "name", "job", "quantile", "instance"])),
    texts,
    max_size=3,
).map(lambda pairs: dict(sorted(pairs.items())))
floats = st.floats(allow_nan=False, allow_infinity=False)
gauge_values = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    floats,
    st.sampled_from([0, -0.0, 1e-320, 1e308, -5, 2**63 - 1]),
)
counter_values = st.one_of(
    st.integers(0, 2**63 - 1), st.floats(min_value=0, allow_nan=False, allow_infinity=False)
)


@st.composite
def histograms(draw):
    """A histogram as it passes the intake."""
    uppers = sorted(draw(st.sets(floats.map(lambda f: f + 0.0), max_size=4)))
    counts = sorted(
        draw(st.lists(st.integers(0, 2**62), min_size=len(uppers), max_size=len(uppers)))
    )
    count = draw(st.integers(counts[-1] if counts else 0, 2**63 - 1))
    return HistogramValue(count, draw(st.none() | floats), tuple(zip(uppers, counts, strict=True)))


VALUES = {"gauge": gauge_values, "counter": counter_values, "histogram": histograms()}
units = st.sampled_from(["", "s", "By", "1", "{connection}", "By/s", "parsec", "{x}/s"])


@st.composite
def snapshots(draw):
    """Blocks of any kinds of series with any labels; some series absent, none twice."""
    seen = set()
    blocks = []
    for number in range(draw(st.integers(0, 3))):
        entries = []
        for name, pairs in draw(st.lists(st.tuples(names, labels), max_size=6)):
            if (name, *pairs.items()) in seen:
                continue
            seen.add((name, *pairs.items()))
            kind = draw(st.sampled_from(sorted(VALUES)))
            series = Series(name, pairs, kind, draw(units), draw(st.just("") | texts))
            value = ABSENT if draw(st.integers(0, 9)) == 0 else draw(VALUES[kind])
            entries.append((series, value))
        blocks.append(block(*entries, sampler=f"s{number}", time=NOW + number))
    return snapshot_of(*blocks)
