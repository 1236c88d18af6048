"""Rounds of pulls: what one sampler does is nobody else's affair."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import threading
import time
import weakref
from contextlib import ExitStack
from typing import Any

import pytest

from sampler import ABSENT, Collector, CollectorBusy, Registry, _health
from sampler._abandoned import BUDGET, abandoned
from tests.contract.build import Busy, Gate, Spin, in_thread, mapping, reasons, values
from tests.support.waiting import wait_for

SHORT = 0.1  # seconds that a sampler has in tests of those that overrun


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    """Every thread that a test abandons, or starts, ends with it."""
    before = set(threading.enumerate())
    yield
    wait_for(lambda: set(threading.enumerate()) <= before, 10.0, "all threads to end")
    assert abandoned() == 0


@pytest.fixture
def registry() -> Registry:
    return Registry()


def counting(name: str, at: int = 0) -> dict[str, Any]:
    """Return a sampler that says how often it was called."""
    calls = iter(range(at + 1, 10**9))
    return {
        "name": name,
        "sample": lambda: [("calls", next(calls))],
        "metrics": {"calls": {"kind": "counter"}},
    }


def raising(name: str) -> dict[str, Any]:
    """Return a sampler that raises."""

    def sample() -> Any:
        yield "a", 1
        raise SystemExit(name)

    return {"name": name, "sample": sample}


def none_abandoned(consumer: Collector) -> bool:
    """Pull, and tell whether no abandoned thread is left."""
    consumer.collect()
    return abandoned() == 0


# --------------------------------------------------------------------------------- the snapshot


def test_a_snapshot_has_a_block_per_sampler_in_the_order_of_the_registry(
    registry: Registry,
) -> None:
    """Each block has the time of its read; the snapshot has the time and the consumer's start."""
    for name in "cab":
        registry.register(mapping(name, ("x", 1)))
    before = time.time()
    with Collector(registry, identity={"service": "shop"}, deadline=5.0) as consumer:
        snapshot = consumer.collect()
    after = time.time()
    assert [block.sampler for block in snapshot.blocks] == ["c", "a", "b"]
    assert before <= snapshot.start <= snapshot.time <= snapshot.blocks[0].time
    assert snapshot.blocks[0].time <= snapshot.blocks[2].time <= after
    assert snapshot.identity["service"] == "shop"
    assert snapshot.identity["pid"].isdigit()
    assert len(snapshot) == 3
    assert snapshot.failures == ()


def test_an_empty_registry_gives_an_empty_snapshot(registry: Registry) -> None:
    """Nothing to pull is no error, and starts no thread."""
    before = threading.active_count()
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {}
        assert threading.active_count() == before


@pytest.mark.parametrize(
    ("interval", "deadline"), [(None, 5.0), (10.0, 5.0), (1.0, 1.0), (0.2, 0.2)]
)
def test_the_deadline_is_the_interval_and_at_most_five_seconds(
    registry: Registry, interval: float | None, deadline: float
) -> None:
    """The default of every sampler's deadline."""
    assert Collector(registry, interval=interval).deadline == deadline


def test_one_thread_serves_all_pulls(registry: Registry) -> None:
    """None at construction, one from the first pull on, none after close."""
    for n in range(20):
        registry.register(counting(f"s{n}"))
    before = threading.active_count()
    consumer = Collector(registry, deadline=5.0)
    assert threading.active_count() == before
    for _ in range(5):
        consumer.collect()
        assert threading.active_count() == before + 1
    consumer.close()
    wait_for(lambda: threading.active_count() == before)


# -------------------------------------------------------------------------------- one bad sampler


def test_raising_hanging_and_spinning_samplers_cost_themselves_only(registry: Registry) -> None:
    """In every round the others' numbers are there and right; the bad ones are counted."""
    with (
        Gate("hang") as gate,
        Spin("spin") as spin,
        Collector(registry, deadline=SHORT) as consumer,
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


def test_a_hung_sampler_is_not_called_again_while_its_call_runs(registry: Registry) -> None:
    """By no consumer; and it costs each of them nothing but its own place."""
    with (
        Gate("gate") as gate,
        Collector(registry, deadline=SHORT) as one,
        Collector(registry, deadline=SHORT) as other,
    ):
        registry.register(gate.sampler)
        assert reasons(one.collect()) == {"gate": "deadline"}
        began = time.monotonic()
        for _ in range(50):
            assert reasons(one.collect()) == {"gate": "hung"}
            assert reasons(other.collect()) == {"gate": "hung"}
        assert time.monotonic() - began < 50 * SHORT
        assert (gate.calls, abandoned()) == (1, 1)


def test_a_sampler_that_returns_after_all_is_parked_and_admitted_again(registry: Registry) -> None:
    """It waits out a pause that doubles with each overrun in a row, and answers again."""
    with Gate("gate") as gate, Collector(registry, deadline=SHORT) as consumer:
        registration = registry.register(gate.sampler)
        pauses = []
        for overrun in range(1, 4):
            wait_for(lambda: reasons(consumer.collect()) == {"gate": "deadline"})
            pauses.append(registration.health.parked(time.monotonic()))
            assert gate.calls == overrun
            gate.open()
            wait_for(lambda: abandoned() == 0)
            assert reasons(consumer.collect()) == {"gate": "parked"}
            gate.close()
        assert pauses == pytest.approx([SHORT, 2 * SHORT, 4 * SHORT], rel=0.5)
        gate.open()
        wait_for(lambda: values(consumer.collect()))
        assert gate.calls == 4
        assert gate.most == 1
        assert registration.health.parked(time.monotonic()) <= 0


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


def test_a_spinning_sampler_is_ended(registry: Registry) -> None:
    """Its thread disappears, though no call of it ever returns by itself."""
    with Spin() as spin, Collector(registry, deadline=SHORT) as consumer:
        registry.register(spin.sampler)
        registry.register(counting("good"))
        consumer.collect()
        assert abandoned() == 1
        wait_for(lambda: none_abandoned(consumer), 20.0, "the thread to end")
        assert spin.ended.is_set()
        assert not spin.stop


def test_spinning_samplers_are_ended_beside_a_busy_program(registry: Registry) -> None:
    """Also when several of them and the program share the interpreter."""
    spins = [Spin(f"spin{n}") for n in range(3)]
    with Busy(), Collector(registry, deadline=0.05) as consumer:
        for spin in spins:
            registry.register(spin.sampler)
        consumer.collect()
        wait_for(
            lambda: none_abandoned(consumer) and all(spin.ended.is_set() for spin in spins),
            30.0,
            "the threads to end",
        )
    assert not any(spin.stop for spin in spins)


def test_a_sampler_that_survives_its_end_once_is_ended_again(registry: Registry) -> None:
    """One that swallows the first exception is sent another."""
    caught: list[str] = []

    def sample() -> Any:
        while len(caught) < 2:
            try:
                while True:
                    pass
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
    with ExitStack() as stack, Collector(registry, deadline=0.05) as consumer:
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


def test_at_the_budget_only_proven_samplers_run(registry: Registry) -> None:
    """Twenty that hang at once cost sixteen threads; who has answered before always runs."""
    with ExitStack() as stack, Collector(registry, deadline=0.05) as consumer:
        gates = [stack.enter_context(Gate(f"gate{n}")) for n in range(20)]
        proven = registry.register(counting("proven"))
        consumer.collect()
        for gate in gates:
            registry.register(gate.sampler)
        registry.register(counting("late"))
        for pull in (2, 3):
            snapshot = consumer.collect()
            assert values(snapshot) == {"proven.calls": pull}
            assert abandoned() == BUDGET == 16
            assert sum(gate.calls for gate in gates) == BUDGET
            assert reasons(snapshot)["late"] == reasons(snapshot)["gate19"] == "exhausted"
        for gate in gates[:5]:  # the four that have not been tried yet take four places of these
            gate.open()
        wait_for(lambda: abandoned() == BUDGET - 5)
        assert values(consumer.collect())["late.calls"] == 1
        for gate in gates:
            gate.open()
        wait_for(lambda: len(values(consumer.collect())) == 22)
        assert proven.health.proven


def test_failures_in_a_row_pause_and_one_answer_ends_the_pause(registry: Registry) -> None:
    """The first two cost nothing; then it waits, longer each time; an answer clears all."""
    state = {"bad": True}

    def sample() -> Any:
        if state["bad"]:
            raise ValueError("down")
        yield "up", 1

    registration = registry.register({"name": "flaky", "sample": sample})
    with Collector(registry, deadline=5.0) as consumer:
        assert [reasons(consumer.collect())["flaky"] for _ in range(4)] == [
            "raised",
            "raised",
            "raised",
            "parked",
        ]
        assert 0.5 < registration.health.parked(time.monotonic()) <= 1.0
        state["bad"] = False
        wait_for(lambda: values(consumer.collect()) == {"flaky.up": 1})
        state["bad"] = True
        assert [reasons(consumer.collect())["flaky"] for _ in range(2)] == ["raised"] * 2


def test_a_sampler_may_fail_for_ever(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of failures in a row overflow nothing, and the others go on."""
    monkeypatch.setattr(_health, "LONGEST_PAUSE", 0.0)
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


# ------------------------------------------------------------------ one round, one hand-off


def test_a_round_beside_a_busy_thread_is_one_hand_off(registry: Registry) -> None:
    """A hundred samplers beside a CPU-bound thread: neither side waits once per sampler."""
    inside: list[int] = []

    def switches() -> int:
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

    for n in range(100):
        registry.register(
            {"name": f"s{n}", "sample": lambda: inside.append(switches()) or [("a", 1)]}
        )
    with Busy(), Collector(registry, deadline=20.0) as consumer:
        outside_counts, inside_counts = [], []
        for _ in range(5):
            inside.clear()
            before = switches()
            assert len(consumer.collect()) == 100
            outside_counts.append(switches() - before)
            inside_counts.append(inside[-1] - inside[0])
    # each wait for the interpreter (5 ms) is a switch as well, so noise adds some
    assert min(outside_counts) < 25
    assert min(inside_counts) < 25


# ----------------------------------------------------------------------------- who may call when


def test_collect_from_inside_a_sampler_raises_instead_of_waiting(registry: Registry) -> None:
    """It would wait for itself; the sampler that tries gets CollectorBusy, which it may handle."""
    caught: list[CollectorBusy] = []

    def sample() -> Any:
        for method in (consumer.collect, consumer.close):
            try:
                method()
            except CollectorBusy as error:
                caught.append(error)
        yield "a", 1

    registry.register({"name": "nested", "sample": sample})
    with Collector(registry, name="me", deadline=20.0) as consumer:
        assert values(in_thread(consumer.collect)(10.0)) == {"nested.a": 1}
        assert [error.name for error in caught] == ["me", "me"]
        assert values(in_thread(consumer.collect)(10.0)) == {"nested.a": 1}


def test_an_abandoned_sampler_may_not_collect_either(registry: Registry) -> None:
    """Its thread is still one of the consumer's, though no pull is running."""
    outcome: list[Any] = []
    release = threading.Event()

    def sample() -> Any:
        release.wait(20)
        try:
            outcome.append(consumer.collect())
        except CollectorBusy as error:
            outcome.append(error)
        return []

    registry.register({"name": "late", "sample": sample})
    with Collector(registry, deadline=SHORT) as consumer:
        consumer.collect()
        release.set()
        wait_for(lambda: outcome)
        assert isinstance(outcome[0], CollectorBusy)


def test_calls_that_overlap_share_one_pull(registry: Registry) -> None:
    """All of them get the same snapshot, of one call of each sampler."""
    with Gate("gate") as gate, Collector(registry, deadline=20.0) as consumer:
        registry.register(gate.sampler)
        waits = [in_thread(consumer.collect) for _ in range(5)]
        wait_for(lambda: gate.inside == 1)
        wait_for(lambda: len(consumer._turn._waiters) == 4)
        gate.open()
        snapshots = [wait(10.0) for wait in waits]
        assert all(snapshot is snapshots[0] for snapshot in snapshots)
        assert gate.calls == 1
        assert consumer.collect() is not snapshots[0]


def test_many_threads_never_call_one_sampler_at_once(registry: Registry) -> None:
    """One consumer pulls one after the other, whoever asks."""
    most, inside, lock = 0, 0, threading.Lock()

    def sample() -> Any:
        nonlocal most, inside
        with lock:
            inside += 1
            most = max(most, inside)
        yield "a", 1
        with lock:
            inside -= 1

    registry.register({"name": "a", "factory": lambda environ: sample})
    with Collector(registry, deadline=20.0) as consumer:

        def pulls() -> None:
            for _ in range(30):
                assert values(consumer.collect()) == {"a.a": 1}

        for wait in [in_thread(pulls) for _ in range(6)]:
            wait(20.0)
    assert most == 1


def test_a_waiter_gives_up_within_its_own_limit(registry: Registry) -> None:
    """Another thread's pull that takes longer is no reason to wait for it."""
    with Gate("gate") as gate, Collector(registry, deadline=20.0) as consumer:
        registry.register(gate.sampler)
        wait = in_thread(consumer.collect)
        wait_for(lambda: gate.inside == 1)
        with pytest.raises(CollectorBusy, match="within"):
            in_thread(lambda: consumer.collect(within=0.05))(5.0)
        gate.open()
        assert values(wait(10.0)) == {"gate.calls": 1}


def test_within_ends_the_whole_pull(registry: Registry) -> None:
    """What was read stands; who was running or waiting fails, and is not to blame."""
    with Gate("gate") as gate, Collector(registry, deadline=20.0) as consumer:
        registry.register(counting("before"))
        registration = registry.register(gate.sampler)
        registry.register(counting("behind"))
        began = time.monotonic()
        snapshot = consumer.collect(within=0.2)
        assert time.monotonic() - began < 10.0
        assert values(snapshot) == {"before.calls": 1}
        assert reasons(snapshot) == {"gate": "unreached", "behind": "unreached"}
        assert reasons(consumer.collect()) == {"gate": "hung"}
        gate.open()
        wait_for(lambda: abandoned() == 0)
        assert registration.health.parked(time.monotonic()) <= 0
        assert values(consumer.collect())["gate.calls"] == 2


def test_within_nothing_reaches_nobody(registry: Registry) -> None:
    """A pull without time calls no sampler."""
    with Gate("gate", closed=False) as gate, Collector(registry, deadline=5.0) as consumer:
        registry.register(gate.sampler)
        assert reasons(consumer.collect(within=0.0)) == {"gate": "unreached"}
        assert gate.calls == 0


def test_an_interrupted_caller_leaves_no_mess(registry: Registry) -> None:
    """KeyboardInterrupt ends the wait; the running call is not doubled, and blamed for nothing."""
    with Gate("gate") as gate, Collector(registry, deadline=20.0) as consumer:
        registration = registry.register(gate.sampler)
        registry.register(counting("good"))
        main = threading.get_ident()

        def interrupt() -> None:
            wait_for(lambda: gate.inside == 1)
            signal.pthread_kill(main, signal.SIGINT)

        wait = in_thread(interrupt)
        with pytest.raises(KeyboardInterrupt):
            consumer.collect()
        wait(5.0)
        snapshot = consumer.collect()
        assert values(snapshot) == {"good.calls": 1}
        assert reasons(snapshot) == {"gate": "hung"}
        gate.open()
        wait_for(lambda: abandoned() == 0)
        assert registration.health.parked(time.monotonic()) <= 0
        assert values(consumer.collect()) == {"gate.calls": 2, "good.calls": 2}
        assert gate.most == 1


# ------------------------------------------------------------------------ instances and their end


class Window:
    """A factory whose instances report how often an event came since their last call.

    Attributes:
        environs: what each was told.
        closed: how often an instance was closed.
    """

    def __init__(self) -> None:
        self.events = 0
        self.environs: list[Any] = []
        self.closed = 0
        self.sampler = {"name": "window", "factory": self}

    def __call__(self, environ: Any) -> Any:
        self.environs.append(environ)
        factory = self

        class Instance:
            seen = factory.events

            def __call__(self) -> Any:
                yield "events", factory.events - self.seen
                self.seen = factory.events

            def close(self) -> None:
                factory.closed += 1

        return Instance()


def test_two_consumers_have_windows_of_their_own(registry: Registry) -> None:
    """A fast consumer does not shorten the window of a slow one."""
    window = Window()
    registry.register(window.sampler)
    with (
        Collector(registry, name="fast", interval=1, deadline=5.0) as fast,
        Collector(registry, name="slow", interval=60, deadline=4.0) as slow,
    ):
        fast.collect()
        slow.collect()
        for _ in range(4):
            window.events += 5
            assert values(fast.collect()) == {"window.events": 5}
        assert values(slow.collect()) == {"window.events": 20}
        assert values(slow.collect()) == {"window.events": 0}
    assert window.environs == [
        {"api": 1, "consumer": "fast", "interval": 1, "deadline": 5.0},
        {"api": 1, "consumer": "slow", "interval": 60, "deadline": 4.0},
    ]
    assert window.closed == 2


def test_an_instance_is_closed_once(registry: Registry) -> None:
    """When its sampler is unregistered, or when its consumer closes; never twice."""
    window = Window()
    registration = registry.register(window.sampler)
    consumer = Collector(registry, deadline=5.0)
    consumer.collect()
    registration.unregister()
    consumer.collect()
    assert window.closed == 1
    consumer.close()
    consumer.close()
    assert window.closed == 1
    with pytest.raises(CollectorBusy, match="close"):
        consumer.collect()


def test_an_instance_that_never_was_is_not_closed(registry: Registry) -> None:
    """A consumer that never pulled has nothing to close, and makes nothing for it."""
    window = Window()
    registry.register(window.sampler)
    Collector(registry).close()
    assert (window.environs, window.closed) == ([], 0)


@pytest.mark.parametrize("reuse", [0.0, 60.0])
def test_a_window_is_never_shorter_than_reuse(registry: Registry, reuse: float) -> None:
    """Within that time an instance's last block stands; shared samplers are read each time."""
    window = Window()
    registry.register(window.sampler)
    registry.register(counting("shared"))
    registry.register({"name": "silent", "factory": lambda environ: lambda: calls.append(1) or ()})
    calls: list[int] = []
    with Collector(registry, deadline=5.0, reuse=reuse) as consumer:
        first = consumer.collect()
        window.events += 5
        again = consumer.collect()
        assert values(again) == {"shared.calls": 2, "window.events": 0 if reuse else 5}
        assert (again.blocks[0] is first.blocks[0]) == bool(reuse)
        assert len(calls) == (1 if reuse else 2)


def test_a_factory_that_fails_is_asked_again(registry: Registry) -> None:
    """It raises, then returns nothing to call, then works: two failures, then its numbers."""
    answers: list[Any] = [ValueError("not yet"), None, lambda: [("a", 1)]]

    def factory(environ: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    registry.register({"name": "slow", "factory": factory})
    with Collector(registry, deadline=5.0) as consumer:
        assert "not yet" in consumer.collect().failures[0].message
        assert "factory returned None" in consumer.collect().failures[0].message
        assert values(consumer.collect()) == {"slow.a": 1}
        assert values(consumer.collect()) == {"slow.a": 1}
    assert answers == []


def test_a_factory_may_use_the_registry_and_not_the_consumer(registry: Registry) -> None:
    """Re-entrance: what it registers is pulled next time; collect() is refused."""
    refused: list[CollectorBusy] = []

    def factory(environ: Any) -> Any:
        registry.register(counting("child"))
        with pytest.raises(CollectorBusy) as caught:
            consumer.collect()
        refused.append(caught.value)
        environ.clear()
        return lambda: [("a", 1)]

    registry.register({"name": "parent", "factory": factory})
    with Collector(registry, deadline=20.0) as consumer:
        assert values(in_thread(consumer.collect)(10.0)) == {"parent.a": 1}
        assert values(consumer.collect()) == {"parent.a": 1, "child.calls": 1}
    assert len(refused) == 1


def test_unregistering_a_hung_sampler_frees_its_place(registry: Registry) -> None:
    """Its instance is not closed under its own feet; nobody waits for it."""
    closed: list[int] = []

    class Hung:
        def __init__(self, environ: Any) -> None:
            pass

        def __call__(self) -> Any:
            return gate.sample()

        def close(self) -> None:
            closed.append(1)

    def sample() -> Any:
        return gate.sample()

    with Gate() as gate, Collector(registry, deadline=SHORT) as consumer:
        registration = registry.register({"name": "hung", "factory": Hung})
        registry.register(counting("good"))
        consumer.collect()
        registration.unregister()
        snapshot = consumer.collect()
        assert values(snapshot) == {"good.calls": 2}
        assert snapshot.failures == ()
    assert closed == []


def test_another_consumers_hung_instance_does_not_keep_this_one_open(registry: Registry) -> None:
    """Each consumer closes its own instance."""
    closed: list[str] = []

    def factory(environ: Any) -> Any:
        class Instance:
            def __call__(self) -> Any:
                if environ["consumer"] == "stuck":
                    return gate.sample()
                return [("a", 1)]

            def close(self) -> None:
                closed.append(environ["consumer"])

        return Instance()

    registry.register({"name": "a", "factory": factory})
    with Gate() as gate, Collector(registry, name="stuck", deadline=SHORT) as stuck:
        fine = Collector(registry, name="fine", deadline=SHORT)
        assert values(fine.collect()) == {"a.a": 1}
        stuck.collect()
        fine.close()
        assert closed == ["fine"]


def test_closing_waits_for_no_instance_longer_than_the_deadline(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose close() hangs, and one whose close() raises, keep nobody else open."""
    gate, closed = Gate(), []

    def instance(close: Any) -> Any:
        class Instance:
            def __call__(self) -> Any:
                return []

        Instance.close = lambda self: close()  # type: ignore[attr-defined]
        return Instance()

    def fail() -> None:
        raise SystemExit("in close")

    for name, close in (
        ("hangs", lambda: list(gate.sample())),
        ("fails", fail),
        ("fine", lambda: closed.append(1)),
    ):
        registry.register({"name": name, "factory": lambda environ, close=close: instance(close)})
    with gate:
        consumer = Collector(registry, deadline=SHORT)
        consumer.collect()
        in_thread(consumer.close)(10.0)
        assert closed == [1]
        lines = sorted(record.getMessage() for record in caplog.records)
        assert lines == [
            "sampler 'fails': close() failed: SystemExit: in close",
            "sampler 'hangs': close() failed: deadline",
        ]


def test_a_collector_takes_any_iterable_of_registrations(registry: Registry) -> None:
    """A selection of a registry will do."""
    chosen = [registry.register(counting(name)) for name in "abc"][1:]
    with Collector(chosen, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"b.calls": 1, "c.calls": 1}
