"""What the validator finds by watching for a while: falls, verdicts, and what is exercised."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
import weakref
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Block, Series, Snapshot
from sampler.testing import LoopThread
from sampler.validate import Breach, Examination, examine
from sampler.validate._breach import Report
from sampler.validate._compare import Comparison
from tests.support.waiting import wait_for

RECIPES = Path(__file__).parents[2] / "docs/recipes.md"
COUNTER = {"c": {"kind": "counter"}}


def counter(read: Any, **keys: Any) -> dict[str, Any]:
    """Return a sampler of one counter."""
    return {"name": "s", "sample": lambda: [("c", read())], "metrics": COUNTER, **keys}


def clauses_of(found: Examination) -> list[str]:
    return [breach.clause for breach in found.breaches]


def sum_over_thirty(now: float) -> float:
    """Return what thirty objects count, which live for 3 s: one is replaced each 0.1 s."""
    return sum(1000 * ((now + n / 10) % 3) for n in range(30))


@pytest.mark.clause("S-20")
def test_a_sum_over_objects_that_come_and_go_is_found() -> None:
    """It falls when one goes, to a height that nothing reaches which has just started over."""
    found = examine(counter(lambda: sum_over_thirty(time.monotonic())))
    assert clauses_of(found) == ["S-20"]
    assert "Totals that outlive their objects" in found.breaches[0].remedy
    assert "docs/recipes.md" in str(found.breaches[0])
    assert "\n## Totals that outlive their objects\n" in RECIPES.read_text("utf-8")


@pytest.mark.clause("S-07", "S-20")
def test_such_a_sum_is_found_in_instances_too() -> None:
    """Each has the totals of its own objects."""

    def factory(environ: Any) -> Any:
        return lambda: [("c", sum_over_thirty(time.monotonic()))]

    found = examine({"name": "s", "factory": factory, "metrics": COUNTER})
    assert clauses_of(found) == ["S-20"]


@pytest.mark.clause("S-20")
def test_a_source_that_starts_over_is_left_in_peace() -> None:
    """Whenever it does so, it counts from 0 again."""
    found = examine(counter(lambda: 1000 * (time.monotonic() % 0.5)))
    assert found.conforms, found.breaches
    assert found.grown == 1


@pytest.mark.clause("S-10", "S-20")
def test_a_source_that_says_when_it_started_over_may_be_anywhere() -> None:
    """It is not judged by its falls."""
    began, rounds = time.time(), []
    value = lambda: 500 if len(rounds) > 3 else 900 + len(rounds)
    start = lambda: began - 0.001 if len(rounds) > 3 else began - 9
    found = examine(
        counter(value, start=start), seconds=0.05, exercise=lambda: rounds.append(None)
    )
    assert found.conforms, found.breaches


@pytest.mark.clause("S-10")
def test_a_source_may_start_over_during_a_read() -> None:
    """That pull has failed, and nothing is wrong with the sampler."""
    began, rounds = time.time() - 9, []

    def sample() -> Any:
        rounds.append(None)
        yield "c", len(rounds)

    mapping = {"name": "s", "sample": sample, "metrics": COUNTER}
    found = examine(mapping | {"start": lambda: began + (len(rounds) > 5)}, seconds=0.05)
    assert found.conforms, found.breaches


@pytest.mark.clause("S-10")
def test_a_start_that_changes_in_every_read_is_found() -> None:
    """It was computed anew each time, so no pull succeeds."""
    ages = itertools.count()
    began = time.time() - 9
    found = examine(counter(lambda: 1, start=lambda: began + next(ages) / 1e3), seconds=0.05)
    assert clauses_of(found) == ["S-10"]


@pytest.mark.clause("S-10", "S-19")
def test_numbers_of_other_classes_are_numbers() -> None:
    """To the validator as to a consumer."""
    found = examine(
        {
            "name": "s",
            "sample": lambda: [("a", Decimal("1.5")), ("h", Decimal("NaN"))],
            "start": lambda: Decimal(5),
            "metrics": {"a": {}, "h": {"kind": "histogram"}},
        },
        seconds=0.05,
    )
    assert found.conforms, found.breaches


@pytest.mark.clause("S-20")
def test_totals_that_outlive_their_objects_are_left_in_peace() -> None:
    """The recipe of the documentation, under threads."""
    counts: list[tuple[Any, list[int]]] = []
    gone, lock, ended = [0], threading.Lock(), threading.Event()

    class Pool:
        def __init__(self) -> None:
            self.count = [0]
            counts.append((weakref.ref(self), self.count))

    def checkouts() -> int:
        with lock:
            for entry in [e for e in counts if e[0]() is None]:
                counts.remove(entry)
                gone[0] += entry[1][0]
            return gone[0] + sum(n[0] for _, n in counts)

    def work() -> None:
        pools, chance = [Pool() for _ in range(3)], random.Random(1)
        while not ended.wait(0.001):
            for pool in pools:
                pool.count[0] += 1
            if chance.random() < 0.05:
                pools[chance.randrange(3)] = Pool()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    try:
        found = examine(counter(checkouts))
    finally:
        ended.set()
        for each in workers:
            each.join(10)
    assert found.conforms, found.breaches
    assert gone[0]


@pytest.mark.clause("S-20")
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.one_of(st.none(), st.integers(0, 9))),
        min_size=2,
        max_size=40,
    ),
    st.integers(1, 1000),
)
def test_no_restart_is_taken_for_a_sum(steps: Any, unit: Any) -> None:
    """As long as it counts no more in one interval than four times what it counts in another.

    A step is how much is counted in an interval, and at which tenth of it the source starts over.
    """
    value = now = 0.0
    reads = [(0, value, now, now)]
    for amount, tenth in [(1, None), *steps]:
        counted = unit * amount
        value = value + counted if tenth is None else counted * (10 - tenth) / 10
        now += 0.03
        reads.append((0, value, now, now))
    assert watched(*reads) == []


def watched(*reads: tuple[int, float, float, float]) -> list[str]:
    """Return what reads break, each a consumer, a value, and when the read began and ended."""
    breaches: list[Breach] = []
    comparison = Comparison(Report("s", breaches.append), shared=True)
    for index, value, began, ended in reads:
        comparison.see(index, _snapshot(value), began, ended)
    comparison.judge(restarts_told=False, found=set())
    return [breach.clause for breach in breaches]


@pytest.mark.clause("S-20")
@pytest.mark.parametrize(("value", "clauses"), [(412, []), (414, ["S-20"])])
def test_a_reader_that_was_held_up_allows_for_it(value, clauses) -> None:
    """The source may have counted while the read lasted: 100 a second, four times that at most."""
    steady = [(0, 0.0, 0.0, 0.0), (0, 3.0, 0.03, 0.03), (0, 900.0, 9.0, 9.0)]
    assert watched(*steady, (0, value, 9.03, 10.03), (0, value + 3, 10.06, 10.06)) == clauses


@pytest.mark.clause("S-20")
def test_growth_may_have_come_before_the_reader_was_held_up() -> None:
    """The source then counts 300 in 0.03 s, however long that read took."""
    burst = [(0, 0.0, 0.0, 0.0), (0, 300.0, 0.03, 1.03)]
    assert watched(*burst, (0, 200.0, 1.06, 1.06)) == []


@pytest.mark.clause("S-20")
def test_each_fall_counts_not_the_last_alone() -> None:
    """A sum may fall nearly to 0 when its oldest object goes."""
    steady = [(0, 900.0, 0.0, 0.0), (0, 903.0, 0.03, 0.03)]
    assert watched(*steady, (0, 600.0, 0.06, 0.06), (0, 2.0, 0.09, 0.09)) == ["S-20"]


@pytest.mark.clause("S-20")
def test_one_restart_between_two_consumers_is_no_shared_count() -> None:
    """Of a source that counts so fast that it is higher soon after; twice is no chance."""
    once = [(0, 100.0, 0.0, 0.0), (1, 3.0, 0.001, 0.001), (1, 9000.0, 0.03, 0.03)]
    once.append((0, 9010.0, 0.031, 0.031))
    assert watched(*once) == []
    assert watched(*once, *once) == ["S-20"]


def _snapshot(value: float) -> Snapshot:
    series = Series("s.c", {}, "counter")
    return Snapshot((Block("s", (series,), [value], 0.0),), 0.0, 0.0, {})


def test_nothing_yielded_is_no_verdict() -> None:
    """Nor is None alone."""
    for sample in (list, lambda: [("a", None)]):
        found = examine({"name": "s", "sample": sample}, seconds=0.05)
        assert (found.breaches, found.conforms) == ((), False)
        assert found.unproven == "it has not yielded a single value"


def test_counters_of_which_none_grew_are_no_verdict() -> None:
    """One that has grown is enough."""
    totals = itertools.count()
    metrics = {**COUNTER, "a": {}, "d": {"kind": "histogram"}}

    def sample(grown: Any) -> Any:
        return lambda: [("a", next(totals)), ("c", grown()), ("d", {"count": 1})]

    still = {"name": "s", "sample": sample(lambda: 5), "metrics": metrics}
    found = examine(still, seconds=0.05)
    assert (found.breaches, found.conforms) == ((), False)
    assert found.unproven == "none of its counters and histograms has grown"
    assert (found.series, found.moved, found.cumulative, found.grown) == (3, 1, 2, 0)
    moving = {"name": "s", "sample": sample(lambda: next(totals)), "metrics": metrics}
    found = examine(moving, seconds=0.05)
    assert found.conforms
    assert (found.cumulative, found.grown) == (2, 1)


def test_gauges_need_not_move() -> None:
    """A limit stays what it is."""
    assert examine({"name": "s", "sample": lambda: [("a", 1)]}, seconds=0.05).conforms


def test_a_breach_is_a_verdict() -> None:
    """Also where nothing has grown."""
    found = examine(counter(lambda: -1), seconds=0.05)
    assert (clauses_of(found), found.unproven, found.conforms) == (["S-20"], "", False)


def test_an_exercise_is_called_between_the_pulls() -> None:
    """Each time on one thread, and not on that of the caller."""
    total, threads = [0], set()

    def work() -> None:
        threads.add(threading.get_ident())
        total[0] += 1

    found = examine(counter(lambda: total[0]), seconds=0.05, exercise=work)
    assert found.conforms
    assert total[0] >= 6
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_exercise_that_does_not_end_runs_beside_the_pulls() -> None:
    """Nobody waits for it at the end."""
    total, ended, left = [0], threading.Event(), threading.Event()

    def work() -> None:
        while not ended.wait(0.001):
            total[0] += 1
        left.set()

    found = examine(counter(lambda: total[0]), seconds=0.3, exercise=work)
    assert found.conforms
    assert not left.is_set()
    ended.set()
    assert left.wait(10)


def test_what_an_exercise_raises_is_raised() -> None:
    """It is the user's; nothing is pulled any more."""

    def work() -> None:
        raise LookupError("no such pool")

    with pytest.raises(LookupError, match="no such pool"):
        examine(counter(lambda: 1), seconds=0.05, exercise=work)


def test_an_asynchronous_exercise_is_refused() -> None:
    """Nothing would run it."""

    async def work() -> None:
        pass

    with pytest.raises(TypeError, match="give a function that runs it"):
        examine(counter(lambda: 1), seconds=0.05, exercise=work)


@pytest.mark.clause("S-12")
def test_an_async_sampler_whose_loop_does_not_run_is_found() -> None:
    """Until an exercise, or the program, runs it."""
    loop = asyncio.new_event_loop()

    async def sample() -> Any:
        return [("a", 1)]

    mapping = {"name": "s", "sample": sample, "loop": lambda: loop}
    found = examine(mapping, seconds=0.05)
    assert clauses_of(found) == ["S-12"]
    assert "its event loop is not running" in found.breaches[0].message
    assert examine(mapping, seconds=0.05, exercise=loop.run_forever).conforms
    loop.call_soon_threadsafe(loop.stop)
    wait_for(lambda: not loop.is_running(), 10.0, "the end of the loop")
    loop.close()


@pytest.mark.clause("S-15")
def test_an_asynchronous_close_that_raises_is_found() -> None:
    """It is awaited on its loop, as it would be without the validator."""

    class Instance:
        def __call__(self) -> Any:
            return [("a", 1)]

        async def close(self) -> None:
            raise ValueError("no way to close")

    with LoopThread() as running:
        mapping = {"name": "s", "factory": lambda environ: Instance(), "loop": running.get}
        assert clauses_of(examine(mapping, seconds=0.05)) == ["S-15"]


@pytest.mark.clause("S-18")
def test_a_close_that_does_not_end_is_found() -> None:
    """The consumer has gone on without it."""
    gate = threading.Event()

    class Instance:
        def __call__(self) -> Any:
            return [("a", 1)]

        def close(self) -> None:
            gate.wait(30)

    mapping = {"name": "s", "factory": lambda environ: Instance()}
    found = examine(mapping, seconds=0.05, deadline=0.2)
    gate.set()
    assert clauses_of(found) == ["S-18"]
    assert "close() has not ended" in found.breaches[0].message


@pytest.mark.clause("S-07")
def test_instances_that_cannot_be_called_at_the_same_time_are_found() -> None:
    """They depend on each other, though each is called by its own consumer alone."""
    lock = threading.Lock()

    def sample() -> Any:
        if not lock.acquire(blocking=False):
            raise RuntimeError("another instance is at work")
        try:
            time.sleep(0.05)
            return [("a", 1)]
        finally:
            lock.release()

    found = examine({"name": "s", "factory": lambda environ: partial(sample)}, seconds=0.05)
    assert "S-07" in clauses_of(found)
    assert set(clauses_of(found)) <= {"S-07", "S-15"}


class Pool:
    """Settings of a pool: one that knows them all, and one that does not look."""

    closed: ClassVar[list[Any]] = []

    def __init__(self, settings: Any, known: set[str]) -> None:
        if unknown := set(settings) - known:
            raise ValueError(f"unknown settings: {unknown}")

    def __call__(self) -> Any:
        return [("a", 1)]

    def close(self) -> None:
        self.closed.append(self)


@pytest.mark.clause("S-07", "C-02")
def test_a_factory_that_takes_any_setting_is_found() -> None:
    """One that reads settings is told one that it cannot know; what it makes is closed."""

    def careless(environ: Any) -> Any:
        return Pool({"size": environ["settings"].get("size", 1)}, {"size"})

    def careful(environ: Any) -> Any:
        return Pool(environ.get("settings"), {"size"})

    Pool.closed.clear()
    found = examine({"name": "s", "factory": careless}, seconds=0.05)
    assert clauses_of(found) == ["S-07"]
    assert "took the setting 'no_such_setting'" in found.breaches[0].message
    assert len(Pool.closed) == 3
    assert examine({"name": "s", "factory": careful}, seconds=0.05).conforms


@pytest.mark.clause("S-07", "C-02")
def test_a_factory_without_settings_is_left_in_peace() -> None:
    """The operator is told of settings that nobody reads."""
    made: list[Any] = []

    def factory(environ: Any) -> Any:
        made.append(environ["consumer"])
        return Pool({}, set())

    assert examine({"name": "s", "factory": factory}, seconds=0.05).conforms
    assert made == ["validate-0", "validate-1"]


def test_a_slow_sampler_does_not_prolong_the_examination() -> None:
    """There are six rounds then, and four with both consumers at the same time."""
    found = examine({"name": "s", "sample": lambda: time.sleep(0.05) or [("a", 1)]}, seconds=0.3)
    assert found.pulls == 20


@pytest.mark.clause("S-15")
def test_a_sampler_that_raises_now_and_then_is_not_blamed_for_two_threads() -> None:
    """It raises for one caller, too."""
    calls = itertools.count(1)

    def sample() -> Any:
        if not next(calls) % 3:
            raise OSError("try again")
        return [("a", 1)]

    assert clauses_of(examine({"name": "s", "sample": sample}, seconds=0.05)) == ["S-15"]


@pytest.mark.clause("S-15")
def test_no_failed_pull_goes_without_a_breach() -> None:
    """Whatever it raised."""

    def leave() -> Any:
        raise SystemExit(3)

    found = examine({"name": "s", "sample": leave}, seconds=0.05)
    assert clauses_of(found) == ["S-15"]
    assert "SystemExit" in found.breaches[0].message
