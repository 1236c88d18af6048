"""What people tried who attacked the second draft's core."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sampler import Collector, HistogramValue, Increments, Instruments, InvalidSampler, Registry
from sampler._registry.shared_read import SharedRead
from sampler.testing import FakeClock
from tests.contract.build import Gate, in_thread, mapping, reasons, values

COUNTER = {"kind": "counter"}


def grown(increments: Increments, consumer: Collector) -> dict[str, Any]:
    return {str(series): more for series, more, _ in increments.take(consumer.collect())}


def surpluses(registry: Registry, pulls: list[dict[str, Any]]) -> list[Any]:
    """Return by what the surplus grows in each pull; one series has the place there is."""
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
    return found


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
    gc.collect()
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
    assert surpluses(registry, pulls) == expected


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
    assert surpluses(registry, pulls) == expected


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


@pytest.mark.parametrize(
    "made",
    [
        HistogramValue(-5, 1.0),
        HistogramValue(3, 1.0, ((0.5, 2), (1.0, 1))),
        HistogramValue(1, 1.0, ((1.0, 2),)),
        HistogramValue(1, float("inf")),
        HistogramValue(2**64, 1.0),
        HistogramValue(1, 1.0, (("x", 1),)),  # type: ignore[arg-type]
        HistogramValue(1, 1.0, 7),  # type: ignore[arg-type]
        HistogramValue(1, 1.0, (), lineage=object()),
    ],
)
@pytest.mark.clause("S-21")
def test_a_histogram_value_that_was_made_by_hand_is_read_as_any_mapping(
    made: HistogramValue, registry: Registry
) -> None:
    """Nobody has checked it."""
    registry.register(mapping("t", ("h", made), ("n", 1), metrics={"h": {"kind": "histogram"}}))
    with Collector(registry) as consumer:
        found = values(consumer.collect())
        assert found["t.n"] == 1
        if "t.h" in found:
            assert found["t.h"] == HistogramValue(1, 1.0)
            assert found["t.h"] is not made
        else:
            assert sum(consumer.statistics()[0].refused.values()) == 1


@pytest.mark.clause("C-13")
def test_a_histogram_value_that_is_changed_later_changes_no_snapshot(registry: Registry) -> None:
    """It was copied."""
    made = HistogramValue(1, 1.0, ((1.0, 1),))
    registry.register(mapping("t", ("h", made), metrics={"h": {"kind": "histogram"}}))
    with Collector(registry) as consumer:
        snapshot = consumer.collect()
    made.count = 7
    assert values(snapshot)["t.h"] == HistogramValue(1, 1.0, ((1.0, 1),))


@pytest.mark.parametrize("other", [1.0, Decimal(1), Fraction(1), 1 + 0j])
@pytest.mark.clause("S-23")
def test_a_label_value_is_an_integer_though_another_number_equals_it(
    other: Any, registry: Registry
) -> None:
    """Also where the integer stood in the last pull."""
    state: dict[str, Any] = {}
    registry.register({"name": "t", "sample": lambda: [("n", 1, {"i": state["i"]})]})
    with Collector(registry) as consumer:
        for state["i"] in (1, True, 1):
            assert values(consumer.collect()) == {'t.n{i="1"}': 1}
        state["i"] = other
        assert values(consumer.collect()) == {}
        assert consumer.statistics()[0].refused == {"label_value": 1}


@pytest.mark.clause("R-13")
def test_nobody_can_change_what_a_held_read_holds(registry: Registry) -> None:
    """All consumers share it."""
    rows = [
        ("n", 1, {"a": "x"}, {"unit": "s"}),
        ("h", {"count": 1, "sum": 1.0, "buckets": {1.0: 1}}),
    ]
    registration = registry.register({"name": "t", "sample": lambda: rows, "min_interval": 3600})
    held: Any = registration.sampler["sample"]()
    for shown in (held[0][2], held[0][3], held[1][1], held[1][1]["buckets"]):
        with pytest.raises(TypeError, match="item assignment"):
            shown["a"] = "y"
    for attribute in ("time", "start"):
        with pytest.raises(AttributeError, match="copy it first"):
            setattr(held, attribute, 0.0)
    assert registration.sampler["sample"]() is held
    assert [dict(held[0][2]), held[1][1]["buckets"]] == [{"a": "x"}, {1.0: 1}]


@pytest.mark.clause("C-10")
def test_a_sampler_that_passes_a_held_read_on_keeps_its_own_start(registry: Registry) -> None:
    """Without ``min_interval`` only the read's time is taken."""
    described = {"n": COUNTER}
    shared = mapping("one", ("n", 5), min_interval=3600, start=7.0, metrics=described)
    sample = registry.register(shared).sampler["sample"]
    registry.register({"name": "two", "sample": sample, "start": 3.0, "metrics": described})
    with Collector(registry) as consumer:
        one, two = consumer.collect().blocks
    assert [block.series[0].start for block in (one, two)] == [7.0, 3.0]
    assert one.time == two.time


@pytest.mark.clause("R-13")
def test_a_shared_sampler_that_reads_itself_fails(registry: Registry) -> None:
    """It would wait for itself for ever."""

    def sample() -> Any:
        return registration.sampler["sample"]()

    registration = registry.register({"name": "t", "sample": sample, "min_interval": 3600})

    def read() -> None:
        with pytest.raises(RuntimeError, match="cannot read itself"):
            registration.sampler["sample"]()

    in_thread(read)(20.0)
    with Collector(registry) as consumer:
        assert reasons(consumer.collect()) == {"t": "raised"}


def test_settings_that_contain_themselves_are_refused() -> None:
    """With a clear error."""
    settings: dict[str, Any] = {"t": {}}
    settings["t"]["again"] = [settings["t"]]
    with pytest.raises(ValueError, match="contains itself"):
        Collector(Registry(), settings=settings)


class Compared:
    """A sampler whose ``__eq__`` must not be called."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.gate = Gate()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __call__(self) -> Any:
        return list(self.gate.sample())

    def sample(self) -> Any:
        return self()


@pytest.mark.parametrize("method", [False, True])
@pytest.mark.clause("C-03")
def test_a_sampler_that_hangs_is_known_again_without_asking_it(
    method: bool, registry: Registry
) -> None:
    """Its comparison might hang as well."""
    hanging = Compared()
    of: Any = (lambda: hanging.sample) if method else (lambda: hanging)
    registration = registry.register({"name": "t", "sample": of()})
    with Collector(registry, deadline=0.05) as consumer:
        assert reasons(consumer.collect()) == {"t": "deadline"}
        registration.unregister()
        registry.register({"name": "t", "sample": of()})
        assert reasons(consumer.collect()) == {"t": "hung"}
        hanging.gate.open()


@pytest.mark.clause("C-13")
def test_a_consumer_cannot_change_an_instruments_labels(registry: Registry) -> None:
    """A snapshot shows them as they are; a copy is anybody's."""
    counter = Instruments("t", registry).counter("n", labels=("b", "a"))
    counter.labels("y", "x").inc()
    with Collector(registry) as consumer:
        (series,) = consumer.collect().blocks[0].series
        labels: Any = series.labels
        for change in (
            lambda: labels.update(a="z"),
            labels.clear,
            lambda: labels.pop("a"),
            labels.popitem,
            lambda: labels.setdefault("c", "z"),
            lambda: labels.__setitem__("a", "z"),
            lambda: labels.__delitem__("a"),
            lambda: labels.__ior__({"a": "z"}),
        ):
            with pytest.raises(TypeError, match="copy them"):
                change()
        assert labels == {"a": "x", "b": "y"}
        assert list(labels) == ["a", "b"]
        for copied in (labels.copy(), copy.deepcopy(labels), pickle.loads(pickle.dumps(labels))):
            copied["a"] = "z"
        assert values(consumer.collect()) == {'t.n{a="x",b="y"}': 1}
