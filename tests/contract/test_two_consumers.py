"""Failures and pauses are those of one consumer (C-09); a call that hangs is known to all."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from sampler import Collector, Registry
from sampler._runtime.abandoned import abandoned
from sampler.testing import FakeClock
from tests.contract.build import Gate, mapping, reasons, values
from tests.support.waiting import wait_for

SHORT = 0.05
LONG = 20.0


@pytest.mark.clause("C-09")
def test_what_fails_for_one_consumer_pauses_for_that_one_only(registry: Registry) -> None:
    """As a factory may that depends on who asks."""

    def factory(environ: Any) -> Any:
        if environ["consumer"] == "a":
            raise RuntimeError("not for you")
        return lambda: [("n", 1)]

    registry.register({"name": "f", "factory": factory})
    with Collector(registry, name="a") as one, Collector(registry, name="b") as other:
        for _ in range(6):
            last = reasons(one.collect())
        assert last == {"f": "parked"}
        assert values(other.collect()) == {"f.n": 1}


@pytest.mark.clause("C-09")
def test_one_with_more_time_is_not_kept_from_calling(registry: Registry) -> None:
    """It waits for itself only: the other one's deadline is not its own."""
    gate = Gate("slow")
    registry.register(gate.sampler)
    with Collector(registry, deadline=SHORT) as hasty, Collector(registry, deadline=LONG) as other:
        assert reasons(hasty.collect()) == {"slow": "deadline"}
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(values(other.collect())))
        thread.start()
        wait_for(lambda: gate.inside == 2, 10.0, "the other consumer to call")
        gate.open()
        thread.join(LONG)
        assert found == [{"slow.calls": 2}]
        wait_for(lambda: abandoned() == 0, 10.0, "the abandoned call to return")
        assert reasons(hasty.collect()) == {"slow": "parked"}


@pytest.mark.clause("C-09")
def test_an_instance_that_hangs_is_its_own_consumers(registry: Registry) -> None:
    """Nobody else calls it, so nobody else has to know."""
    gate = Gate("own")

    def factory(environ: Any) -> Any:
        return gate.sample if environ["consumer"] == "a" else lambda: [("n", 1)]

    registry.register({"name": "own", "factory": factory})
    with (
        Collector(registry, name="a", deadline=SHORT) as one,
        Collector(registry, name="b") as two,
    ):
        assert reasons(one.collect()) == {"own": "deadline"}
        for _ in range(3):
            assert values(two.collect()) == {"own.n": 1}
            assert reasons(one.collect()) == {"own": "hung"}
        gate.open()
        wait_for(lambda: abandoned() == 0, 10.0, "the abandoned call to return")


@pytest.mark.clause("C-03", "C-09")
def test_registering_anew_ends_no_hang(registry: Registry) -> None:
    """A consumer remembers the call that it abandoned, whatever becomes of the registration."""
    with Gate("gate") as gate, Collector(registry, deadline=SHORT) as consumer:
        registration = registry.register(gate.sampler)
        assert reasons(consumer.collect()) == {"gate": "deadline"}
        for _ in range(3):
            registration.unregister()
            consumer.collect()
            registration = registry.register(dict(gate.sampler))
            assert reasons(consumer.collect()) == {"gate": "hung"}
        assert gate.calls == 1


@pytest.mark.clause("R-07")
def test_what_is_unregistered_within_a_round_is_not_called_in_it(registry: Registry) -> None:
    """It has not failed, either: it is not there."""
    calls: list[str] = []
    held: dict[str, Any] = {}

    def first() -> Any:
        if "second" in held:
            held.pop("second").unregister()
        return [("n", 1)]

    registry.register({"name": "first", "sample": first})
    second = registry.register({"name": "second", "sample": lambda: calls.append("called") or []})
    with Collector(registry) as consumer:
        consumer.collect()
        held["second"] = second
        snapshot = consumer.collect()
        assert (values(snapshot), snapshot.failures) == ({"first.n": 1}, ())
    assert calls == ["called"]


@pytest.mark.clause("S-10")
def test_a_restart_during_a_pull_fails_it() -> None:
    """Its values may be of either life; the next pull counts what came since, once."""
    state = {"start": 1.0, "n": 100, "restarts": False}

    def start() -> float:
        said = state["start"]
        if state["restarts"]:
            state.update(start=2.0, n=5, restarts=False)
        return said

    sampler = mapping("t", metrics={"n": {"kind": "counter"}}, start=start)
    registry = Registry()
    registry.register({**sampler, "sample": lambda: [("n", state["n"])]})
    with Collector(registry, clock=FakeClock()) as consumer:
        ((before, _),) = consumer.collect()
        state["restarts"] = True
        (failure,) = consumer.collect().failures
        assert "started over during the read" in failure.message
        state["n"] = 8
        ((after, value),) = consumer.collect()
        assert (value, after is before) == (8, False)


@pytest.mark.parametrize("start", [Decimal(5), lambda: Decimal(5), lambda: 5])
@pytest.mark.clause("S-10")
def test_a_start_may_be_any_number(start: Any) -> None:
    """As a value may; what a series says is a float."""
    registry = Registry()
    counter = {"n": {"kind": "counter"}}
    registry.register(
        mapping("t", ("n", 1), metrics=counter, start=start, min_interval=Decimal(1))
    )
    registry.register(mapping("u", ("n", 1), metrics=counter, start=start))
    with Collector(registry) as consumer:
        starts = [series.start for series, _ in consumer.collect()]
    assert [(start, type(start)) for start in starts] == [(5.0, float)] * 2


class Foreign:
    """What another vendor's registry yields: a mapping and a time, and nothing else."""

    def __init__(self, sampler: Any, time: Any) -> None:
        self.sampler, self.time = sampler, time

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.clause("R-12", "C-16")
def test_registrations_of_another_vendor_are_pulled() -> None:
    """They have a mapping and a time; the time tells whether the sampler has a past."""
    clock = FakeClock(1000.0)
    counter = mapping("t", ("n", 7), metrics={"n": {"kind": "counter"}})
    others = [Foreign({**counter, "labels": {"of": "old"}}, 900.0)]
    with Collector(others, clock=clock) as consumer:
        ((old, _),) = consumer.collect()
        clock.advance(10)
        others.append(Foreign({**counter, "labels": {"of": "new"}}, 1005.0))
        snapshot = consumer.collect()
    assert [series.start for series, _ in snapshot] == [None, 1000.0]
    assert old.start is None


@pytest.mark.parametrize(
    "rubbish",
    [
        Foreign({"name": "T"}, 900.0),
        Foreign(7, 900.0),
        Foreign(None, None),
        object(),
    ],
)
@pytest.mark.clause("R-12", "C-05")
def test_a_registration_that_cannot_be_read_costs_itself_only(
    rubbish: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a failure in each snapshot, and told once."""
    with Collector([rubbish, Foreign(mapping("t", ("n", 7)), 900.0)]) as consumer:
        for _ in range(3):
            snapshot = consumer.collect()
            assert values(snapshot) == {"t.n": 7}
            assert list(reasons(snapshot).values()) == ["invalid"]
    from sampler.agent import log

    log.flush()
    assert sum("cannot be read" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.clause("C-10", "R-13")
def test_a_foreign_consumer_and_ours_share_a_read() -> None:
    """The read has the time at which it was taken; ours takes that for the time of the pull."""
    clock, calls = FakeClock(1000.0), []
    registry = Registry(clock=clock)
    dear = {"name": "t", "sample": lambda: calls.append(1) or [("n", len(calls))]}
    registration = registry.register({**dear, "min_interval": 30})
    read = registration.sampler["sample"]()
    clock.advance(10)
    with (
        Collector(registry, clock=clock) as consumer,
        Collector([Foreign(registration.sampler, 1.0)]) as other,
    ):
        for snapshot in (consumer.collect(), other.collect()):
            assert values(snapshot) == {"t.n": 1}
            assert snapshot.blocks[0].time == read.time == 1000.0
    assert (list(read), calls) == ([("n", 1)], [1])


@pytest.mark.clause("C-10", "R-13", "S-10")
@pytest.mark.parametrize("said", [None, 7.0])
def test_the_start_of_a_shared_read_is_that_of_the_read(said: float | None) -> None:
    """Of whichever vendor; without one of its own, ``start`` is asked before and after."""

    class Read(list):  # type: ignore[type-arg]
        time = 1000.0

    read, starts = Read([("n", 1, None, {"kind": "counter"})]), iter(range(1, 100))
    sampler = {"name": "t", "sample": lambda: read, "start": lambda: next(starts)}
    with Collector([Foreign({**sampler, "min_interval": 30}, 1.0)]) as consumer:
        assert reasons(consumer.collect()) == {"t": "raised"}
        read.start = list.clear  # type: ignore[attr-defined] # as of who knows what
        assert reasons(consumer.collect()) == {"t": "raised"}
        read.start = said  # type: ignore[attr-defined]
        snapshot = consumer.collect()
        assert {str(each): (each.start, n) for each, n in snapshot} == {"t.n": (said, 1)}
    with Collector([Foreign(sampler, 1.0)]) as consumer:
        assert reasons(consumer.collect()) == {"t": "raised"}


@pytest.mark.clause("R-01", "R-12")
def test_what_a_registration_shows_is_a_copy() -> None:
    """As deep as the contract goes; the object is the same until the end."""
    registry = Registry(clock=FakeClock(5.0))
    description = {"kind": "counter", "labels": ["k"]}
    sampler = mapping("t", labels={"a": "x"}, metrics={"n": description}, **{"acme.k": {"v": 1}})
    registration = registry.register(sampler)
    sampler["labels"]["a"] = "y"
    description["kind"] = "gauge"
    sampler["acme.k"]["v"] = 2
    sampler["start"] = 7
    shown = registration.sampler
    assert shown["labels"] == {"a": "x"}
    assert shown["metrics"] == {"n": {"kind": "counter", "labels": ["k"]}}
    assert shown["acme.k"] == {"v": 1}
    assert "start" not in shown
    assert registration.time == 5.0
    assert list(registry) == list(registry) == [registration]


@pytest.mark.clause("C-16")
def test_what_was_registered_before_the_consumer_began_has_a_past() -> None:
    """Though it is pulled later: its first values are baselines."""
    clock = FakeClock(1000.0)
    registry = Registry(clock=clock)
    registration = registry.register(mapping("t", ("n", 1000), metrics={"n": {"kind": "counter"}}))
    chosen: list[Any] = []
    clock.advance(1)
    with Collector(chosen, clock=clock) as consumer:
        consumer.collect()
        chosen.append(registration)
        ((series, value),) = consumer.collect()
    assert (series.start, value) == (None, 1000)


@pytest.mark.parametrize("first", [None, float("nan"), "x"])
@pytest.mark.clause("C-15", "C-16")
def test_a_series_begins_with_its_first_sample_whatever_its_value(first: Any) -> None:
    """One that was there in the first pull has a past; one that came later has none."""
    rows: list[Any] = [("old", first)]
    registry, clock = Registry(), FakeClock(1000.0)
    metrics = {"old": {"kind": "counter"}, "new": {"kind": "counter"}}
    registry.register({"name": "t", "sample": lambda: list(rows), "metrics": metrics})
    with Collector(registry, clock=clock) as consumer:
        registration = next(iter(registry))
        registration.time = 900.0
        consumer.collect()
        clock.advance(10)
        rows[:] = [("old", first), ("new", first)]
        consumer.collect()
        clock.advance(10)
        rows[:] = [("old", 1000), ("new", 3)]
        starts = {series.name: series.start for series, _ in consumer.collect()}
    assert starts == {"t.old": None, "t.new": 1000.0}
