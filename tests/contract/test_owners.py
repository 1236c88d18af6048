"""A series belongs to the sampler that yielded it first, until it ends (S-25, C-12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Increments, Registry
from sampler._pull.owners import rivals
from tests.contract.build import mapping, values

words = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("one", "other", "series"),
    [
        (mapping("a", ("b.c", 1)), mapping("a.b", ("c", 2)), "a.b.c"),
        (mapping("a.b", ("c", 1)), mapping("a", ("b.c", 2)), "a.b.c"),
        (
            mapping("a", ("n", 1), labels={"x": "1"}),
            mapping("a", ("n", 2, {"x": 1})),
            'a.n{x="1"}',
        ),
    ],
)
@pytest.mark.clause("S-25", "C-12")
def test_the_second_sampler_to_yield_a_series_is_refused_it(
    one: dict[str, Any], other: dict[str, Any], series: str
) -> None:
    """In the round in which both are new, and in each later one."""
    registry = Registry()
    for sampler in (one, other):
        registry.register(sampler)
    with Collector(registry) as consumer:
        for pulls in (1, 2):
            assert values(consumer.collect()) == {series: 1}
            first, second = consumer.statistics()
            assert first.refused == {}
            assert second.refused == {"duplicate": pulls}
            assert second.yielded == second.collected + pulls


@pytest.mark.clause("C-12")
def test_a_series_that_was_there_stays_with_its_sampler() -> None:
    """Though the other one registers later, under any name, and is pulled first."""
    registry = Registry()
    registry.register(mapping("a.b", ("c", 1)))
    with Collector(registry) as consumer:
        consumer.collect()
        registry.register(mapping("a", ("b.c", 2), ("d", 3)))
        assert values(consumer.collect()) == {"a.b.c": 1, "a.d": 3}


@pytest.mark.clause("C-12")
def test_a_series_that_has_ended_is_free() -> None:
    """Whether it was missing from a pull, or its sampler has gone."""
    registry = Registry()
    rows = [("b.c", 1)]
    registration = registry.register({"name": "a", "sample": lambda: list(rows)})
    registry.register(mapping("a.b", ("c", 2)))
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {"a.b.c": 1}
        rows.clear()
        consumer.collect()
        assert values(consumer.collect()) == {"a.b.c": 2}
        rows.append(("b.c", 1))
        assert values(consumer.collect()) == {"a.b.c": 2}
        registration.unregister()
        registry.unregister("a.b")
        registry.register(mapping("a", ("b.c", 3)))
        assert values(consumer.collect()) == {"a.b.c": 3}


@pytest.mark.parametrize("nothing", [None, float("nan"), -1])
@pytest.mark.clause("C-12", "C-15")
def test_a_series_without_a_value_has_an_owner(nothing: Any) -> None:
    """A series begins with its first sample, and who began it has it."""
    registry, counter = Registry(), {"kind": "counter"}
    state = {"x": nothing}
    registry.register(
        {"name": "a", "sample": lambda: [("b.x", state["x"])], "metrics": {"b.x": counter}}
    )
    registry.register(mapping("a.b", ("x", 7), ("y", 1), metrics={"x": counter}))
    with Collector(registry) as consumer:
        for pulls in (1, 2):
            assert values(consumer.collect()) == {"a.b.y": 1}
            assert consumer.statistics()[1].refused == {"duplicate": pulls}
        state["x"] = 5
        assert values(consumer.collect()) == {"a.b.x": 5, "a.b.y": 1}
        for each in consumer.statistics():
            assert each.yielded == each.collected + sum(each.refused.values())


@pytest.mark.parametrize("first", [None, -1])
@pytest.mark.parametrize("second", [None, -1])
@pytest.mark.clause("C-12", "C-15")
def test_of_two_that_begin_a_series_at_once_the_first_has_it(first: Any, second: Any) -> None:
    """Each sample is counted once, whatever is wrong with it."""
    registry, counter = Registry(), {"kind": "counter"}
    state = {"first": first, "second": second}
    registry.register(
        {"name": "a", "sample": lambda: [("b.x", state["first"])], "metrics": {"b.x": counter}}
    )
    registry.register(
        {"name": "a.b", "sample": lambda: [("x", state["second"])], "metrics": {"x": counter}}
    )
    with Collector(registry) as consumer:
        consumer.collect()
        refused = {"duplicate": 1} if second is None else {"negative": 1}
        assert [each.refused for each in consumer.statistics()] == [
            {} if first is None else {"negative": 1},
            refused,
        ]
        state.update(first=3, second=4)
        assert values(consumer.collect()) == {"a.b.x": 3}
        for each in consumer.statistics():
            assert each.yielded == each.collected + sum(each.refused.values())


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.clause("C-12", "C-16")
def test_what_takes_over_a_series_begins_with_a_baseline(rounds: int) -> None:
    """It was there all the time, though it was refused; what it had counted is not new."""
    registry = Registry()
    counter = {"kind": "counter"}
    first = registry.register(mapping("a", ("b.c", 5), metrics={"b.c": counter}))
    registry.register(mapping("a.b", ("c", 1_000), metrics={"c": counter}))
    increments = Increments()
    with Collector(registry) as consumer:
        for _ in range(rounds):
            increments.take(consumer.collect())
        first.unregister()
        found = [increments.take(consumer.collect()) for _ in range(2)]
    assert [[(grown, value) for _, grown, value in each] for each in found] == [[(0, 1_000)]] * 2


@pytest.mark.clause("C-12", "R-05")
def test_a_full_name_has_one_kind_in_a_snapshot() -> None:
    """The first to yield it decides, where samples describe their metrics."""
    registry = Registry()
    registry.register(
        mapping("a", ("n", 1, {}, {"kind": "counter", "unit": "s"}), labels={"x": "1"})
    )
    registry.register(mapping("a", ("n", 2), labels={"x": "2"}))
    registry.register(mapping("a", ("n", 3, {}, {"kind": "counter"}), labels={"x": "3"}))
    with Collector(registry) as consumer:
        for _ in range(2):
            assert values(consumer.collect()) == {'a.n{x="1"}': 1, 'a.n{x="3"}': 3}
        assert [each.refused for each in consumer.statistics()] == [{}, {"description": 2}, {}]


@given(names=st.lists(words, max_size=8))
def test_rivals_are_those_of_which_two_can_yield_one_full_name(names: list[str]) -> None:
    """Equal names, or one that begins with another one and a dot."""
    expected = {
        name
        for index, name in enumerate(names)
        for other in names[:index] + names[index + 1 :]
        if f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")
    }
    assert rivals(names) == expected
