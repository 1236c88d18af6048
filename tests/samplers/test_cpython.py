"""The built-in ``cpython`` sampler, held against what the interpreter says."""

from __future__ import annotations

import gc
import os
import platform
import sys
import threading
import time

import pytest

from sampler.samplers import _pauses
from sampler.samplers.cpython import SAMPLER, _state
from tests.samplers.reading import consumer_of, read, run
from tests.support.waiting import wait_for


@pytest.fixture
def consumer():
    with consumer_of(SAMPLER) as consumer:
        yield consumer
    _state.wakeups._service = None  # tests that follow, and fork, find no thread
    wait_for(lambda: "sampler-wakeups" not in names())


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def series(metric: str, generation: int) -> str:
    return f'cpython.{metric}{{cpython.gc.generation="{generation}"}}'


def test_collections_are_counted_by_generation(consumer) -> None:
    """As many more collections, and pauses, as the program ran; objects freed as it left."""
    gc.disable()
    try:
        before = read(consumer)
        for _ in range(7):
            circle: list[object] = []
            circle.append(circle)
            del circle
            gc.collect(2)
        for _ in range(5):
            gc.collect(0)
        after = read(consumer)
    finally:
        gc.enable()

    def more(metric: str, generation: int) -> float:
        return after[series(metric, generation)] - before[series(metric, generation)]

    assert [more("gc.collections", generation) for generation in (0, 1, 2)] == [5, 0, 7]
    assert more("gc.collected_objects", 2) >= 7
    assert more("gc.uncollectable_objects", 2) == 0
    for generation, expected in enumerate((5, 0, 7)):
        pauses = [found[series("gc.pause", generation)] for found in (before, after)]
        assert pauses[1].count - pauses[0].count == expected
        assert pauses[1].sum - pauses[0].sum < 60


def test_a_pause_lasts_as_long_as_its_collection(consumer) -> None:
    """The time of a long collection is what the program waited for it."""
    many = [[number] for number in range(300_000)]
    gc.disable()
    try:
        before = read(consumer)[series("gc.pause", 2)]
        began, used = time.perf_counter(), time.thread_time()
        gc.collect()
        used, waited = time.thread_time() - used, time.perf_counter() - began
        pause = read(consumer)[series("gc.pause", 2)].sum - before.sum
    finally:
        gc.enable()
    assert len(many) == 300_000
    assert 0.5 * used < pause <= waited


def test_the_rest_is_what_the_interpreter_says(consumer) -> None:
    """Threads, modules, switch interval, blocks, implementation and version."""
    read(consumer)  # its own thread has started
    found = read(consumer)
    wait_for(lambda: read(consumer)["cpython.thread.count"] == threading.active_count())
    assert found["cpython.module.count"] == len(sys.modules)
    assert found["cpython.thread.switch_interval"] == sys.getswitchinterval()
    assert found["cpython.memory.allocated_blocks"] == pytest.approx(
        sys.getallocatedblocks(), rel=0.2
    )
    implementation, version = sys.implementation.name, platform.python_version()
    assert found[f'cpython.info{{implementation="{implementation}",version="{version}"}}'] == 1


def test_collections_anywhere_do_no_harm(consumer) -> None:
    """Collections within every pull and in many threads: no deadlock, none lost, none twice."""
    done = threading.Event()

    def collect() -> None:
        while not done.wait(0.001):
            gc.collect(0)

    def unseen() -> list[float]:
        gc.disable()
        found = read(consumer)
        gc.enable()
        return [
            found[series("gc.collections", generation)]
            - found[series("gc.pause", generation)].count
            for generation in range(3)
        ]

    before = unseen()  # pauses from before anybody pulled, forgotten
    threshold = gc.get_threshold()
    threads = [threading.Thread(target=collect) for _ in range(4)]
    gc.set_threshold(1)
    try:
        for thread in threads:
            thread.start()
        for _ in range(50):
            read(consumer)
    finally:
        gc.set_threshold(*threshold)
        done.set()
        for thread in threads:
            thread.join()
    assert unseen() == before


def test_what_nobody_fetches_is_bounded() -> None:
    """Without a pull the newest pauses are kept, and each of them is a true one."""
    pauses = _pauses.Pauses("generation")
    try:
        for _ in range(3 * _pauses.KEPT):
            gc.collect(0)
        assert len(pauses._queue) == pauses._queue.maxlen
        counts = {texts["generation"]: value for _, value, texts in pauses.samples("pause")}
        assert sum(value["count"] for value in counts.values()) == _pauses.KEPT
        assert counts["0"]["sum"] < 60
    finally:
        pauses.close()


def test_wakeup_delays_are_recorded(consumer) -> None:
    """From the first pull on there are observations, also beside a thread that uses the CPU."""
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        before = read(consumer)["cpython.wakeup.delay"].count
        wait_for(lambda: read(consumer)["cpython.wakeup.delay"].count >= before + 3)
    finally:
        done.set()
        thread.join()
    delays = read(consumer)["cpython.wakeup.delay"]
    assert delays.sum >= 0
    assert names().count("sampler-wakeups") == 1


def test_a_signal_during_a_collection_reaches_the_program() -> None:
    """What a signal handler raises is not lost in a callback, however long the collection."""
    told = run("""
        import gc
        import sampler.samplers.cpython
        class Told(Exception): pass
        def tell(*_): raise Told
        signal.signal(signal.SIGALRM, tell)
        many = [[number] for number in range(500_000)]
        ignored = []
        sys.unraisablehook = ignored.append
        told = 0
        for _ in range(10):
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            try:
                gc.collect()
                wait_for(lambda: False, 5)
            except Told:
                told += 1
        print(json.dumps([told, len(ignored)]))
    """)
    assert told == [10, 0]


def test_importing_it_starts_no_thread() -> None:
    """Only a pull does, and it ends with the program."""
    before, after = run("""
        from sampler.samplers.cpython import SAMPLER
        before = threading.active_count()
        with consumer_of(SAMPLER) as consumer:
            after = read(consumer)["cpython.thread.count"]
        print(json.dumps([before, after]))
    """)
    assert before == 1
    assert after > 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_counts_for_itself() -> None:
    """What the parent counted is the parent's; the child's pauses and delays are recorded."""
    parent, first, second, start, forked = run("""
        import gc
        from sampler.samplers.cpython import SAMPLER, start
        gc.disable()
        name = 'cpython.gc.%s{cpython.gc.generation="2"}'

        def numbers(consumer):
            found = read(consumer)
            return [found[name % "collections"], found[name % "pause"].count]

        def child():
            with consumer_of(SAMPLER) as consumer:
                first = numbers(consumer)
                gc.collect()
                second = numbers(consumer)
                wait_for(lambda: read(consumer)["cpython.wakeup.delay"].count)
            return first, second, start()

        with consumer_of(SAMPLER) as consumer:
            for _ in range(20):
                gc.collect()
            parent = numbers(consumer)
            forked = time.time()
            print(json.dumps([parent, *in_child(child), forked]))
    """)
    assert parent[0] >= 20
    assert parent[0] == parent[1]
    assert first == [0, 0]
    assert second == [1, 1]
    assert start >= forked
