"""Samples in, entries out: what is taken, what is refused, and for what reason."""

from __future__ import annotations

import math
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import ABSENT, Collector, HistogramValue, Registry
from tests.contract.build import mapping, values
from tests.contract.lab import BIG, EVIL, ODD, Evil, Float, Index, Lab
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


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
@pytest.mark.clause("S-19")
def test_what_converts_becomes_a_plain_number(lab: Lab, given_: Any, taken: Any) -> None:
    """Values are plain ints and floats, at the first pull and at the next."""
    for _ in range(2):
        (value,) = lab.pull(("g", given_)).values()
        assert value == taken
        assert type(value) in {int, float}
        assert type(value) is type(taken)


@pytest.mark.parametrize("nothing", [None, float("nan"), Decimal("nan")])
@pytest.mark.parametrize("metric", ["g", "c", "h"])
@pytest.mark.clause("S-19")
def test_none_and_nan_are_nothing_to_report(lab: Lab, metric: str, nothing: Any) -> None:
    """They are neither yielded nor refused, and keep the place of a series that was there."""
    assert lab.pull((metric, nothing)) == {}
    assert lab.pull((metric, {"count": 5} if metric == "h" else 5)).keys() == {f"lab.{metric}"}
    block = lab.block
    assert lab.pull((metric, nothing)) == {}
    assert lab.block.series is block.series
    assert lab.block.values == [ABSENT]
    assert (lab.statistics.yielded, lab.statistics.collected, lab.statistics.refused) == (1, 1, {})


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_histogram_may_have_nothing_to_report(lab: Lab, nothing: Any) -> None:
    """None and NaN mean the same for every kind."""
    assert lab.pull(("h", nothing)) == {}
    assert lab.statistics.refused == {}


class Row(NamedTuple):
    name: str
    value: float
    labels: dict[str, str]


@pytest.mark.clause("C-11")
def test_items_past_the_fourth_are_ignored(lab: Lab) -> None:
    """A later version's sample may be longer; a named tuple is a tuple."""
    assert lab.pull(("a", 1, None, None, "y"), Row("b", 2, {"k": "v"})) == {
        "lab.a": 1,
        'lab.b{k="v"}': 2,
    }


@pytest.mark.clause("S-23")
def test_label_values_are_text_and_empty_ones_absent(lab: Lab) -> None:
    """Ints become text, an empty value means there is no such label."""
    found = lab.pull(
        ("a", 1, {"port": 80, "zone": ""}), ("a", 2, {}), ("b", 3, {"up": True, "n": -1})
    )
    assert found == {'lab.a{port="80"}': 1, "lab.a": 2, 'lab.b{n="-1",up="1"}': 3}


@pytest.mark.parametrize("text", ODD)
def test_odd_text_is_a_label_value_as_it_stands(lab: Lab, text: str) -> None:
    """The core carries any text; what a backend cannot say is its adapter's affair."""
    for _ in range(2):
        lab.pull(("a", 1, {"k": text}))
        assert lab.block.series[0].labels == {"k": text}
        assert len(lab.block) == 1


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
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.clause("C-12")
def test_a_bad_value_costs_itself_only(
    lab: Lab, metric: str, value: Any, reason: str, warm: bool
) -> None:
    """It is counted by reason; the samples before and behind it stand. So where a good one was."""
    if warm:
        lab.pull(("first", 1), (metric, 5), ("last", 2))
    assert lab.refused((metric, value)) == reason


@pytest.mark.clause("S-20")
def test_a_counter_cannot_be_negative(lab: Lab) -> None:
    """Negative numbers are for gauges; zero is none."""
    assert lab.refused(("c", -1)) == "negative"
    assert lab.refused(("c", -0.5)) == "negative"
    for zero in (0, 0.0, -0.0):
        assert lab.pull(("c", zero)) == {"lab.c": 0}
        assert lab.refused(("c", -1)) == "negative"


@pytest.mark.clause("C-15")
def test_a_refused_value_keeps_the_place_of_its_series(lab: Lab) -> None:
    """A series whose value is bad today is the same series tomorrow."""
    lab.pull(("c", 5), ("g", 1))
    series = lab.block.series
    assert lab.pull(("c", "five"), ("g", 1)) == {"lab.g": 1}
    assert len(lab.block) == 1
    assert lab.block.series is series
    assert lab.pull(("c", 7), ("g", 1)) == {"lab.c": 7, "lab.g": 1}
    assert lab.block.series is series


@pytest.mark.parametrize(
    "item",
    [None, 3, "ab", b"ab", [], ["a", 1], {"a": 1}, (), ("a",), {"a", "b"}, EVIL],
)
@pytest.mark.clause("S-14")
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


@pytest.mark.clause("S-24")
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
@pytest.mark.clause("C-12", "S-25")
def test_a_series_occurs_once_per_pull(lab: Lab, warm: bool) -> None:
    """The first stands, others are refused; also when only an empty label differs."""
    if warm:
        lab.pull(("a", 0, {"k": "v"}))
    found = lab.pull(("a", 1, {"k": "v"}), ("a", 2, {"k": "v"}), ("a", 3, {"k": "v", "zone": ""}))
    assert found == {'lab.a{k="v"}': 1}
    assert lab.statistics.refused == {"duplicate": 2}


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
@pytest.mark.clause("S-21")
def test_a_torn_histogram_is_refused_alone(lab: Lab, value: Any) -> None:
    """Counts that fall, exceed ``count`` or are no ints never reach an adapter."""
    lab.refused(("h", value))


@pytest.mark.clause("S-21")
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
    assert found == HistogramValue(4, 7.5, ((0.5, 1), (5.0, 3)), None, 0.0)
    assert [type(upper) for upper, _ in found.buckets] == [float, float]


@pytest.mark.parametrize("known", [True, False])
def test_other_threads_run_while_a_large_sampler_is_read(known: bool) -> None:
    """Though nothing interrupts the reading: it lets go of the interpreter's lock by itself."""
    beats: list[int] = []
    found: list[int] = []
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1e-5):
            beats.append(1)

    def sample() -> Iterator[tuple[str, int]]:
        before, pull = len(beats), 0 if known else len(found)
        for number in range(9_000):
            yield f"m{number}_p{pull}", number
        found.append(len(beats) - before)

    registry = Registry()
    registry.register({"name": "large", "sample": sample})
    interval = sys.getswitchinterval()
    thread = threading.Thread(target=beat)
    with Collector(registry, deadline=60.0) as consumer:
        sys.setswitchinterval(1000)
        thread.start()
        try:
            consumer.collect()  # everything is new
            wait_for(lambda: consumer.collect() and any(found[1:]), 30.0)
        finally:
            sys.setswitchinterval(interval)
            stop.set()
            thread.join()


@given(pulls=st.lists(st.lists(st.sampled_from(["x", "y"]), min_size=4, max_size=4), max_size=6))
def test_an_authors_mapping_is_never_known_by_identity(pulls: list[list[str]]) -> None:
    """One mapping, changed between the samples of two pulls, is read anew each time."""
    labels: dict[str, str] = {}
    with_labels = Lab()
    for texts in pulls:
        names = [f"m{i}" for i in range(len(texts))]

        def rows(names: list[str] = names, texts: list[str] = texts) -> Iterator[Any]:
            for name, text in zip(names, texts, strict=True):
                labels["k"] = text
                yield name, 1, labels

        with_labels.next = rows
        found = with_labels.pull()
        assert set(found) == {
            f'lab.{name}{{k="{text}"}}' for name, text in zip(names, texts, strict=True)
        }
    with_labels.consumer.close()


@pytest.mark.clause("C-12")
def test_a_full_name_has_150_characters_at_most(lab: Lab) -> None:
    """Of an undeclared metric, too."""
    longest = "x" * (150 - len("lab."))
    assert lab.pull((longest, 1)) == {f"lab.{longest}": 1}
    assert lab.refused((f"{longest}x", 1)) == "name"


@pytest.mark.clause("C-15")
def test_other_labels_in_the_place_of_a_series_are_another_series(lab: Lab) -> None:
    """None after some, some after none, and a further label."""
    x, xy = 'lab.a{k="x"}', 'lab.a{k="x",l="y"}'
    for sample, series in [
        (("a", 1, {"k": "x"}), x),
        (("a", 2), "lab.a"),
        (("a", 3, {"k": "x"}), x),
        (("a", 4, {"k": "x", "l": "y"}), xy),
        (("a", 5, {}), "lab.a"),
        (("a", 6, None), "lab.a"),
    ]:
        assert lab.pull(sample) == {series: sample[1]}


@pytest.mark.clause("S-14")
def test_none_in_the_place_of_labels_is_no_labels(lab: Lab) -> None:
    """So a sampler can pass on what it has."""
    assert lab.pull(("g", 1, None)) == {"lab.g": 1}
    assert lab.pull(("g", 2, None), ("k", 1, {})) == {"lab.g": 2, "lab.k": 1}


@pytest.mark.clause("S-10")
def test_start_is_asked_before_the_samples_and_after() -> None:
    """In each pull, so that a restart in between is seen."""
    calls: list[str] = []

    def start() -> float:
        calls.append("start")
        return 1.0

    def sample() -> Any:
        calls.append("sample")
        return [("c", 1)]

    registry = Registry()
    registry.register({"name": "s", "sample": sample, "start": start})
    with Collector(registry) as consumer:
        consumer.collect()
        consumer.collect()
    assert calls == ["start", "sample", "start"] * 2


class Torn:
    """A histogram that raises from whatever is asked of it."""

    def get(self, key: str) -> Any:
        raise ZeroDivisionError

    keys = items = get


@pytest.mark.clause("C-12")
@pytest.mark.parametrize("value", [Torn(), {"count": 2, "buckets": Torn()}])
@pytest.mark.parametrize("warm", [True, False])
def test_a_histogram_that_raises_costs_itself_only(lab: Lab, value: Any, warm: bool) -> None:
    """In the place where the last pull had it, too."""
    good = ("h", {"count": 1, "buckets": {}})
    if warm:
        lab.pull(good, ("g", 1))
    assert lab.pull(("h", value), ("g", 2)) == {"lab.g": 2}
    assert lab.statistics.refused == {"shape": 1}
    assert "lab.h" in lab.pull(good, ("g", 3))


def test_labels_are_in_the_order_of_their_names() -> None:
    """Constant ones among the others, however they were written: series compare by them."""
    registry, constant = Registry(), {"m": "constant", "b": "constant"}
    registry.register(mapping("s", ("g", 1, {"z": "1", "a": "1", "n": "1"}), labels=constant))
    with Collector(registry, deadline=20.0) as consumer:
        ((series, _),) = consumer.collect()
    assert list(series.labels) == ["a", "b", "m", "n", "z"]
