"""Whatever a sampler yields or raises: nothing foreign gets in, nobody else notices."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import ABSENT, HistogramValue
from tests.contract.build import reasons
from tests.contract.lab import BIG, ODD, Evil, Float, Index, Lab, plain
from tests.support.properties import examples
from tests.support.waiting import wait_for


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


@pytest.mark.clause("C-13")
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
        assert plain(value.buckets) if isinstance(value, HistogramValue) else True


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
    wait_for(lambda: [gc.collect()] and not any(ref() for ref in watched), 5.0, "the texts")
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
    assert lab.statistics.refused == {}


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


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(items, min_size=1, max_size=4))
@pytest.mark.scenario(15)
def test_no_rubbish_gets_out_of_a_pull(rounds: list[list[Any]]) -> None:
    """Whatever is yielded: no exception, the account adds up, values are plain and aligned."""
    with Lab() as lab:
        collected = 0
        for samples in rounds:
            lab.next = samples
            found = lab.pull()
            assert "lab" not in reasons(lab.snapshot)
            block, account = lab.block, lab.statistics
            collected += len(found)
            assert len(block.series) == len(block.values)
            assert len(set(map(str, block.series))) == len(block.series)
            assert account.collected == collected
            assert account.yielded == collected + sum(account.refused.values())
            for series, value in block:
                assert plain([series.name, series.labels])
                assert type(value) in {int, float, HistogramValue}
                assert (type(value) is HistogramValue) == (series.kind == "histogram")
                if type(value) is int:
                    assert -BIG <= value < BIG
                elif type(value) is float:
                    assert math.isfinite(value)
                assert series.kind == "gauge" or not isinstance(value, int | float) or value >= 0


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(good, st.lists(odd, max_size=3)), max_size=8))
@pytest.mark.clause("C-12")
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
        lambda: Exception("\ud800\n\x1b[31m" + "x" * 10**6),
    ],
)
@pytest.mark.clause("C-05")
@pytest.mark.scenario(15)
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
    message = lab.snapshot.failures[0].message
    assert len(message) <= 300
    assert message.isprintable()
    assert (lab.block.series, lab.block.values) == (block.series, [ABSENT, ABSENT])
    assert lab.block.series is block.series
    assert len(lab.block) == 0
    assert (lab.statistics.yielded, lab.statistics.failures) == (2, {"raised": 1})
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
@pytest.mark.clause("S-13")
def test_returning_something_else_than_samples_is_a_failure(lab: Lab, returned: Any) -> None:
    """Also a dict, whose two-letter keys would unpack, and anything to be awaited."""
    lab.next = returned
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {"lab": "raised"}


@pytest.mark.clause("S-15")
def test_a_sampler_that_yields_nothing_has_not_failed(lab: Lab) -> None:
    """It has nothing to say on this platform."""
    assert lab.pull() == {}
    assert reasons(lab.snapshot) == {}
    assert lab.block.series == ()
