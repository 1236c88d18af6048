"""Rounds of pulls: the snapshot, who may call when, and for how long."""

from __future__ import annotations

import resource
import signal
import threading
import time
from typing import Any

import pytest

from sampler import Collector, CollectorBusy, Registry
from sampler._runtime.abandoned import abandoned
from tests.contract.build import Busy, Gate, counting, in_thread, mapping, reasons, values
from tests.support.health import health_of
from tests.support.waiting import SHORT, hangs, wait_for, within

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


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


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_THREAD"), reason="nobody counts the switches")
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
        for _ in range(10):
            inside.clear()
            before = switches()
            assert len(consumer.collect()) == 100
            outside_counts.append(switches() - before)
            inside_counts.append(inside[-1] - inside[0])
    # A hand-off for each would be 100 and more. Each wait for the interpreter (5 ms) is a switch,
    # too, and a machine with other work adds some.
    assert min(outside_counts) < 50
    assert min(inside_counts) < 50


@pytest.mark.scenario(21)
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


@pytest.mark.usefixtures("patient")
def test_an_abandoned_sampler_may_not_collect_either(registry: Registry) -> None:
    """Its thread is still one of the consumer's, though no pull is running."""
    outcome: list[Any] = []
    release = threading.Event()

    def sample() -> Any:
        hangs()
        release.wait(60)
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
        wait_for(lambda: len(consumer._changed._waiters) == 4)
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
            in_thread(lambda: consumer.collect(within=0.05))()
        gate.open()
        assert values(wait(10.0)) == {"gate.calls": 1}


def test_within_ends_the_whole_pull(registry: Registry) -> None:
    """What was read stands; who was running or waiting fails, and is not to blame."""
    with Gate("gate") as gate, Collector(registry, deadline=60.0) as consumer:
        registry.register(counting("before"))
        registration = registry.register(gate.sampler)
        registry.register(counting("behind"))
        with within(1.0):
            snapshot = consumer.collect(within=1.0)
        assert values(snapshot) == {"before.calls": 1}
        assert reasons(snapshot) == {"gate": "unreached", "behind": "unreached"}
        assert reasons(consumer.collect()) == {"gate": "hung"}
        gate.open()
        wait_for(lambda: abandoned() == 0)
        assert health_of(consumer, registration).pause_left(time.monotonic()) <= 0
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
        assert health_of(consumer, registration).pause_left(time.monotonic()) <= 0
        assert values(consumer.collect()) == {"gate.calls": 2, "good.calls": 2}
        assert gate.most == 1
