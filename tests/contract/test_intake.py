"""Samples in, entries out: what is refused, what is kept, and what the rest does not notice."""

from __future__ import annotations

import gc
import math
import weakref
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import ABSENT, Collector, Histogram, Registry, Series
from tests.contract.build import mapping, reasons, values
from tests.support.waiting import wait_for

BIG = 2**63


class Lab:
    """A sampler whose next samples the test sets, beside one whose numbers must stay right.

    Attributes:
        next: what the sampler under test does at the next pull: an iterable, or a callable.
    """

    def __init__(self, metrics: Any = None, **options: Any) -> None:
        self.next: Any = ()
        self.registry = Registry()
        self.pulls = 0
        metrics = {"c": {"kind": "counter"}, "h": {"kind": "histogram"}, **(metrics or {})}
        self.registry.register({"name": "lab", "sample": self._sample, "metrics": metrics})
        self.registry.register({"name": "other", "sample": self._other})
        self.consumer = Collector(self.registry, deadline=20.0, **options)

    def _sample(self) -> Any:
        return self.next() if callable(self.next) else iter(self.next)

    def _other(self) -> Any:
        self.pulls += 1
        yield "pulls", self.pulls
        yield "minus", -self.pulls

    def pull(self, *samples: Any) -> dict[str, Any]:
        """Pull; return the entries of the sampler under test by the series as text."""
        if samples:
            self.next = samples
        self.snapshot = self.consumer.collect()
        assert "other" not in reasons(self.snapshot)
        found = values(self.snapshot)
        assert found.pop("other.pulls") == self.pulls
        assert found.pop("other.minus") == -self.pulls
        return found

    @property
    def block(self) -> Any:
        """The block of the sampler under test in the last snapshot."""
        (block,) = (each for each in self.snapshot.blocks if each.sampler == "lab")
        return block

    @property
    def account(self) -> Any:
        """What became of the samples so far."""
        return self.consumer.statistics()[0]

    def refused(self, *samples: Any) -> str:
        """Pull one bad sample among good ones; return why it was refused."""
        before = dict(self.account.refused) if self.consumer.statistics() else {}
        found = self.pull(("first", 1), *samples, ("last", 2))
        assert found.items() >= {"lab.first": 1, "lab.last": 2}.items()
        assert len(found) == 2
        ((reason, count),) = (Counter(self.account.refused) - Counter(before)).items()
        assert count == len(samples)
        return str(reason)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.consumer.close()


@pytest.fixture
def lab() -> Any:
    with Lab() as lab:
        yield lab


# ------------------------------------------------------------------------------ what is taken


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Float(float):
    """As numpy's."""


@pytest.mark.parametrize(
    ("given_", "taken"),
    [
        (0, 0),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        (-1e308, -1e308),
        (True, 1),
        (False, 0),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 4), 0.25),
        (Index(7), 7),
        (Float(2.5), 2.5),
    ],
)
def test_what_converts_becomes_a_plain_number(lab: Lab, given_: Any, taken: Any) -> None:
    """Values are plain ints and floats, at the first pull and at the next."""
    for _ in range(2):
        (value,) = lab.pull(("g", given_)).values()
        assert value == taken
        assert type(value) in {int, float}
        assert type(value) is type(taken)


@pytest.mark.parametrize("nothing", [None, float("nan"), Decimal("nan")])
@pytest.mark.parametrize("metric", ["g", "c"])
def test_none_and_nan_are_nothing_to_report(lab: Lab, metric: str, nothing: Any) -> None:
    """They are neither yielded nor refused, and keep the place of a series that was there."""
    assert lab.pull((metric, nothing)) == {}
    assert lab.pull((metric, 5)) == {f"lab.{metric}": 5}
    block = lab.block
    assert lab.pull((metric, nothing)) == {}
    assert lab.block.series is block.series
    assert lab.block.values == [ABSENT]
    assert (lab.account.yielded, lab.account.collected, lab.account.refused) == (1, 1, {})


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_histogram_may_have_nothing_to_report(lab: Lab, nothing: Any) -> None:
    """None and NaN mean the same for every kind."""
    assert lab.pull(("h", nothing)) == {}
    assert lab.account.refused == {}


class Row(NamedTuple):
    name: str
    value: float
    labels: dict[str, str]


def test_items_past_the_third_are_ignored(lab: Lab) -> None:
    """A later version's sample may be longer; a named tuple is a tuple."""
    assert lab.pull(("a", 1, None, "x", "y"), Row("b", 2, {"k": "v"})) == {
        "lab.a": 1,
        'lab.b{k="v"}': 2,
    }


def test_label_values_are_text_and_empty_ones_absent(lab: Lab) -> None:
    """Ints become text, an empty value means there is no such label."""
    found = lab.pull(
        ("a", 1, {"port": 80, "zone": ""}), ("a", 2, {}), ("b", 3, {"up": True, "n": -1})
    )
    assert found == {'lab.a{port="80"}': 1, "lab.a": 2, 'lab.b{n="-1",up="1"}': 3}


ODD = ["a\nb", "a b", "a;b", "a:b", "a|b", "#", "a\0b", '"', "\\", "ü", "=", "/", "x" * 1024]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_is_a_label_value_as_it_stands(lab: Lab, text: str) -> None:
    """The core carries any text; what a backend cannot say is its adapter's affair."""
    for _ in range(2):
        lab.pull(("a", 1, {"k": text}))
        assert lab.block.series[0].labels == {"k": text}
        assert len(lab.block) == 1


# ---------------------------------------------------------------------------- what is refused


class Evil:
    """Raises from everything Python may ask of it."""

    def _raise(self, *_: Any) -> Any:
        raise ZeroDivisionError

    __eq__ = __hash__ = __float__ = __index__ = __repr__ = __str__ = __iter__ = __len__ = _raise
    __bool__ = __getattr__ = __lt__ = __getitem__ = _raise  # type: ignore[assignment]


EVIL = pytest.param(Evil(), id="evil")


class BadIndex:
    def __index__(self) -> Any:
        return "5"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5", "type"),
        (b"5", "type"),
        (1j, "type"),
        ([], "type"),
        ({}, "type"),
        (object(), "type"),
        (int, "type"),
        (BadIndex(), "type"),
        pytest.param(Evil(), "type", id="evil"),
        (10**400, "out_of_range"),
        (BIG, "out_of_range"),
        (-BIG - 1, "out_of_range"),
        (Index(BIG), "out_of_range"),
        (math.inf, "not_finite"),
        (-math.inf, "not_finite"),
        (Decimal("inf"), "not_finite"),
        (Decimal("1e400"), "not_finite"),
        (Decimal("sNaN"), "type"),
        (Fraction(10**400), "type"),
    ],
)
@pytest.mark.parametrize("metric", ["g", "c"])
def test_a_bad_value_costs_itself_only(lab: Lab, metric: str, value: Any, reason: str) -> None:
    """It is counted by reason; the samples before and behind it stand."""
    assert lab.refused((metric, value)) == reason


def test_a_counter_cannot_be_negative(lab: Lab) -> None:
    """Negative numbers are for gauges."""
    assert lab.refused(("c", -1)) == "negative"
    assert lab.refused(("c", -0.5)) == "negative"


def test_a_refused_value_keeps_the_place_of_its_series(lab: Lab) -> None:
    """A series whose value is bad today is the same series tomorrow."""
    lab.pull(("c", 5), ("g", 1))
    series = lab.block.series
    assert lab.pull(("c", "five"), ("g", 1)) == {"lab.g": 1}
    assert lab.block.series is series
    assert lab.pull(("c", 7), ("g", 1)) == {"lab.c": 7, "lab.g": 1}
    assert lab.block.series is series


@pytest.mark.parametrize(
    "item",
    [None, 3, "ab", b"ab", [], ["a", 1], {"a": 1}, (), ("a",), {"a", "b"}, EVIL],
)
def test_what_is_no_pair_is_refused_by_shape(lab: Lab, item: Any) -> None:
    """A sample is a tuple of two or more; a list, a text or a dict is none."""
    assert lab.refused(item) == "shape"


@pytest.mark.parametrize(
    "name", ["", "A", "a__b", "a.", "a-b", "a\nb", "a" * 147, "ä", "\ud800", "a" * 10**6]
)
def test_a_bad_name_is_refused(lab: Lab, name: str) -> None:
    """One grammar; the full name has at most 150 characters."""
    assert lab.refused((name, 1)) == "name"


@pytest.mark.parametrize("name", [None, 3, b"a", ("a",)])
def test_a_name_that_is_no_text_is_refused(lab: Lab, name: Any) -> None:
    """Not even one that compares equal to something."""
    assert lab.refused((name, 1)) == "name"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (3, "labels"),
        ("ab", "labels"),
        ([("a", "b")], "labels"),
        ({"A": "x"}, "label_name"),
        ({"a__b": "x"}, "label_name"),
        ({"": "x"}, "label_name"),
        ({3: "x"}, "label_name"),
        ({None: "x"}, "label_name"),
        ({"overflow": "true"}, "label_name"),
        ({"a": None}, "label_value"),
        ({"a": 1.5}, "label_value"),
        ({"a": b"x"}, "label_value"),
        ({"a": 10**400}, "label_value"),
        ({"a": "\ud800"}, "label_value"),
        ({"a": "x" * 2**20}, "label_value"),
        ({"a": object()}, "label_value"),
        ({"a": Evil()}, "label_value"),
    ],
)
def test_bad_labels_are_refused(lab: Lab, labels: Any, reason: str) -> None:
    """Names by the grammar, values text or ints, at most 1024 characters."""
    assert lab.refused(("a", 1, labels)) == reason


def test_a_sample_may_not_repeat_a_constant_label() -> None:
    """A constant label stands; the sample that would change it is refused."""
    registry = Registry()
    registry.register(
        mapping("a", ("b", 1, {"db": "x"}), ("b", 2, {"t": "x"}), labels={"db": "y"})
    )
    with Collector(registry, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {'a.b{db="y",t="x"}': 2}
        assert consumer.statistics()[0].refused == {"label_name": 1}


@pytest.mark.parametrize("warm", [False, True])
def test_a_series_occurs_once_per_pull(lab: Lab, warm: bool) -> None:
    """The first stands, others are refused; also when only an empty label differs."""
    if warm:
        lab.pull(("a", 0, {"k": "v"}))
    found = lab.pull(("a", 1, {"k": "v"}), ("a", 2, {"k": "v"}), ("a", 3, {"k": "v", "zone": ""}))
    assert found == {'lab.a{k="v"}': 1}
    assert lab.account.refused == {"duplicate": 2}


histograms: Any = pytest.mark.parametrize(
    "value",
    [
        {},
        {"count": 1.5, "sum": 1},
        {"count": -1, "sum": 1},
        {"count": "1", "sum": 1},
        {"count": 10**400, "sum": 1},
        {"count": 1, "sum": math.inf},
        {"count": 1, "sum": "1"},
        {"count": 1, "sum": 1, "buckets": [1]},
        {"count": 1, "sum": 1, "buckets": {1: 2}},
        {"count": 3, "sum": 1, "buckets": {1: 2, 2: 1}},
        {"count": 3, "sum": 1, "buckets": {1: -1}},
        {"count": 3, "sum": 1, "buckets": {1: 1.5}},
        {"count": 3, "sum": 1, "buckets": {math.nan: 1}},
        {"count": 3, "sum": 1, "buckets": {-math.inf: 1}},
        {"count": 3, "sum": 1, "buckets": {math.inf: 2}},
        {"count": 3, "sum": 1, "buckets": {"1": 1}},
        {"count": 3, "sum": 1, "buckets": {10**400: 1}},
        {"count": 3, "sum": 1, "buckets": {Index(1): 1, 1.0: 1}},
        {"count": 3, "sum": 1, "buckets": Evil()},
        5,
        "x",
        EVIL,
    ],
)


@histograms
def test_a_torn_histogram_is_refused_alone(lab: Lab, value: Any) -> None:
    """Counts that fall, exceed ``count`` or are no ints never reach an adapter."""
    lab.refused(("h", value))


def test_a_histogram_becomes_a_plain_one(lab: Lab) -> None:
    """Bounds are floats in order, infinity is ``count``, unknown keys are ignored."""
    yielded = {
        "count": True + 3,
        "sum": Decimal("7.5"),
        "buckets": {5: 3, Fraction(1, 2): 1, math.inf: 4},
        "scale": 10**400,
        "zero_threshold": 0,
        "acme.x": Evil(),
    }
    found = lab.pull(("h", yielded))["lab.h"]
    assert found == Histogram(4, 7.5, ((0.5, 1), (5.0, 3)), None, 0.0)
    assert [type(upper) for upper, _ in found.buckets] == [float, float]


# ---------------------------------------------------------------------------- nothing foreign


class Text(str):
    """Text of an author's own class."""

    __slots__ = ("more",)


class Labels(dict[Any, Any]):
    """A dict that says something else each time it is asked."""

    def keys(self) -> Any:
        return ["forged"]

    def items(self) -> Any:
        return [("forged", "x")]

    def get(self, *_: Any) -> str:
        return "forged"


def plain(thing: Any) -> bool:
    """Whether an object is of a class that the core or Python owns."""
    if isinstance(thing, tuple | list):
        return type(thing) in {tuple, list} and all(map(plain, thing))
    if isinstance(thing, dict):
        return type(thing) is dict and all(plain(pair) for pair in thing.items())
    return type(thing) in {int, float, str, type(None), type(ABSENT), Histogram}


def test_nothing_that_was_yielded_is_kept_by_reference(lab: Lab) -> None:
    """Changing everything after the pull changes no snapshot, and classes do not get through."""
    labels: dict[Any, Any] = {Text("k"): Text("v"), "port": Index}
    labels["port"] = True
    buckets: dict[Any, Any] = {1: 1}
    histogram = {"count": 2, "sum": 3, "buckets": buckets}
    lab.pull((Text("c"), Float(4), labels), ("h", histogram), (Text("g"), True, Labels(a="b")))
    before = (list(lab.block.values), [(str(s), dict(s.labels)) for s in lab.block.series])
    labels["k"] = "changed"
    buckets[1] = buckets[2] = 7
    histogram["count"] = 7
    assert (list(lab.block.values), [(str(s), dict(s.labels)) for s in lab.block.series]) == before
    for series, value in lab.block:
        assert plain([series.name, series.labels, series.kind, series.help, value])
        assert plain(value.buckets) if isinstance(value, Histogram) else True


def test_objects_that_were_yielded_are_freed(lab: Lab) -> None:
    """No name, label or value of an author's class outlives the pull."""

    class Free(str):
        """Text that can be watched."""

        __slots__ = ("__weakref__",)

    watched: list[weakref.ref[Any]] = []

    def text(value: str) -> str:
        made = Free(value)
        watched.append(weakref.ref(made))
        return made

    def sample() -> Any:
        yield text("c"), 1, {text("k"): text("v")}
        yield text("g"), Float(1)

    lab.next = sample
    for _ in range(2):
        lab.pull()
    wait_for(lambda: gc.collect() >= 0 and not any(ref() for ref in watched), 5.0, "the texts")
    assert len(watched) == 8


def test_a_label_mapping_may_be_reused_between_yields(lab: Lab) -> None:
    """The author changes one dict before each yield; each sample has what it had then."""

    def sample() -> Any:
        labels = {}
        for number in range(5):
            labels["n"] = number
            yield "c", 10 * number, labels
            labels["n"] = "gone"

    lab.next = sample
    for _ in range(3):
        assert lab.pull() == {f'lab.c{{n="{n}"}}': 10 * n for n in range(5)}
    assert lab.account.refused == {}


def test_a_reused_mapping_may_also_be_a_new_one_each_time(lab: Lab) -> None:
    """Series are found by content: other dicts, other order of keys, other class."""
    lab.pull(("a", 1, {"x": "1", "y": "2"}))
    series = lab.block.series
    for labels in ({"y": "2", "x": "1"}, {"x": 1, "y": 2}, {"x": Text("1"), "y": "2", "z": ""}):
        lab.pull(("a", 2, labels))
        assert lab.block.series is series
        assert lab.block.values == [2]


def test_the_series_stay_the_same_tuple_while_their_set_does(lab: Lab) -> None:
    """Another order of samples is no change; values stand beside their series."""
    rows = [("a", n, {"n": str(n)}) for n in range(20)]
    lab.pull(*rows)
    series = lab.block.series
    for order in (rows[::-1], rows[7:] + rows[:7], rows):
        lab.pull(*order)
        assert lab.block.series is series
        assert lab.block.values == list(range(20))
    lab.pull(*rows[1:])
    assert lab.block.series == series[1:]
    assert lab.block.values == list(range(1, 20))


def test_a_snapshot_does_not_change_with_the_next_pull(lab: Lab) -> None:
    """What one pull gave stands."""
    lab.pull(("a", 1), ("b", 1))
    first = lab.block
    lab.pull(("a", 2), ("b", None))
    assert (first.values, lab.block.values) == ([1, 1], [2, ABSENT])


# -------------------------------------------------------------------------------- any rubbish

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.just(10**400)
    | st.builds(object)
    | st.builds(Evil)
)
good_values = st.integers(0, 2**62) | st.floats(0, 1e300)
counts = st.lists(st.integers(0, 9), max_size=4)
buckets_of = st.builds(
    lambda steps, rest: {
        "count": sum(steps) + rest,
        "sum": 1.0,
        "buckets": {float(i): sum(steps[: i + 1]) for i in range(len(steps))},
    },
    counts,
    st.integers(0, 5),
)
sample_names = st.sampled_from(["a", "b", "c", "h", "c.d"])
odd_names = st.sampled_from(["A", "", "a b", "x" * 200, None, 3, "a\n"]) | st.builds(Evil)
label_texts = st.sampled_from([*ODD, "", "v", "w", 5, True, "\ud800", None, 1.5, "y" * 2000])
labelled = st.dictionaries(
    st.sampled_from(["k", "l", "K", "overflow", 3]), label_texts, max_size=2
)
good_labels = st.none() | st.dictionaries(
    st.sampled_from(["k", "l"]), st.sampled_from(["", "v", "w", 5]), max_size=2
)
good = st.tuples(sample_names, good_values | buckets_of, good_labels)
odd = (
    st.tuples(sample_names | odd_names, scalars | good_values | buckets_of, labelled | scalars)
    | st.tuples(sample_names, scalars)
    | scalars
    | st.lists(scalars, max_size=2)
    | st.tuples(scalars)
)
items = st.lists(good | odd, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(items, min_size=1, max_size=4))
def test_no_rubbish_gets_out_of_a_pull(rounds: list[list[Any]]) -> None:
    """Whatever is yielded: no exception, the account adds up, values are plain and aligned."""
    with Lab() as lab:
        collected = 0
        for samples in rounds:
            lab.next = samples
            found = lab.pull()
            assert "lab" not in reasons(lab.snapshot)
            block, account = lab.block, lab.account
            collected += len(found)
            assert len(block.series) == len(block.values)
            assert len(set(map(str, block.series))) == len(block.series)
            assert account.collected == collected
            assert account.yielded == collected + sum(account.refused.values())
            for series, value in block:
                assert plain([series.name, series.labels])
                assert type(value) in {int, float, Histogram}
                assert (type(value) is Histogram) == (series.kind == "histogram")
                if type(value) is int:
                    assert -BIG <= value < BIG
                elif type(value) is float:
                    assert math.isfinite(value)
                assert series.kind == "gauge" or not isinstance(value, int | float) or value >= 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(good, st.lists(odd, max_size=3)), max_size=8))
def test_good_samples_stand_whatever_surrounds_them(mixed: list[Any]) -> None:
    """Without the rubbish a pull would have given the same, or more where rubbish was first."""
    clean = [item for item, _ in mixed]
    dirty = [each for item, junk in mixed for each in (item, *junk)]
    with Lab() as alone, Lab() as among:
        alone.next, among.next = clean, dirty
        for _ in range(2):
            expected, found = alone.pull(), among.pull()
            odd_series = set(found) - set(expected)
            wrong = {k for k in expected if not same(found.get(k), expected[k])}
            # a "rubbish" sample may by chance be a good one of the same series, and come first
            legal = {str(each[0]) for _, junk in mixed for each in junk if is_pair(each)}
            assert all(key.partition("{")[0][4:] in legal for key in odd_series | wrong)


def is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) > 1 and isinstance(item[0], str)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


class Boom(BaseException):
    """An exception that is no Exception."""


class Mute(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__


@pytest.mark.parametrize(
    "error",
    [
        ValueError,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        StopIteration,
        MemoryError,
        RecursionError,
        Boom,
        Mute,
        lambda: Exception("\ud800" * 3 + "x" * 10**6),
    ],
)
def test_a_sampler_that_raises_fails_as_a_whole(lab: Lab, error: Any) -> None:
    """Nothing of that pull counts; its series keep their places, and it is the same next time."""

    def sample() -> Any:
        yield "c", 3
        yield "g", 9
        raise error()

    lab.pull(("c", 1), ("g", 1))
    block = lab.block
    lab.next = sample
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {"lab": "raised"}
    assert len(lab.snapshot.failures[0].message) <= 300
    assert (lab.block.series, lab.block.values) == (block.series, [ABSENT, ABSENT])
    assert lab.block.series is block.series
    assert (lab.account.yielded, lab.account.failures) == (2, {"raised": 1})
    assert lab.pull(("c", 5), ("g", 1)) == {"lab.c": 5, "lab.g": 1}
    assert lab.block.series is block.series


def test_raising_at_the_call_is_raising(lab: Lab) -> None:
    """The callable itself may raise, before anything is iterated."""

    def sample() -> Any:
        raise SystemExit

    lab.next = sample
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {"lab": "raised"}


async def coroutine() -> None:
    """Never awaited."""


async def generator() -> Any:
    """Never iterated."""
    yield "a", 1


@pytest.mark.parametrize(
    "returned", [lambda: None, lambda: 3, lambda: "ab", lambda: {"ab": 1}, coroutine, generator]
)
def test_returning_something_else_than_samples_is_a_failure(lab: Lab, returned: Any) -> None:
    """Also a dict, whose two-letter keys would unpack, and anything to be awaited."""
    lab.next = returned
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {"lab": "raised"}


def test_a_sampler_that_yields_nothing_has_not_failed(lab: Lab) -> None:
    """It has nothing to say on this platform."""
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {}
    assert lab.block.series == ()


# ---------------------------------------------------------------------------------- baselines


def sample_of(key: str, value: Any) -> Any:
    labels = {"k": key[5]} if "{" in key else None
    if key == "h" and isinstance(value, int):
        value = {"count": value, "sum": value, "buckets": {1.0: value}}
    return key[0], value, labels


GONE = object()
yields = st.sampled_from([0, 1, 2, 3, 5, 8, None, "rubbish", GONE])
good_round = st.fixed_dictionaries(
    dict.fromkeys(("c", 'c{k="v"}', 'c{k="w"}', "g", "h"), yields)
).map(lambda rows: {key: value for key, value in rows.items() if value is not GONE})
start_change = st.sampled_from(["same"] * 9 + ["unknown", "old", "now"])
rounds_ = st.lists(
    st.tuples(
        st.one_of(good_round, good_round, good_round, st.none()), start_change, st.booleans()
    ),
    max_size=8,
)


class Model:
    """The rules of S: Baselines, in the plainest words."""

    def __init__(self, absent_at: float | None) -> None:
        self.present: dict[str, dict[str, Any]] | None = None
        self.time: float | None = None
        self.source: float | None = None
        self.absent_at = absent_at

    def pull(self, samples: dict[str, Any], source: float | None, time: float) -> None:
        """Take a good pull at `time`, whose source says it was zero at `source`."""
        now: dict[str, dict[str, Any]] = {}
        told = source is not None and self.source is not None and source != self.source
        for key, value in samples.items():
            value = value if isinstance(value, int) else None
            old = (self.present or {}).get(key)
            if old is None:
                if value is not None:
                    now[key] = {"value": value, "life": 0, "start": self.began(key, source)}
                continue
            fell = value is not None and old["value"] is not None and value < old["value"]
            if key != "g" and (told or (fell and not told)):
                start = self.began(key, source)
                now[key] = {"value": value, "life": old["life"] + 1, "start": start}
            else:
                kept = old["value"] if value is None else value
                now[key] = {**old, "value": kept}
            now[key]["shown"] = value is not None
        self.present, self.time, self.source = now, time, source

    def began(self, key: str, source: float | None) -> float | None:
        """Return when a cumulative value that is new now was zero."""
        if key == "g":
            return None
        if self.time is None:
            return self.absent_at if source is None else source
        return self.time if source is None else max(source, self.time)


@settings(max_examples=150, deadline=None)
@given(rounds=rounds_, late=st.booleans())
def test_series_live_and_start_as_the_contract_says(rounds: list[Any], late: bool) -> None:
    """Start, reset, absence after a good and after a failed pull, against a model."""
    registry, state = Registry(), {}

    def sample() -> Any:
        for key, value in state["samples"].items():
            yield sample_of(key, value)
        if state["fails"]:
            raise ValueError

    pool = {
        "name": "lab",
        "sample": sample,
        "start": lambda: state["start"],
        "metrics": {"c": {"kind": "counter"}, "h": {"kind": "histogram"}},
    }
    with Collector(registry, deadline=20.0) as consumer:
        registry.register(pool) if not late else None
        model = Model(None)
        if late:
            model.absent_at = consumer.collect().time
            registry.register(pool)
        previous: dict[str, Series] = {}
        lives: dict[str, tuple[Series, int]] = {}
        source: float | None = None
        tuple_before: Any = None
        for samples, change, reverse in rounds:
            source = {
                "same": source,
                "unknown": None,
                "old": consumer.start - 100,
                "now": consumer.start + 100 + len(lives),
            }[change]
            state["start"], state["fails"] = source, samples is None
            pairs = list((samples or {}).items())
            state["samples"] = dict(reversed(pairs) if reverse else pairs)
            snapshot = consumer.collect()
            for registration in registry:
                registration.health.answered()  # pauses after failures are another test's affair
            blocks = {block.sampler: block for block in snapshot.blocks}
            if samples is None:
                assert reasons(snapshot) == {"lab": "raised"}
                if "lab" in blocks:
                    assert blocks["lab"].series is tuple_before
                    assert set(blocks["lab"].values) <= {ABSENT}
                continue
            block = blocks["lab"]
            model.pull(state["samples"], source, block.time)
            assert model.present is not None
            found = {str(series)[4:]: series for series in block.series}
            assert set(found) == set(model.present)
            for (key, series), value in zip(found.items(), block.values, strict=True):
                expected = model.present[key]
                assert series.start == expected["start"], key
                before = previous.get(key)
                if before is not None:
                    same_life = lives[key] == (before, expected["life"])
                    assert (series is before) == same_life, key
                lives[key] = series, expected["life"]
                if not expected.get("shown", True):
                    assert value is ABSENT
                else:
                    number = value.count if isinstance(value, Histogram) else value
                    assert number == expected["value"]
            if set(found.values()) == set(previous.values()) and tuple_before:
                assert block.series is tuple_before
            previous, tuple_before = found, block.series


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("count"), st.sampled_from("abc"), st.integers(1, 9)),
            st.tuples(st.sampled_from(["pull", "fail", "restart", "evict"])),
        ),
        max_size=30,
    ),
    st.integers(0, 50),
)
def test_increments_are_what_happened(events: list[Any], before: int) -> None:
    """Differences and whole first values sum up to the events since the consumer began."""
    totals = Counter({"a": before} if before else {})
    state: dict[str, Any] = {"fails": False, "start": 1.0}
    true = Counter[str]()

    def sample() -> Any:
        if state["fails"]:
            raise ValueError
        for key, total in totals.items():
            yield "c", total, {"k": key}

    registry = Registry()
    registration = registry.register(
        {
            "name": "lab",
            "sample": sample,
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    seen: Counter[str] = Counter()
    last: dict[Series, Any] = {}
    with Collector(registry, deadline=20.0) as consumer:

        def pull() -> None:
            snapshot = consumer.collect()
            registration.health.answered()
            for series, value in snapshot:
                whole = series.start is not None and series.start >= snapshot.start
                since = last.get(series, 0 if whole else value)
                seen[series.labels["k"]] += value - since
            if not snapshot.failures:
                last.clear()
                last.update(snapshot)

        pull()
        for event, *rest in [*events, ("pull",)]:
            if event == "count":
                totals[rest[0]] += rest[1]
                true[rest[0]] += rest[1]
            elif event == "restart":
                pull()  # what is lost between the last read and a restart nobody can know
                totals.clear()
                state["start"] += consumer.start
            elif event == "evict":
                pull()
                totals.pop("a", None)
                pull()
            else:
                state["fails"] = event == "fail"
                pull()
                state["fails"] = False
    assert +seen == +true


def test_a_lower_value_is_a_reset_and_a_new_series(lab: Lab) -> None:
    """The new value counts whole: its start is the previous pull, not before the consumer's."""
    lab.pull(("c", 10), ("h", {"count": 4, "sum": 4, "buckets": {1: 2}}), ("g", 10))
    first = lab.block
    assert {series.start for series in first.series} == {None}
    lab.pull(("c", 3), ("h", {"count": 5, "sum": 4, "buckets": {1: 1}}), ("g", 3))
    counter, histogram, gauge = lab.block.series
    assert counter is not first.series[0]
    assert histogram is not first.series[1]
    assert gauge is first.series[2]
    assert counter.start == histogram.start == first.time
    assert first.time >= lab.snapshot.start


@pytest.mark.parametrize("nothing", [None, math.nan, "rubbish", "failure"])
def test_a_baseline_outlives_a_pull_that_has_no_value(lab: Lab, nothing: Any) -> None:
    """What is read next is compared with what was read last, however long ago."""

    def fail() -> Any:
        raise ValueError

    lab.pull(("c", 10))
    (series,) = lab.block.series
    for value, same_series in ((11, True), (3, False)):
        before = lab.block.time
        lab.next = fail if nothing == "failure" else [("c", nothing)]
        lab.pull()
        assert lab.block.values == [ABSENT]
        assert (lab.block.series == (series,)) is True
        assert lab.pull(("c", value)) == {"lab.c": value}
        assert (lab.block.series[0] is series) is same_series
        assert before <= lab.block.time
    assert lab.block.series[0].start is not None


def test_a_told_restart_without_a_value_begins_one_new_life(lab: Lab) -> None:
    """The first value after a changed start is not compared with one of the former life."""
    state: dict[str, Any] = {"start": 1.0}
    registry = Registry()
    registry.register(
        {
            "name": "told",
            "sample": lambda: [("c", state["value"])],
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    with Collector(registry, deadline=5.0) as consumer:
        lives = []
        for start, value in ((1.0, 10), (2.0, None), (2.0, 3)):
            state.update(start=start, value=value)
            lives.append(consumer.collect().blocks[0].series[0])
    assert lives[0] is not lives[1]
    assert lives[1] is lives[2]


def test_a_histogram_that_lost_observations_from_one_range_was_reset(lab: Lab) -> None:
    """No cumulative count fell, yet between the bounds there are fewer: it started over."""
    lab.pull(("h", {"count": 3, "sum": 4, "buckets": {1: 0, 2: 3}}))
    first = lab.block
    lab.pull(("h", {"count": 5, "sum": 4, "buckets": {1: 5, 2: 5}}))
    assert lab.block.series[0] is not first.series[0]
    assert lab.block.series[0].start == first.time


@pytest.mark.parametrize("rubbish", ["now", math.nan, math.inf, True, object(), EVIL])
def test_a_start_that_is_no_time_fails_the_pull(rubbish: Any) -> None:
    """It decides over every baseline, so it is not guessed."""
    registry = Registry()
    registry.register(mapping("a", ("b", 1), start=lambda: rubbish))
    with Collector(registry, deadline=5.0) as consumer:
        assert reasons(consumer.collect()) == {"a": "raised"}


def test_a_clock_that_is_set_back_costs_no_first_value(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A series first seen after the wall clock went back still counts whole."""
    import time

    lab.pull(("c", 10))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    lab.pull(("c", 11))
    lab.pull(("c", 12), ("c", 7, {"k": "v"}))
    _, late = lab.block.series
    assert late.start is not None
    assert late.start >= lab.snapshot.start


# ------------------------------------------------------------------------------------- limits


def test_an_endless_sampler_is_cut_and_closed() -> None:
    """10 000 samples are taken, one more is counted as refused, and its ``finally`` runs."""
    closed = []

    def sample() -> Any:
        number = 0
        try:
            while True:
                yield "g", number, {"n": number % 1999}
                number += 1
        finally:
            closed.append(number)

    with Lab() as lab:
        lab.next = sample
        lab.pull()
        account = lab.account
        assert account.yielded == 10_001
        assert account.refused == {"too_many_samples": 1, "duplicate": 10_000 - 1999}
        assert account.collected == 1999
    assert closed == [10_000]


def test_a_generator_that_resists_its_end_fails_that_pull_only() -> None:
    """What its ``finally`` raises is the sampler's failure, and nothing else's."""

    def sample() -> Any:
        try:
            while True:
                yield "g", 1
        finally:
            raise ZeroDivisionError

    with Lab(max_samples=10) as lab:
        lab.next = sample
        assert lab.pull() == {}
        assert reasons(lab.snapshot) == {"lab": "raised"}
        assert lab.pull(("g", 1)) == {"lab.g": 1}


def test_a_metric_has_two_thousand_series() -> None:
    """The surplus of counters and histograms is folded into one series, of gauges refused."""
    with Lab() as lab:

        def sample() -> Any:
            for n in range(2_500):
                yield "c", 1, {"n": n}
                yield "g", 1, {"n": n}
                yield "h", {"count": 2, "sum": 3, "buckets": {1: 1}}, {"n": n}

        lab.next = sample
        found = lab.pull()
        assert len(found) == 3 * 2_000 + 2
        assert found['lab.c{overflow="true"}'] == 500
        assert found['lab.h{overflow="true"}'] == Histogram(1000, 1500, ((1.0, 500),))
        assert lab.account.refused == {"overflow": 2 * 499, "too_many_series": 500}
        series = lab.block.series
        lab.pull()
        assert lab.block.series is series


def test_the_surplus_stays_in_the_surplus() -> None:
    """While a metric overflows no new series of it is admitted: none would count twice."""
    with Lab(max_series=2) as lab:
        rows = [("c", 10, {"n": str(n)}) for n in range(4)]
        lab.pull(*rows)
        assert lab.pull(*rows[1:]) == {'lab.c{n="1"}': 10, 'lab.c{overflow="true"}': 20}
        assert lab.pull(*rows[3:]) == {'lab.c{overflow="true"}': 20}
        assert lab.pull(rows[0]) == {'lab.c{overflow="true"}': 20}
        assert lab.pull(("g", 1)) == {"lab.g": 1}
        assert lab.pull(*rows[:2]) == {'lab.c{n="0"}': 10, 'lab.c{n="1"}': 10}


def test_a_series_of_the_surplus_occurs_once_too() -> None:
    """Twice the same series in one pull is refused in the surplus as well."""
    with Lab(max_series=1) as lab:
        found = lab.pull(("c", 1), ("c", 5, {"n": "1"}), ("c", 5, {"n": "1"}))
        assert found == {"lab.c": 1, 'lab.c{overflow="true"}': 5}
        assert lab.account.refused == {"duplicate": 1}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 9), st.integers(0, 9), max_size=8), st.booleans()
        ),
        max_size=10,
    ),
    st.booleans(),
)
def test_the_surplus_never_falls_and_adds_only_what_it_grew_by(
    rounds: list[Any], histogram: bool
) -> None:
    """Under churn the folded total is the first surplus and every growth of it since."""
    name, limit = ("h" if histogram else "c"), 2
    total = then = None
    admitted: list[int] = []
    with Lab(max_series=limit) as lab:
        for rows, _ in rounds:
            lab.next = [
                (
                    name,
                    {"count": v, "sum": v, "buckets": {1: v}} if histogram else v,
                    {"n": n},
                )
                for n, v in rows.items()
            ]
            found = lab.pull()
            kept = [n for n in admitted if n in rows]
            fresh = [n for n in rows if n not in admitted]
            room = 0 if then is not None else limit - len(admitted)
            surplus = [rows[n] for n in fresh[max(room, 0) :]]
            admitted = kept + fresh[: max(room, 0)]
            if not surplus:
                total = then = None
            else:
                now = sum(surplus)
                if then is None or total is None:
                    total = now
                elif now >= then:
                    total += now - then
                then = now
            shown = found.pop(f'lab.{name}{{overflow="true"}}', None)
            shown = shown.count if isinstance(shown, Histogram) else shown
            assert shown == total
            assert len(found) == len(admitted)
            account = lab.account
            assert account.yielded == account.collected + sum(account.refused.values())


def test_a_surplus_that_outgrows_every_number_is_refused() -> None:
    """A snapshot holds 64-bit integers and finite floats, also where the core adds them up."""
    with Lab(max_series=1) as lab:
        rows = [("c", BIG - 1, {"n": str(n)}) for n in range(4)]
        assert lab.pull(*rows) == {'lab.c{n="0"}': BIG - 1}
        assert lab.account.refused == {"overflow": 2, "out_of_range": 1}
        floats = [("c", 1.7e308, {"n": str(n)}) for n in range(4)]
        assert lab.pull(*floats) == {'lab.c{n="0"}': 1.7e308}


def test_a_source_that_restarts_restarts_its_surplus() -> None:
    """After a changed start the folded total is the new surplus, whole, as a new series."""
    state = {"start": 1.0, "value": 100}

    def sample() -> Any:
        for n in range(3):
            yield "c", state["value"], {"n": n}

    registry = Registry()
    registry.register(
        {
            "name": "lab",
            "sample": sample,
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    with Collector(registry, deadline=5.0, max_series=1) as consumer:
        before = {str(series): series for series, _ in consumer.collect()}
        state.update(start=2.0, value=7)
        snapshot = consumer.collect()
        after = {str(series): series for series, _ in snapshot}
    name = 'lab.c{overflow="true"}'
    assert values(snapshot)[name] == 14
    assert after[name] is not before[name]
    assert after[name].start is not None
    assert after[name].start >= snapshot.start


def test_churn_does_not_grow_memory() -> None:
    """New series at every pull for ever: what is kept is what one pull has."""
    import tracemalloc

    counter = iter(range(10**9))

    def sample() -> Any:
        for _ in range(100):
            n = next(counter)
            yield "c", n, {"n": n}
            yield "g", n, {"n": n}

    def rounds(number: int) -> None:
        for _ in range(number):
            lab.pull()

    with Lab(max_series=50) as lab:
        lab.next = sample
        rounds(20)
        tracemalloc.start()
        try:
            rounds(5)
            before = tracemalloc.get_traced_memory()[0]
            rounds(40)
            assert tracemalloc.get_traced_memory()[0] < before + 200_000
        finally:
            tracemalloc.stop()
