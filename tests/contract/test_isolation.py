"""What one sampler does is nobody else's affair: raising, hanging, spinning, for ever."""

from __future__ import annotations

import gc
import logging
import time
import weakref
from contextlib import ExitStack
from typing import Any

import pytest

from sampler import ABSENT, Collector, Registry
from sampler._pull import backoff
from sampler._runtime.abandoned import MAX_ABANDONED, abandoned
from sampler.testing import FakeClock
from tests.contract.build import (
    Busy,
    Gate,
    Spin,
    counting,
    mapping,
    none_abandoned,
    raising,
    reasons,
    values,
)
from tests.support.health import health_of
from tests.support.interpreter import counts_references, ends_threads
from tests.support.waiting import SHORT, PatientClock, hangs, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_is_left", "patient")


@pytest.mark.clause("C-05", "C-06")
@pytest.mark.scenario(15, 16)
def test_raising_hanging_and_spinning_samplers_cost_themselves_only(registry: Registry) -> None:
    """In every round the others' numbers are there and right; the bad ones are counted."""
    with (
        Gate("hang") as gate,
        Spin("spin") as spin,
        # A machine may be so slow that the pause is over, and spin, which was ended, answers.
        Collector(registry, deadline=SHORT, clock=FakeClock()) as consumer,
    ):
        for each in (raising("raise"), counting("one"), gate.sampler, spin.sampler):
            registry.register(each)
        registry.register(counting("two", at=100))
        for n in range(1, 9):
            snapshot = consumer.collect()
            assert values(snapshot) == {"one.calls": n, "two.calls": 100 + n}
            assert set(reasons(snapshot)) == {"raise", "hang", "spin"}
        assert gate.calls == 1
        account = {each.sampler: each for each in consumer.statistics()}
        assert account["raise"].failures["raised"] >= 2
        assert account["hang"].failures["deadline"] == 1
        assert account["hang"].failures["hung"] >= 6
        assert sum(account["hang"].failures.values()) == 8
        assert (account["one"].pulls, account["one"].collected) == (8, 8)


@pytest.mark.clause("C-15")
def test_a_failed_pull_keeps_the_places_of_its_series(registry: Registry) -> None:
    """ABSENT stands for what could not be read; the baseline behind it is kept."""
    with Gate("gate", closed=False) as gate, Collector(registry, deadline=SHORT) as consumer:
        gate.sampler["metrics"] = {"calls": {"kind": "counter"}}
        registry.register(gate.sampler)
        first = consumer.collect().blocks[0]
        gate.close()
        for _ in range(3):
            (block,) = consumer.collect().blocks
            assert block.series is first.series
            assert block.values == [ABSENT]
            assert block.time == first.time
            assert len(block) == 0
        gate.open()
        wait_for(lambda: not consumer.collect().failures)
        assert consumer.collect().blocks[0].series is first.series


@pytest.mark.clause("C-03")
def test_a_hung_sampler_is_not_called_again_while_its_call_runs(
    registry: Registry, patient: PatientClock
) -> None:
    """By no consumer; and it costs each of them nothing but its own place."""
    with (
        Gate("gate") as gate,
        Collector(registry, deadline=SHORT) as one,
        Collector(registry, deadline=SHORT) as other,
    ):
        registry.register(gate.sampler)
        assert reasons(one.collect()) == {"gate": "deadline"}
        now = patient.monotonic()
        for _ in range(50):
            assert reasons(one.collect()) == {"gate": "hung"}
            assert reasons(other.collect()) == {"gate": "hung"}
        assert patient.monotonic() == now, "nobody has waited"
        assert (gate.calls, abandoned()) == (1, 1)


def test_a_sampler_that_returns_after_all_is_parked_and_admitted_again(registry: Registry) -> None:
    """It waits out a pause that doubles with each overrun in a row, and answers again."""
    clock = FakeClock()
    with Gate("gate") as gate, Collector(registry, deadline=SHORT, clock=clock) as consumer:
        registration = registry.register(gate.sampler)
        pauses = []
        for overrun in range(1, 4):
            assert reasons(consumer.collect()) == {"gate": "deadline"}
            pauses.append(health_of(consumer, registration).pause_left(clock.monotonic()))
            assert gate.calls == overrun
            gate.open()
            wait_for(lambda: abandoned() == 0)
            assert reasons(consumer.collect()) == {"gate": "parked"}
            gate.close()
            clock.advance(pauses[-1])
        assert pauses == pytest.approx([SHORT, 2 * SHORT, 4 * SHORT])
        gate.open()
        assert values(consumer.collect()) == {"gate.calls": 4}
        assert gate.most == 1
        assert health_of(consumer, registration).pause_left(clock.monotonic()) <= 0


def test_what_an_abandoned_call_yields_is_discarded(registry: Registry) -> None:
    """A late answer changes no account and no baseline."""
    with Gate("gate") as gate, Collector(registry, deadline=SHORT) as consumer:
        registry.register({**gate.sampler, "metrics": {"calls": {"kind": "counter"}}})
        consumer.collect()
        gate.open()
        wait_for(lambda: abandoned() == 0)
        snapshot = wait_for(lambda: s if (s := consumer.collect()).blocks else None)
        ((series, value),) = snapshot
        assert (value, series.start) == (2, None)
        assert consumer.statistics()[0].yielded == 1


@ends_threads
def test_a_spinning_sampler_is_ended(registry: Registry) -> None:
    """Its thread disappears, though the call would never return by itself."""
    with Spin() as spin, Collector(registry, deadline=SHORT) as consumer:
        registry.register(spin.sampler)
        registry.register(counting("good"))
        consumer.collect()
        assert (abandoned(), spin.calls) == (1, 1)
        wait_for(lambda: none_abandoned(consumer), 20.0, "the thread to end")
        assert not spin.stop
        wait_for(lambda: "spin.calls" in values(consumer.collect()), 20.0, "it to answer")


@pytest.mark.scenario(17)
@ends_threads
def test_spinning_samplers_are_ended_beside_a_busy_program(registry: Registry) -> None:
    """Also when several of them and the program share the interpreter."""
    with ExitStack() as stack, Collector(registry, deadline=SHORT) as consumer:
        spins = [stack.enter_context(Spin(f"spin{n}")) for n in range(3)]
        for spin in spins:
            registry.register(spin.sampler)
        stack.enter_context(Busy())
        wait_for(lambda: len(values(consumer.collect())) == 3, 30.0, "all of them to answer")
        assert all(spin.calls > 1 and not spin.stop for spin in spins)
        assert none_abandoned(consumer)


@ends_threads
def test_a_sampler_that_survives_its_end_once_is_ended_again(registry: Registry) -> None:
    """One that swallows the first exception is sent another."""
    caught: list[str] = []

    def sample() -> Any:
        hangs()
        while len(caught) < 2:
            try:
                while True:
                    sum(range(100_000))
            except BaseException as error:
                caught.append(type(error).__name__)
        return []

    with Collector(registry, deadline=SHORT) as consumer:
        registry.register({"name": "stubborn", "sample": sample})
        consumer.collect()
        wait_for(lambda: none_abandoned(consumer), 20.0, "the thread to end")
    assert caught == ["Ended", "Ended"]


def test_a_slow_sampler_that_sleeps_is_left_alone(registry: Registry) -> None:
    """Only CPU is a reason to end a thread: one that waits may hold a lock of the program."""
    with Gate("gate") as gate, Collector(registry, deadline=SHORT) as consumer:
        registry.register(gate.sampler)
        consumer.collect()
        until = time.monotonic() + 0.5
        wait_for(lambda: none_abandoned(consumer) or time.monotonic() > until)
        assert gate.inside == 1


def test_ten_that_hang_from_the_start_keep_no_one_out(registry: Registry) -> None:
    """Below the budget the first round takes longer, and all others are in it."""
    with ExitStack() as stack, Collector(registry, deadline=SHORT) as consumer:
        for n in range(10):
            registry.register(stack.enter_context(Gate(f"gate{n}")).sampler)
        for n in range(20):
            registry.register(counting(f"good{n}"))
        for pull in (1, 2):
            assert values(consumer.collect()) == {f"good{n}.calls": pull for n in range(20)}


def test_who_has_answered_before_runs_first(registry: Registry) -> None:
    """Whatever its place in the registry; the order of the blocks is the registry's."""
    order: list[str] = []

    def noting(name: str) -> Any:
        return registry.register({"name": name, "sample": lambda: order.append(name) or ()})

    chosen = [noting("old")]
    with Collector(chosen, deadline=5.0) as consumer:
        consumer.collect()
        chosen.insert(0, noting("new"))
        snapshot = consumer.collect()
    assert order == ["old", "old", "new"]
    assert [block.sampler for block in snapshot.blocks] == ["new", "old"]


@pytest.mark.scenario(17)
def test_at_the_budget_only_proven_samplers_run(registry: Registry) -> None:
    """Twenty that hang at once cost sixteen threads; who has answered before always runs."""
    with ExitStack() as stack, Collector(registry, deadline=SHORT) as consumer:
        gates = [stack.enter_context(Gate(f"gate{n}")) for n in range(20)]
        proven = registry.register(counting("proven"))
        consumer.collect()
        for gate in gates:
            registry.register(gate.sampler)
        registry.register(counting("late"))
        for pull in (2, 3):
            snapshot = consumer.collect()
            assert values(snapshot) == {"proven.calls": pull}
            assert abandoned() == MAX_ABANDONED == 16
            assert sum(gate.calls for gate in gates) == MAX_ABANDONED
            assert reasons(snapshot)["late"] == reasons(snapshot)["gate19"] == "exhausted"
        for gate in gates[:5]:  # the four that have not been tried yet take four places of these
            gate.open()
        wait_for(lambda: abandoned() == MAX_ABANDONED - 5)
        assert values(consumer.collect())["late.calls"] == 1
        for gate in gates:
            gate.open()
        wait_for(lambda: len(values(consumer.collect())) == 22)
        assert health_of(consumer, proven).proven


@pytest.mark.clause("C-09")
def test_failures_in_a_row_pause_and_one_answer_ends_the_pause(registry: Registry) -> None:
    """The first two cost nothing; then it waits, longer each time; an answer clears all."""
    state = {"bad": True}

    def sample() -> Any:
        if state["bad"]:
            raise ValueError("down")
        yield "up", 1

    registration = registry.register({"name": "flaky", "sample": sample})
    clock = FakeClock()
    with Collector(registry, deadline=5.0, clock=clock) as consumer:
        assert [reasons(consumer.collect())["flaky"] for _ in range(4)] == [
            "raised",
            "raised",
            "raised",
            "parked",
        ]
        assert health_of(consumer, registration).pause_left(clock.monotonic()) == 1.0
        state["bad"] = False
        clock.advance(1.0)
        assert values(consumer.collect()) == {"flaky.up": 1}
        state["bad"] = True
        assert [reasons(consumer.collect())["flaky"] for _ in range(2)] == ["raised"] * 2


@pytest.mark.clause("C-09")
def test_a_sampler_may_fail_for_ever(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of failures in a row overflow nothing, and the others go on."""
    monkeypatch.setattr(backoff, "LONGEST_PAUSE", 0.0)
    registry.register(raising("bad"))
    registry.register(counting("good"))
    with Collector(registry, deadline=5.0) as consumer:
        for n in range(1, 1200):
            assert values(consumer.collect()) == {"good.calls": n}
        assert consumer.statistics()[0].failures == {"raised": 1199}


def test_a_change_of_state_is_logged_once(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Not every failing pull writes a line."""
    caplog.set_level(logging.INFO, "sampler")
    registry.register(raising("bad"))
    registry.register(mapping("odd", ("a", "text"), ("b", "text"), ("c", 1)))
    with Gate("gate") as gate, Collector(registry, deadline=SHORT) as consumer:
        registry.register(gate.sampler)
        for _ in range(6):
            consumer.collect()
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == 3
        assert sum("'bad': raised: SystemExit: bad" in line for line in lines) == 1
        assert sum("'odd': samples refused: type" in line for line in lines) == 1
        assert sum("'gate': deadline" in line for line in lines) == 1
        gate.open()
        wait_for(lambda: "gate.calls" in values(consumer.collect()))
        assert "'gate': answers again" in caplog.records[-1].getMessage()


@counts_references
def test_a_raising_sampler_leaves_nothing_for_the_garbage_collector(registry: Registry) -> None:
    """What its frames held is freed at once: no circle runs through its traceback."""

    class Thing:
        """Something a sampler held when it raised."""

    things: list[weakref.ref[Thing]] = []

    def sample() -> Any:
        thing = Thing()
        things.append(weakref.ref(thing))
        raise ValueError(thing)

    registry.register({"name": "bad", "sample": sample})
    gc.collect()
    gc.disable()
    try:
        with Collector(registry, deadline=5.0) as consumer:
            consumer.collect()
        wait_for(lambda: things[0]() is None, 5.0, "the frame to be freed")
    finally:
        gc.enable()
