"""The built-in ``asyncio`` sampler, on loops that run, block, end and fork."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
import weakref

import pytest

import sampler
from sampler.samplers.asyncio import SAMPLER, _watches, watch
from tests.samplers.reading import consumer_of, read, run
from tests.support.waiting import wait_for


@pytest.fixture
def consumer():
    with consumer_of(SAMPLER) as consumer:
        yield consumer
    wait_for(lambda: not read_all() and not _watches, what="the loops to be forgotten")


def read_all():
    with consumer_of(SAMPLER) as consumer:
        return read(consumer)


@contextlib.contextmanager
def running():
    """Run a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(autouse=True)
def _withdrawn():
    yield
    with contextlib.suppress(KeyError):
        sampler.registry.unregister("asyncio")


def test_naming_a_loop_publishes_the_sampler() -> None:
    """One step is enough for an agent that collects what the program has registered."""
    with running() as loop, sampler.Collector() as collector:
        watch("web", loop)

        def told() -> bool:
            return "asyncio.lag" in {series.name for series, _ in collector.collect()}

        wait_for(told, what="the lag of the loop")
    wait_for(lambda: not read_all() and not _watches, what="the loop to be forgotten")


def test_a_sampler_of_that_name_that_the_program_has_stands() -> None:
    """Naming a loop raises nothing then."""
    own = sampler.register({"name": "asyncio", "sample": lambda: [("mine", 1)]})
    with running() as loop:
        watch("web", loop)
        assert [each for each in sampler.registry if each.name == "asyncio"] == [own]
    wait_for(lambda: not read_all() and not _watches, what="the loop to be forgotten")


def test_without_named_loops_there_is_nothing(consumer) -> None:
    """Neither loops that run nor their tasks are told unless they are named."""
    with running() as loop:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
        assert read(consumer) == {}


def test_tasks_are_those_of_the_loop(consumer) -> None:
    """As many as the program has made and not ended; the sampler adds none."""

    async def block(until: asyncio.Event) -> None:
        await until.wait()

    async def begin() -> asyncio.Event:
        until = asyncio.Event()
        tasks.extend(asyncio.create_task(block(until)) for _ in range(25))
        return until

    def count(name: str) -> float | None:
        return read(consumer).get(f'asyncio.tasks{{loop="{name}"}}')

    tasks: list[asyncio.Task[None]] = []
    with running() as loop, running() as other:
        watch("web", loop)
        watch("other", other)
        wait_for(lambda: count("web") == 0)
        until = asyncio.run_coroutine_threadsafe(begin(), loop).result()
        wait_for(lambda: count("web") == 25)
        assert count("other") == 0
        loop.call_soon_threadsafe(until.set)
        wait_for(lambda: count("web") == 0)


def test_a_blocked_loop_lags(consumer) -> None:
    """While it is blocked it is overdue; afterwards the lag is in the histogram."""
    release = threading.Event()
    with running() as loop:
        watch("web", loop)
        first = wait_for(lambda: read(consumer).get('asyncio.lag{loop="web"}'))
        wait_for(lambda: read(consumer)['asyncio.lag{loop="web"}'].count >= first.count + 3)
        loop.call_soon_threadsafe(release.wait)
        wait_for(lambda: read(consumer)['asyncio.overdue{loop="web"}'] > 0.3)
        before = read(consumer)['asyncio.lag{loop="web"}']
        release.set()
        wait_for(lambda: read(consumer)['asyncio.lag{loop="web"}'].count > before.count)
        after = read(consumer)['asyncio.lag{loop="web"}']
        assert after.count - before.count >= 1
        assert after.sum - before.sum > 0.3


def test_watching_in_a_coroutine_names_the_running_loop(consumer) -> None:
    """Once or more often; it beats once; when the loop is closed it is gone."""

    async def main() -> None:
        for _ in range(3):
            watch("main")
        loop = asyncio.get_running_loop()
        until = time.monotonic() + 20
        found = {}
        while 'asyncio.tasks{loop="main"}' not in found and time.monotonic() < until:
            found = await loop.run_in_executor(None, read, consumer)
        assert found['asyncio.tasks{loop="main"}'] == 1  # this one
        heartbeats = [
            handle
            for handle in loop._scheduled
            if "beat" in repr(handle) and not handle.cancelled()
        ]
        assert len(heartbeats) == 1

    asyncio.run(main())
    assert read(consumer) == {}
    assert not _watches


def test_a_name_passes_to_the_next_loop(consumer) -> None:
    """A program that runs one loop after the other goes on with one series, nothing lost."""
    counts = [0]

    def beaten() -> bool:
        lag = read(consumer).get('asyncio.lag{loop="web"}')
        assert lag is not None or counts == [0], "once told, never absent"
        return lag is not None and lag.count > counts[-1]

    for _ in range(3):
        with running() as loop:
            watch("web", loop)
            wait_for(beaten)
            counts.append(read(consumer)['asyncio.lag{loop="web"}'].count)
    assert counts == sorted(set(counts))


def test_a_loop_that_nobody_holds_is_freed(consumer) -> None:
    """The sampler keeps no loop alive, closed or not."""
    loop = asyncio.new_event_loop()
    watch("closed", loop)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
    assert read(consumer) == {}


def test_names_are_one_to_one(consumer) -> None:
    """Two open loops have two names, and a loop has one; mistakes are told."""
    with running() as loop, running() as other:
        watch("web", loop)
        watch("web", loop)
        with pytest.raises(ValueError, match="another open loop is watched as 'web'"):
            watch("web", other)
        with pytest.raises(ValueError, match="this loop is watched as 'web' already"):
            watch("api", loop)
        watch("api", other)
    closed = asyncio.new_event_loop()
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        watch("closed", closed)
    with pytest.raises(RuntimeError, match="no event loop is running here"):
        watch("none")
    for name in ("", "x" * 1025, "\ud800", 7, None):
        with pytest.raises(ValueError, match="a loop's name is a text"):
            watch(name, closed)


def test_pulls_beside_loops_that_make_tasks_all_the_time(consumer) -> None:
    """Sets of tasks that change while they are read disturb neither the pull nor the loops."""

    async def churn() -> int:
        until, made = time.monotonic() + 0.5, 0
        while time.monotonic() < until:
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(20)))
            made += 20
        return made

    with running() as loop, running() as other:
        watch("one", loop)
        watch("two", other)
        futures = [asyncio.run_coroutine_threadsafe(churn(), each) for each in (loop, other)]
        while not all(future.done() for future in futures):
            read(consumer)
        assert all(future.result() for future in futures)
        assert read(consumer)['asyncio.tasks{loop="two"}'] >= 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_tells_of_loops_that_run_there() -> None:
    """The parent's loops are silent in a child, unless the child runs them."""
    silent, found = run("""
        import asyncio
        from sampler.samplers.asyncio import SAMPLER, watch

        running, waiting = asyncio.new_event_loop(), asyncio.new_event_loop()
        watch("running", running)
        watch("waiting", waiting)
        threading.Thread(target=running.run_forever, daemon=True).start()
        with consumer_of(SAMPLER) as consumer:
            wait_for(lambda: read(consumer))

        def child():
            with consumer_of(SAMPLER) as consumer:
                silent = read(consumer)
                threading.Thread(target=waiting.run_forever, daemon=True).start()
                wait_for(lambda: read(consumer))
                return silent, sorted(read(consumer))

        print(json.dumps(in_child(child)))
    """)
    assert silent == {}
    assert found == [
        f'asyncio.{metric}{{loop="waiting"}}' for metric in ("lag", "overdue", "tasks")
    ]
