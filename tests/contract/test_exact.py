"""Counting is exact: under threads, in signal handlers, in finalizers; and what would break it."""

from __future__ import annotations

import dis
import gc
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sampler import Collector, Instruments, Registry
from sampler import HistogramValue as Value
from sampler._instruments import free_threading
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.labelled_kinds import LabelledCounter, LabelledGauge
from sampler._instruments.timers import Timer
from tests.support.interpreter import CPYTHON, counts_in_one_step, get_threshold, set_threshold

ROOT = Path(__file__).parents[2]
THREADS, EACH = 8, 1_000_000
POLLS = ("CALL", "JUMP_BACKWARD", "RESUME", "SEND", "YIELD", "FOR_ITER", "WITH")
"""Beginnings of the names of instructions at which another thread, or a handler, may run."""


class Unsafe(Counter):
    """A counter that looks as safe as the other one."""

    def inc(self, n: float = 1) -> None:
        self._value = int(self._value) + n


def windows(function: Any) -> list[list[str]]:
    """Return the instructions between each load and store of an attribute or element."""
    code = list(dis.get_instructions(function))
    found = []
    for end, instruction in enumerate(code):
        stored = instruction.opname
        if stored == "STORE_ATTR":
            loads = [i for i in range(end) if code[i].opname == "LOAD_ATTR"]
            loads = [i for i in loads if code[i].argrepr == instruction.argrepr]
        elif stored == "STORE_SUBSCR":
            loads = [
                i
                for i in range(end)
                if code[i].opname == "BINARY_SUBSCR" or code[i].argrepr == "[]"
            ]
        else:
            continue
        if loads:
            found.append([each.opname for each in code[loads[-1] + 1 : end]])
    return found


def polls(window: list[str]) -> list[str]:
    return [name for name in window if name.startswith(POLLS)]


@pytest.mark.skipif(free_threading.NEEDED, reason="this interpreter needs the lock")
@pytest.mark.parametrize(
    ("function", "stores"),
    [
        (Counter.inc, 1),
        (Gauge.inc, 1),
        (Histogram.observe, 2),
        (Histogram._observe_first, 2),
        (LabelledCounter.inc, 1),
        (LabelledGauge.inc, 1),
        (LabelledGauge.dec, 1),
        (Timer.__exit__, 2),
        (Histogram().time()(int), 2),
    ],
)
def test_nothing_can_come_between_a_load_and_its_store(function, stores) -> None:
    """No instruction there lets another thread, a handler or the collector of garbage run."""
    found = windows(function)
    assert len(found) >= stores
    assert any("BINARY_OP" in window for window in found)
    assert [polls(window) for window in found] == [[]] * len(found)


@pytest.mark.skipif(free_threading.NEEDED, reason="this interpreter needs the lock")
def test_the_guard_sees_an_unsafe_increment() -> None:
    """One call between the two is enough."""
    (window,) = windows(Unsafe.inc)
    assert polls(window)


class Storm:
    """Thread switches, signals and collections of garbage, as often as they may come.

    Elsewhere than on CPython no signals: a handler may interrupt a count of its own thread there.
    """

    def __init__(self, handler: Any, period: float = 0.001, threshold: int = 10) -> None:
        self._handler = handler
        self._period = period
        self._often = threshold

    def __enter__(self) -> None:
        self._switch = sys.getswitchinterval()
        self._threshold = get_threshold()
        self._before = signal.signal(signal.SIGALRM, self._handler)
        sys.setswitchinterval(1e-6)
        set_threshold(self._often)
        if CPYTHON:
            signal.setitimer(signal.ITIMER_REAL, self._period, self._period)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        set_threshold(*self._threshold)
        sys.setswitchinterval(self._switch)


class Finalized:
    """A cycle that counts when the collector ends it."""

    def __init__(self, count: Any) -> None:
        self.me = self
        self.count = count

    def __del__(self) -> None:
        self.count()


def in_threads(work: Any, threads: int = THREADS) -> None:
    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def lost(counter: Any, each: int) -> int:
    """Count from many threads, amid a storm; return how many were lost."""
    more: list[None] = []  # nothing is lost of a list: each interpreter appends in one step

    def count() -> None:
        counter.inc()
        more.append(None)

    def work() -> None:
        inc = counter.inc
        for i in range(each):
            inc()
            if not i % 10_000:
                Finalized(int)

    before = counter.read()
    with Storm(lambda *_: count()):
        in_threads(work)
    return int(before + THREADS * each + len(more) - counter.read())


@pytest.mark.scenario(30)
def test_eight_threads_and_a_storm_lose_nothing_of_a_counter() -> None:
    """A million increments each, while a consumer pulls."""
    registry = Registry()
    counter = Instruments("shop", registry).counter("orders")
    over, pulled = threading.Event(), []

    def pull() -> None:
        while not over.is_set():
            pulled.extend(value for _, value in consumer.collect())

    with Collector(registry, deadline=60.0) as consumer:
        puller = threading.Thread(target=pull)
        puller.start()
        try:
            assert lost(counter, EACH) == 0
        finally:
            over.set()
            puller.join()
        assert [value for _, value in consumer.collect()] == [counter.read()]
    assert len(pulled) > 3
    assert pulled == sorted(pulled)


@pytest.mark.skipif(free_threading.NEEDED, reason="there it is the lock that counts")
def test_an_unsafe_increment_does_lose() -> None:
    """So the test above can fail."""
    assert lost(Unsafe(), 200_000) > 0


def test_eight_threads_lose_nothing_of_gauge_and_histogram() -> None:
    """On every interpreter, with neither handlers nor finalizers."""
    gauge, histogram = Gauge(), Histogram()

    def work() -> None:
        for _ in range(50_000):
            histogram.observe(0.5)
            gauge.inc(3)
            gauge.dec(1)

    in_threads(work)
    value = histogram.read()
    assert (value.count, value.sum) == (THREADS * 50_000, THREADS * 25_000)
    assert gauge.read() == THREADS * 100_000


@counts_in_one_step
@pytest.mark.scenario(29)
def test_eight_threads_and_a_storm_lose_nothing_of_gauge_and_histogram() -> None:
    """Finalizers and handlers count, too; each reading meanwhile has count and sum that agree."""
    gauge, histogram = Gauge(), Histogram()
    handled: list[None] = []
    ended: list[None] = []
    made = 0
    readings: list[Value] = []

    def handler(*_: object) -> None:
        histogram.observe(0.5)
        handled.append(None)

    def finalize() -> None:
        histogram.observe(0.5)
        ended.append(None)

    def work() -> None:
        for i in range(100_000):
            histogram.observe(0.5)
            gauge.inc(3)
            gauge.dec(1)
            if not i % 1_000:
                readings.append(histogram.read())

    with Storm(handler):
        in_threads(work)
        for _ in range(1_000):
            Finalized(finalize)
            made += 1
    gc.collect()
    value = histogram.read()
    assert len(ended) == made
    assert value.count == THREADS * 100_000 + len(handled) + len(ended)
    assert value.sum == value.count * 0.5
    assert gauge.read() == THREADS * 100_000 * 2
    assert all(reading.sum == reading.count * 0.5 for reading in readings)


@counts_in_one_step
def test_eight_threads_and_a_storm_lose_nothing_recorded_by_keyword_or_timed() -> None:
    """Children are made and found meanwhile, by finalizers and handlers, too."""
    shop = Instruments("shop", Registry())
    counter, gauge = shop.counter("c", labels=("of",)), shop.gauge("g", labels=("of",))
    histogram = shop.histogram("h", labels=("of",))
    timed = histogram.labels("call").time()(int)
    handled: list[None] = []
    ended: list[None] = []
    made, each = 0, 30_000

    def handler(*_: object) -> None:
        counter.inc(of="handler")
        histogram.observe(0.5, of="observed")
        handled.append(None)

    def finalize() -> None:
        counter.inc(of="finalizer")
        histogram.observe(0.5, of="observed")
        ended.append(None)

    def work() -> None:
        for i in range(each):
            counter.inc(of=f"{i % 3}")
            counter.inc(2, of="loop")
            gauge.inc(of="loop")
            gauge.inc(3, of="loop")
            gauge.dec(of="loop")
            histogram.observe(0.5, of="observed")
            with histogram.time(of="block"):
                timed()

    with Storm(handler):
        in_threads(work)
        for _ in range(1_000):
            Finalized(finalize)
            made += 1
    gc.collect()
    assert len(ended) == made
    counts = {child.texts[0]: child.read() for child in counter.children()}
    assert counts.pop("handler", 0) == len(handled)
    assert counts.pop("finalizer") == len(ended)
    assert counts.pop("loop") == THREADS * each * 2
    assert counts == dict.fromkeys("012", THREADS * each // 3)
    assert gauge.labels("loop").read() == THREADS * each * 3
    observed = histogram.labels("observed").read()
    assert observed.count == THREADS * each + len(handled) + len(ended)
    assert observed.sum == observed.count * 0.5
    for what in ("block", "call"):
        assert histogram.labels(what).read().count == THREADS * each


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.scenario(29)
def test_a_minute_of_signals_that_count_loses_nothing() -> None:
    """A signal each 0.1 ms and a collection at each allocation, whose finalizers count as well."""
    counter, histogram = Counter(), Histogram()
    handled: list[None] = []
    ended: list[None] = []
    made = worked = 0

    def handler(*_: object) -> None:
        counter.inc()
        histogram.observe(0.5)
        handled.append(None)

    def finalize() -> None:
        counter.inc()
        histogram.observe(0.5)
        ended.append(None)

    until = time.monotonic() + 60
    with Storm(handler, period=1e-4, threshold=1):
        while time.monotonic() < until:
            counter.inc()
            histogram.observe(0.5)
            worked += 1
            Finalized(finalize)
            made += 1
    gc.collect()
    assert len(ended) == made
    assert len(handled) > 10_000
    assert counter.read() == histogram.read().count == worked + len(handled) + len(ended)


def test_buckets_that_begin_in_many_threads_lose_nothing() -> None:
    """The first observation of a bucket takes another way."""
    for _ in range(30):
        histogram = Histogram()
        barrier = threading.Barrier(THREADS)

        def work(histogram: Histogram = histogram, barrier: Any = barrier) -> None:
            barrier.wait()
            for exponent in range(-20, 20):
                histogram.observe(2.0**exponent)

        in_threads(work)
        assert histogram.read().count == THREADS * 40


def said_by(program: str) -> tuple[str, str]:
    """Run a program in a process of its own; return its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, done.stderr


LOCKED = """
import sys, threading
sys._is_gil_enabled = lambda: False
import sampler
from sampler._instruments import free_threading
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
assert free_threading.NEEDED
assert Counter.inc.__wrapped__ is not None
sys.setswitchinterval(1e-6)
counter, gauge, histogram = Counter(), Gauge(), Histogram()
def work():
    for _ in range(20_000):
        counter.inc()
        counter.inc(2.5)
        gauge.inc(2)
        histogram.observe(0.25)
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert counter.read() == 160_000 * 3.5, counter.read()
assert gauge.read() == 320_000
assert histogram.read().count == 160_000
import signal
hits = [0]
def handler(*_):
    counter.inc(); hits[0] += 1
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
before = counter.read()
for _ in range(200_000):
    counter.inc()
signal.setitimer(signal.ITIMER_REAL, 0)
assert counter.read() == before + 200_000 + hits[0]
print("exact", hits[0] > 0)
"""


def test_where_the_interpreter_has_no_lock_ours_is_chosen_at_import() -> None:
    """Tried on one that has: no other was at hand. A handler may count while its thread does."""
    assert said_by(LOCKED) == ("exact True\n", "")


PAYING = """
import threading, tracemalloc, sampler
from pathlib import Path
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
counter, gauge, histogram = Counter(), Gauge(), Histogram()
here = str(Path(sampler.__file__).parent)
for instrument in (counter.inc, lambda: gauge.set(3), lambda: histogram.observe(0.3)):
    for _ in range(1_000):
        instrument()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for _ in range(10_000):
        instrument()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    grown = [d for d in after.compare_to(before, "filename") if here in str(d.traceback)]
    assert sum(d.count_diff for d in grown) <= 2, grown  # the numbers themselves
print("threads", threading.active_count())
"""


def test_nobody_pays_while_nobody_pulls() -> None:
    """No thread is started, and an increment leaves no object behind."""
    pytest.importorskip("tracemalloc")
    assert said_by(PAYING) == ("threads 1\n", "")  # other tests' threads may work on here
