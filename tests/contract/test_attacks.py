"""What people tried who attacked the second draft's core."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sampler import Collector, Increments, InvalidSampler, Registry
from sampler._registry.shared_read import SharedRead
from sampler.testing import FakeClock
from tests.contract.build import in_thread, mapping, reasons, values

COUNTER = {"kind": "counter"}


def grown(increments: Increments, consumer: Collector) -> dict[str, Any]:
    return {str(series): more for series, more, _ in increments.take(consumer.collect())}


@pytest.mark.clause("R-06")
def test_a_finalizer_may_unregister_wherever_it_runs(registry: Registry) -> None:
    """As that of an object which only a registration has kept alive."""

    class Pool:
        def __init__(self) -> None:
            self.inner = registry.register(mapping("pool.inner"))

        def sample(self) -> Any:
            return []

        def __del__(self) -> None:
            self.inner.unregister()

    registry.register({"name": "pool", "sample": Pool().sample})
    in_thread(lambda: registry.unregister("pool"))(20.0)
    assert list(registry) == []


@pytest.mark.clause("C-17", "C-14")
def test_a_restart_after_a_cut_counts_whole(registry: Registry) -> None:
    """A cut ends no series, so it hides no restart of one that was reached."""
    state = {"x": 100}

    def sample() -> Any:
        yield "x", state["x"]
        for i in range(10):
            yield "y", i, {"i": str(i)}

    registry.register({"name": "t", "sample": sample, "metrics": {"x": COUNTER}})
    increments, found = Increments(), []
    with Collector(registry, max_samples=5) as consumer:
        for x in (100, 150, 30, 31):
            state["x"] = x
            found.append(grown(increments, consumer)["t.x"])
    assert found == [0, 50, 30, 1]


@pytest.mark.clause("R-13")
def test_no_reader_of_a_shared_read_goes_back_in_time() -> None:
    """An asynchronous read that began earlier and ends later does not replace the other one."""
    clock, turn = FakeClock(), iter([1, 2])

    async def sample() -> Any:
        return [("n", next(turn))]

    async def both() -> Any:
        reads = SharedRead(sample, None, 10.0, clock)
        earlier = reads.sample()
        clock.advance(1)
        later = reads.sample()
        newest = await later
        return newest, await earlier, reads.held()

    newest, earlier, held = asyncio.run(both())
    assert newest is earlier is held


@pytest.mark.clause("C-12", "C-16")
def test_a_later_rival_takes_over_with_a_baseline(registry: Registry) -> None:
    """Though it was registered after the consumer began: what it counted was there before."""
    increments, state = Increments(), {"b": 100}
    with Collector(registry) as consumer:
        consumer.collect()
        first = registry.register(mapping("a", ("b.x", 5), metrics={"b.x": COUNTER}))
        rival = {"name": "a.b", "sample": lambda: [("x", state["b"])], "metrics": {"x": COUNTER}}
        registry.register(rival)
        for _ in range(3):
            grown(increments, consumer)
        first.unregister()
        state["b"] = 101
        assert grown(increments, consumer) == {"a.b.x": 0}
        state["b"] = 103
        assert grown(increments, consumer) == {"a.b.x": 2}


@pytest.mark.clause("R-01", "R-03")
def test_a_mapping_that_was_changed_and_registered_again_is_another_one() -> None:
    """It is read each time, then and there."""
    registry, changing = Registry(), mapping("pool")
    for i in range(3):
        changing["labels"] = {"i": str(i)}
        registry.register(changing)
    assert registry.register(dict(changing)) is registry.register(changing)
    assert len(registry) == 3


@pytest.mark.clause("R-01", "R-12")
def test_a_consumer_that_changes_what_it_is_shown_harms_nobody() -> None:
    """Neither the library that published it nor those who register an equal mapping."""
    registry = Registry()
    sampler = mapping("pool", ("n", 1), labels={"a": "x"}, metrics={"n": {"kind": "counter"}})
    registration = registry.register(sampler)
    shown: Any = registration.sampler
    shown["metrics"].clear()
    shown["labels"]["a"] = "y"
    shown["name"] = None
    registration.declare("m", {"kind": "counter"})
    assert registry.register(dict(sampler)) is registration
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {'pool.n{a="x"}': 1}


@pytest.mark.clause("C-12", "R-05")
def test_all_rivals_of_one_name_agree_about_kind_and_unit(registry: Registry) -> None:
    """Also when the first of them has gone; a sample that is refused has described nothing."""
    said: dict[str, Any] = {"1": {"unit": "s"}, "2": {}, "3": {"unit": "By"}, "4": COUNTER}
    silent: set[str] = set()

    def of(number: str) -> Any:
        def sample() -> Any:
            return [] if number in silent else [("x", 7, None, said[number])]

        return {"name": "a", "labels": {"n": number}, "sample": sample}

    for number in said:
        registry.register(of(number))
    with Collector(registry) as consumer:
        assert values(consumer.collect()).keys() == {'a.x{n="1"}', 'a.x{n="2"}'}
        silent.add("1")
        consumer.collect()
        assert values(consumer.collect()).keys() == {'a.x{n="2"}', 'a.x{n="3"}'}
        silent.update("23")
        consumer.collect()
        ((series, _),) = consumer.collect()
        assert (series.labels["n"], series.kind) == ("4", "counter")


@pytest.mark.parametrize(
    ("pulls", "expected"),
    [
        ([{"b": 100, "c": 50}, {"b": None, "c": 50}, {"b": 100, "c": 50}], [0, 0, 0]),
        ([{"b": 100, "c": 50}, {"b": -1, "c": 50}, {"b": 101, "c": 50}], [0, 0, 1]),
        ([{"b": 100}, {"b": None}, {"b": 103}], [0, None, 3]),
        ([{"b": 100, "c": 50}, {"b": None, "c": 250}, {"b": 101, "c": 250}], [0, 100, 101]),
        ([{"b": 100, "c": 50}, {"b": 10, "c": 50}, {"b": 12, "c": 50}], [0, 0, 2]),
        ([{"b": 100, "c": 50}, {"c": 51}, {"c": 52}], [0, 0, 1]),
    ],
)
@pytest.mark.clause("C-14", "C-15")
def test_a_surplus_without_a_value_is_neither_gone_nor_new(
    pulls: list[dict[str, Any]], expected: list[Any], registry: Registry
) -> None:
    """What it had counted is known when it comes back; what has fallen or gone stays counted."""
    state: dict[str, Any] = {}

    def sample() -> Any:
        yield "x", 1, {"i": "a"}
        for name, value in state["now"].items():
            yield "x", value, {"i": name}

    registry.register({"name": "t", "sample": sample, "metrics": {"x": COUNTER}})
    increments, found = Increments(), []
    with Collector(registry, max_series=1) as consumer:
        for state["now"] in pulls:
            found.append(grown(increments, consumer).get('t.x{overflow="true"}'))
    assert found == expected


@pytest.mark.parametrize(
    ("pulls", "expected"),
    [
        ([{"b": None}, {"b": 100}, {"b": 103}], [None, 0, 3]),
        ([{"b": None, "c": 5}, {"b": 100, "c": 6}, {"b": 103, "c": 7}], [0, 1, 4]),
        ([{"b": None}, {"b": 100, "c": 7}, {"b": 103, "c": 7}], [None, 7, 3]),
        ([{}, {"b": None}, {"b": 100}, {"b": 103}], [None, None, 100, 3]),
    ],
)
@pytest.mark.clause("C-14", "C-16")
def test_a_series_that_had_no_value_before_it_is_folded_counts_as_any_other(
    pulls: list[dict[str, Any]], expected: list[Any], registry: Registry
) -> None:
    """What one counted that was there before the consumer is a baseline."""
    state: dict[str, Any] = {}

    def sample() -> Any:
        yield "x", 1, {"i": "a"}
        for name, value in state["now"].items():
            yield "x", value, {"i": name}

    registry.register({"name": "t", "sample": sample, "metrics": {"x": COUNTER}})
    increments, found = Increments(), []
    with Collector(registry, max_series=1) as consumer:
        for state["now"] in pulls:
            found.append(grown(increments, consumer).get('t.x{overflow="true"}'))
    assert found == expected


@pytest.mark.clause("C-14", "C-16")
def test_a_cut_ends_no_series_without_a_value(registry: Registry) -> None:
    """It was not there in the pull before it began, whatever was not reached since."""
    rounds = [[], [("x", None)], [("y", 1), ("y", 1), ("x", None)], [("x", 5)]]
    state: dict[str, Any] = {}
    registry.register({"name": "t", "sample": lambda: state["now"], "metrics": {"x": COUNTER}})
    increments = Increments()
    with Collector(registry, max_samples=2) as consumer:
        for state["now"] in rounds:
            found = grown(increments, consumer)
    assert found == {"t.x": 5}


@pytest.mark.clause("C-14")
def test_a_cut_changes_no_surplus(registry: Registry) -> None:
    """What was not reached is neither gone nor new when it is reached again."""
    state = {"first": 0}

    def sample() -> Any:
        for n in range(state["first"]):
            yield "g", n, {"i": str(n)}
        for name, value in (("a", 1), ("b", 100), ("c", 50)):
            yield "x", value, {"i": name}

    registry.register({"name": "t", "sample": sample, "metrics": {"x": COUNTER}})
    increments, found = Increments(), []
    with Collector(registry, max_series=1, max_samples=3) as consumer:
        for state["first"] in (0, 1, 0, 3, 0):
            found.append(grown(increments, consumer).get('t.x{overflow="true"}'))
    assert [each or 0 for each in found] == [0] * 5


class Hostile:
    """A registration whose attributes raise."""

    @property
    def sampler(self) -> Any:
        raise RuntimeError("not now")

    @property
    def time(self) -> float:
        raise RuntimeError("not now")


@pytest.mark.clause("C-05", "R-12")
def test_a_registration_that_raises_costs_itself_only() -> None:
    """Whatever is asked of it."""
    registry = Registry()
    registry.register(mapping("t", ("n", 1)))
    with Collector([Hostile(), *registry]) as consumer:
        snapshot = consumer.collect()
    assert values(snapshot) == {"t.n": 1}
    assert list(reasons(snapshot).values()) == ["invalid"]


@pytest.mark.clause("S-19", "C-12")
def test_a_huge_number_among_those_that_combine_is_out_of_range(registry: Registry) -> None:
    """The others stand."""
    rows = [("n", 1.5), ("n", 10**400), ("n", 2)]
    registry.register(mapping("t", *rows, metrics={"n": {"merge": "sum"}}))
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {"t.n": 3.5}
        assert consumer.statistics()[0].refused == {"out_of_range": 1}


def test_an_invalid_mapping_is_the_culprit_that_was_given() -> None:
    """Not the copy that was read."""
    given = {"name": "T"}
    with pytest.raises(InvalidSampler) as caught:
        Registry().register(given)
    assert caught.value.sampler is given
