"""Samplers that never stop yielding, and labels without number."""

from __future__ import annotations

import gc
import time
from itertools import count
from typing import Any

import psutil
import pytest

from sampler import Collector, Registry
from sampler._runtime.abandoned import abandoned
from tests.chaos.rig import Rig
from tests.contract.build import none_abandoned, values
from tests.support.waiting import SHORT, hangs, wait_for

MIB = 2**20


class Grown:
    """How much memory the process has taken beyond what it had when this was made."""

    def __init__(self) -> None:
        gc.collect()
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.peak = 0

    def look(self) -> None:
        """Note what there is now."""
        self.peak = max(self.peak, self._process.memory_info().rss - self._before)


@pytest.mark.scenario(18)
@pytest.mark.usefixtures("patient")
def test_a_sampler_that_never_stops_yielding_is_cut_counted_and_closed() -> None:
    """At ten thousand samples, at each pull; its ``finally`` runs, memory stays, others go on."""
    closed = count()

    def sample() -> Any:
        try:
            for n in count():
                yield "g", n, {"n": n % 100, "text": "x" * 100}
        finally:
            next(closed)

    with Rig({"name": "bad.endless", "sample": sample}, deadline=5.0) as rig:
        rig.run(1)
        grown = Grown()
        for _ in range(3):
            rig.run(1)
            grown.look()
    statistics, pulls = rig.statistics["bad.endless"], rig.goods[0].calls
    assert statistics.pulls == next(closed) == pulls
    assert statistics.yielded == 10_001 * pulls
    assert statistics.refused == {"too_many_samples": pulls, "duplicate": 9_900 * pulls}
    assert statistics.collected == 100 * pulls
    assert grown.peak < 20 * MIB


@pytest.mark.scenario(18)
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("labels", ["the same", "new"])
def test_a_sampler_that_yields_slowly_and_for_ever_ends_at_its_deadline(labels: str) -> None:
    """And one whose samples never come to ten thousand, because none has an end, as well."""
    release: list[int] = []

    def dripping() -> Any:
        for n in count():
            if n < 12:
                hangs(0.01)
            time.sleep(0.01)
            if release:
                return
            yield "g", n, {"n": n if labels == "new" else 1}

    def boundless() -> Any:
        hangs()
        while not release:
            pass
        yield "never", 1

    samplers = [
        {"name": "bad.drips", "sample": dripping},
        {"name": "bad.boundless", "sample": boundless},
    ]
    with Rig(*samplers, interval=0.3, deadline=SHORT) as rig:
        rig.run(4)
        release.append(1)
    for each in samplers:
        failures = rig.statistics[str(each["name"])].failures
        assert failures["deadline"] >= 1
        assert rig.statistics[str(each["name"])].collected <= 1
    wait_for(lambda: abandoned() == 0, what="the threads to end")


def flood(pulls: int) -> int:
    """Pull a sampler with ten thousand new label sets each time; return the memory it took."""
    numbers = count()
    steady = iter(range(1, 10**9))

    def sample() -> Any:
        now = next(steady)
        for n in range(5):
            yield "routes", now * (n + 1), {"route": f"old{n}"}
            yield "levels", -now, {"route": f"old{n}"}
        for _ in range(4_990):
            yield "routes", 1, {"route": f"/{next(numbers)}", "method": "GET"}
            yield "levels", 1, {"route": f"/{next(numbers)}", "method": "GET"}

    registry = Registry()
    metrics = {"routes": {"kind": "counter"}}
    registry.register({"name": "bad.flood", "sample": sample, "metrics": metrics})
    with Collector(registry, deadline=60.0, max_series=200) as consumer:
        consumer.collect()
        grown = Grown()
        for pull in range(2, pulls + 1):
            snapshot = consumer.collect()
            grown.look()
            assert snapshot.failures == ()
            found = values(snapshot)
            assert len(found) <= 2 * 200 + 1
            for n in range(5):
                assert found[f'bad.flood.routes{{route="old{n}"}}'] == pull * (n + 1)
                assert found[f'bad.flood.levels{{route="old{n}"}}'] == -pull
        (statistics,) = consumer.statistics()
    assert statistics.yielded == statistics.collected + sum(statistics.refused.values())
    assert statistics.yielded == 9_990 * pulls
    assert statistics.refused.keys() == {"overflow", "too_many_series"}
    return grown.peak


@pytest.mark.scenario(19)
def test_label_sets_without_number_are_bounded_and_counted() -> None:
    """A hundred thousand: memory stays, the surplus is counted, old series are exact."""
    assert flood(10) < 20 * MIB


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.scenario(19)
def test_a_million_label_sets_take_no_more() -> None:
    """Less than 20 MiB, as a hundred thousand do."""
    few, many = flood(10), flood(101)
    print(
        f"memory at most: 100,000 label sets {few / MIB:.1f} MiB, a million {many / MIB:.1f} MiB"
    )
    assert many < 20 * MIB


@pytest.mark.scenario(19)
@pytest.mark.usefixtures("patient")
def test_an_agent_delivers_beside_a_flood_of_label_sets() -> None:
    """New label sets at every pull: the old series arrive whole, and the law holds."""
    numbers = count()

    def sample() -> Any:
        for n in range(3):
            yield "c", n, {"route": f"old{n}"}
        for _ in range(2_000):
            yield "c", 1, {"route": f"/{next(numbers)}"}

    flooding = {"name": "bad.flood", "sample": sample, "metrics": {"c": {"kind": "counter"}}}
    with Rig(flooding, interval=0.2, deadline=5.0, max_series=50) as rig:
        rig.run(5)
    statistics, pulls = rig.statistics["bad.flood"], rig.goods[0].calls
    assert statistics.yielded == 2_003 * pulls
    assert statistics.yielded == statistics.collected + statistics.refused["overflow"]
    for n in range(3):
        assert rig.points(f'bad.flood.c{{route="old{n}"}}') == [n] * pulls
    assert rig.points('bad.flood.c{overflow="true"}')


def test_a_spinning_generator_leaves_no_thread_behind() -> None:
    """One that burns CPU between two samples is ended as any other."""

    def sample() -> Any:
        yield "a", 1
        while True:
            pass

    registry = Registry()
    registry.register({"name": "bad.spin", "sample": sample})
    with Collector(registry, deadline=SHORT) as consumer:
        consumer.collect()
        assert abandoned() == 1
        registry.unregister("bad.spin")
        wait_for(lambda: none_abandoned(consumer), 20, "the thread to end")
