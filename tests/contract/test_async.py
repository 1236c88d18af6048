"""``async def`` samplers run on the loop they belong to, and nowhere else."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from typing import Any

import pytest

from sampler import Collector, Registry
from sampler._pull.async_call import running_loop
from sampler.testing._loop import LoopThread as Loop
from tests.contract.build import mapping, reasons, values
from tests.support.health import health_of
from tests.support.waiting import SHORT, hangs, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

JUST_LATE = 0.95 * SHORT
"""Seconds after which a call on a loop is cancelled, and the thread that waits is not given up."""


@pytest.fixture
def running() -> Any:
    with Loop() as running:
        yield running


@pytest.fixture
def consumer(registry: Registry) -> Any:
    with Collector(registry, deadline=20.0) as consumer:
        yield consumer


@pytest.mark.clause("C-07")
def test_a_coroutine_is_awaited_on_its_loop(running: Loop, consumer: Any, registry: Any) -> None:
    """And returns an iterable of samples."""

    async def sample() -> Any:
        await asyncio.sleep(0)
        here = threading.current_thread() is running.thread
        return [("here", here), ("loop", asyncio.get_running_loop() is running.loop)]

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    assert values(consumer.collect()) == {"web.here": 1, "web.loop": 1}
    assert not running.tasks()


@pytest.mark.clause("S-13")
def test_an_async_generator_yields_samples(running: Loop, consumer: Any, registry: Any) -> None:
    """With awaits between them."""

    async def sample() -> Any:
        for n in range(3):
            await asyncio.sleep(0)
            yield "n", n, {"i": n}

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    assert list(values(consumer.collect()).values()) == [0, 1, 2]


@pytest.mark.clause("R-13")
def test_an_async_generator_can_be_shared(running: Loop, consumer: Any, registry: Any) -> None:
    """Its samples are held until the next read."""
    reads: list[int] = []

    async def sample() -> Any:
        reads.append(1)
        for n in range(3):
            await asyncio.sleep(0)
            yield "n", n, {"i": n}

    sampler = {"name": "web", "sample": sample, "loop": running.get, "min_interval": 3600}
    registry.register(sampler)
    for _ in range(2):
        assert list(values(consumer.collect()).values()) == [0, 1, 2]
    assert reads == [1]


def test_a_generator_that_a_coroutine_returns_runs_on_the_loop(
    running: Loop, consumer: Any, registry: Any
) -> None:
    """Where its state lives."""

    def rows() -> Any:
        yield "here", threading.current_thread() is running.thread

    async def sample() -> Any:
        return rows()

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    assert values(consumer.collect()) == {"web.here": 1}


@pytest.mark.clause("S-12")
def test_without_a_loop_an_async_sampler_says_what_it_needs(consumer: Any, registry: Any) -> None:
    """It is never run on a loop of the consumer's own."""

    async def sample() -> Any:
        return [("n", 1)]

    registry.register({"name": "web", "sample": sample})
    registry.register(mapping("other", ("n", 1)))
    snapshot = consumer.collect()
    assert values(snapshot) == {"other.n": 1}
    assert "needs 'loop'" in snapshot.failures[0].message


@pytest.mark.parametrize("found", [None, object()])
def test_a_loop_that_is_none_is_named(found: object, consumer: Any, registry: Any) -> None:
    """With what was returned instead."""

    async def sample() -> Any:
        return [("n", 1)]

    registry.register({"name": "web", "sample": sample, "loop": lambda: found})
    (failure,) = consumer.collect().failures
    assert f"'loop' returned {type(found).__name__}" in failure.message


def test_a_stopped_loop_fails_at_once(running: Loop, consumer: Any, registry: Any) -> None:
    """Nothing is scheduled that nobody would ever run."""

    async def sample() -> Any:
        return [("n", 1)]

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    assert values(consumer.collect()) == {"web.n": 1}
    running.stop()
    (failure,) = consumer.collect().failures
    assert (failure.reason, "not running" in failure.message) == ("raised", True)


def test_a_pull_on_its_own_loop_fails_it_at_once(registry: Registry) -> None:
    """Instead of waiting for itself until the deadline; others keep their numbers."""

    async def sample() -> Any:
        return [("n", 1)]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        registry.register({"name": "web", "sample": sample, "loop": lambda: loop})
        registry.register(mapping("other", ("n", 1)))
        with Collector(registry, deadline=60.0) as consumer:
            snapshot = consumer.collect()
            assert values(snapshot) == {"other.n": 1}
            assert "waits for itself" in snapshot.failures[0].message
            found = values(await asyncio.to_thread(consumer.collect))
            assert found == {"other.n": 1, "web.n": 1}

    asyncio.run(main())


@pytest.mark.clause("C-07")
@pytest.mark.usefixtures("patient")
def test_one_that_overruns_is_cancelled_at_the_deadline(running: Loop, registry: Any) -> None:
    """On its loop, with no thread given up; others keep their numbers."""
    cancelled = threading.Event()

    async def sample() -> Any:
        hangs(JUST_LATE, waiting=2)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return []

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    registry.register(mapping("other", ("n", 1)))
    with Collector(registry, deadline=SHORT) as consumer:
        snapshot = consumer.collect()
        assert reasons(snapshot) == {"web": "deadline"}
        assert values(snapshot) == {"other.n": 1}
        assert cancelled.wait(10)
        wait_for(lambda: not running.tasks(), what="the task to end")


@pytest.mark.usefixtures("patient")
def test_one_that_ignores_its_cancellation_is_not_called_again(
    running: Loop, registry: Any
) -> None:
    """Until it has ended."""
    calls = []
    end = asyncio.Event()

    async def sample() -> Any:
        calls.append(1)
        if not end.is_set():
            hangs(JUST_LATE, waiting=2)
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        return [("n", 1)]

    registration = registry.register({"name": "web", "sample": sample, "loop": running.get})
    with Collector(registry, deadline=SHORT) as consumer:
        assert reasons(consumer.collect()) == {"web": "deadline"}
        assert reasons(consumer.collect()) == {"web": "hung"}
        running.loop.call_soon_threadsafe(end.set)
        wait_for(lambda: not running.tasks(), what="the task to end")
        health_of(consumer, registration).answered()  # no pause
        assert values(consumer.collect()) == {"web.n": 1}
        assert len(calls) == 2


def test_a_blocked_loop_costs_the_async_sampler_only(running: Loop, registry: Any) -> None:
    """It fails; the consumer goes on."""
    blocked = threading.Event()
    running.loop.call_soon_threadsafe(blocked.wait, 60)

    async def sample() -> Any:
        return [("n", 1)]

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    registry.register(mapping("other", ("n", 1)))
    with Collector(registry, deadline=2.0) as consumer:
        snapshot = consumer.collect()
        assert reasons(snapshot) == {"web": "deadline"}
        assert values(snapshot) == {"other.n": 1}
        blocked.set()


def test_what_it_raises_is_the_failure(running: Loop, consumer: Any, registry: Any) -> None:
    """In its own words; the loop's exception handler is not bothered."""
    heard = []
    running.loop.set_exception_handler(lambda _loop, context: heard.append(context))

    async def sample() -> Any:
        raise OSError("no route")

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    (failure,) = consumer.collect().failures
    assert failure.message == "OSError: no route"
    assert not heard


def test_a_factory_may_be_async(running: Loop, registry: Any) -> None:
    """Instances are called and closed on the loop, one call at a time."""
    closed = []

    class Instance:
        seen = 0

        async def __call__(self) -> Any:
            self.seen += 1
            return [("seen", self.seen)]

        async def close(self) -> None:
            closed.append(threading.current_thread() is running.thread)

    registry.register({"name": "web", "factory": lambda _environ: Instance(), "loop": running.get})
    with Collector(registry, deadline=20.0) as one, Collector(registry, deadline=20.0) as two:
        assert values(one.collect()) == {"web.seen": 1}
        assert values(one.collect()) == {"web.seen": 2}
        assert values(two.collect()) == {"web.seen": 1}
    assert closed == [True, True]


def test_an_endless_async_generator_is_cut(running: Loop, registry: Any) -> None:
    """At ``max_samples``, and closed."""
    ended = threading.Event()

    async def sample() -> Any:
        n = 0
        try:
            while True:
                yield "n", n, {"i": n}
                n += 1
        finally:
            ended.set()

    registry.register({"name": "web", "sample": sample, "loop": running.get})
    with Collector(registry, deadline=20.0, max_samples=5) as consumer:
        assert len(consumer.collect()) == 5
        assert consumer.statistics()[0].refused == {"too_many_samples": 1}
    assert ended.is_set()


def test_an_async_sampler_may_share_its_read(running: Loop, registry: Any) -> None:
    """With ``min_interval``."""
    calls = []

    async def sample() -> Any:
        calls.append(1)
        return [("n", len(calls))]

    registry.register({"name": "web", "sample": sample, "loop": running.get, "min_interval": 3600})
    with Collector(registry, deadline=20.0) as one, Collector(registry, deadline=20.0) as two:
        assert values(one.collect()) == values(two.collect()) == {"web.n": 1}


def test_a_pull_while_another_thread_imports_asyncio(monkeypatch) -> None:
    """A module that is only half there stops no pull."""
    monkeypatch.setitem(sys.modules, "asyncio", types.ModuleType("asyncio"))
    assert running_loop() is None
