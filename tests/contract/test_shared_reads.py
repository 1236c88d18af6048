"""``min_interval``: one read serves every consumer, and keeps its time and its numbers."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from sampler import Collector, Registry
from sampler._registry import shared_read
from sampler.testing._loop import LoopThread
from tests.contract.build import Gate, in_thread, mapping, reasons, values
from tests.support.waiting import SHORT, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

LONG = 3600.0
"""Seconds: no read of a test grows that old."""


class Dear:
    """A sampler that is dear to read, and says how often it was."""

    def __init__(self, min_interval: float) -> None:
        self.reads = 0
        self.labels = {"state": "idle"}
        self.buckets = {1.0: 1}
        self.fail = False
        self.sampler = {
            "name": "dear",
            "sample": self.sample,
            "min_interval": min_interval,
            "metrics": {"wait": {"kind": "histogram"}},
        }

    def sample(self) -> Any:
        self.reads += 1
        if self.fail:
            raise OSError("away")
        yield "reads", self.reads
        yield "states", 1, self.labels
        yield "wait", {"count": 1, "sum": 1.0, "buckets": self.buckets}


@pytest.mark.clause("C-10")
def test_consumers_share_one_read(registry: Registry) -> None:
    """However many there are and however often they pull, with the time it was taken."""
    dear = Dear(LONG)
    registry.register(dear.sampler)
    with Collector(registry) as one, Collector(registry) as two:
        first = one.collect()
        assert values(first)["dear.reads"] == 1
        for consumer in (two, one, two):
            again = consumer.collect()
            assert values(again) == values(first)
            assert again.blocks[0].time == first.blocks[0].time
            assert again.time > first.time
    assert dear.reads == 1


def test_those_who_take_less_share_the_read(registry: Registry) -> None:
    """It has all samples; each consumer cuts it by its own bound."""
    dear = Dear(LONG)
    registry.register(dear.sampler)
    with (
        Collector(registry, max_samples=1) as one,
        Collector(registry, max_samples=1) as two,
        Collector(registry, max_samples=2) as more,
    ):
        for consumer in (one, two, one):
            assert values(consumer.collect()) == {"dear.reads": 1}
        assert len(values(more.collect())) == 2
        for consumer in (one, two, more):
            assert values(consumer.collect())["dear.reads"] == 1
    assert dear.reads == 1


def test_a_read_used_again_is_the_same_block(registry: Registry) -> None:
    """So an adapter can tell that its point is there already."""
    registry.register(Dear(LONG).sampler)
    with Collector(registry) as consumer:
        assert consumer.collect().blocks[0] is consumer.collect().blocks[0]


def test_a_read_is_renewed_when_it_is_old(registry: Registry) -> None:
    """By the first that asks."""
    dear = Dear(0.05)
    registry.register(dear.sampler)
    with Collector(registry) as consumer:
        consumer.collect()
        wait_for(lambda: values(consumer.collect())["dear.reads"] == 2, what="a second read")


def test_what_was_read_is_a_copy(registry: Registry) -> None:
    """An author who goes on changing a mapping changes nobody's numbers."""
    dear = Dear(LONG)
    registry.register(dear.sampler)
    with Collector(registry) as one, Collector(registry) as two:
        first = values(one.collect())
        dear.labels["state"] = "busy"
        dear.buckets[1.0] = 77
        assert values(two.collect()) == first
        assert 'dear.states{state="idle"}' in first


@pytest.mark.clause("C-10")
def test_consumers_that_ask_together_wait_for_one_read(registry: Registry) -> None:
    """The sampler is called once."""
    with Gate("gate") as gate:
        registry.register({**gate.sampler, "min_interval": LONG})
        with Collector(registry, deadline=30.0) as one, Collector(registry, deadline=30.0) as two:
            pulls = [in_thread(each.collect) for each in (one, two)]
            wait_for(lambda: gate.inside == 1, what="the read")
            gate.open()
            assert [values(pull()) for pull in pulls] == [{"gate.calls": 1}] * 2
        assert gate.calls == 1


def test_a_failed_read_is_nobodys(registry: Registry) -> None:
    """The next pull reads anew; what stood before its failure is not shown as present."""
    dear = Dear(0.01)
    registry.register(dear.sampler)
    with Collector(registry) as consumer:
        consumer.collect()
        dear.fail = True
        wait_for(lambda: reasons(consumer.collect()) == {"dear": "raised"}, what="the failure")
        dear.fail = False
        wait_for(lambda: values(consumer.collect()), what="the next read")


@pytest.mark.usefixtures("patient")
def test_a_read_that_hangs_costs_each_consumer_its_deadline_only(registry: Registry) -> None:
    """And is not called a second time meanwhile."""
    with Gate("gate") as gate:
        registry.register({**gate.sampler, "min_interval": LONG})
        registry.register(mapping("other", ("n", 1)))
        with (
            Collector(registry, deadline=SHORT) as one,
            Collector(registry, deadline=SHORT) as two,
        ):
            for consumer in (one, two):
                snapshot = consumer.collect()
                assert values(snapshot) == {"other.n": 1}
                assert reasons(snapshot).keys() == {"gate"}
            assert gate.calls == 1
            gate.open()


def test_a_read_that_never_ends_is_not_shared(registry: Registry) -> None:
    """All of a read is held, so it has a bound; beyond, the pull fails for every consumer."""

    def sample() -> Any:
        n = 0
        while True:
            yield "n", (n := n + 1), {"i": n}

    registry.register({"name": "endless", "sample": sample, "min_interval": LONG})
    with Collector(registry, deadline=20.0) as consumer:
        (failure,) = consumer.collect().failures
        assert (failure.reason, "100000 samples" in failure.message) == ("raised", True)


def test_a_forked_child_reads_for_itself(registry: Registry) -> None:
    """Its parent's read is its parent's."""
    registry.register(
        {"name": "who", "sample": lambda: [("pid", os.getpid())], "min_interval": LONG}
    )
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {"who.pid": os.getpid()}
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            found = values(consumer.collect())
            os.write(writer, b"1" if found == {"who.pid": os.getpid()} else b"0")
            os._exit(0)
        os.close(writer)
        assert os.read(reader, 1) == b"1"
        os.waitpid(child, 0)
        os.close(reader)


def test_many_threads_never_read_twice_within_the_interval(registry: Registry) -> None:
    """Eight consumers at once, over and over."""
    dear = Dear(LONG)
    registry.register(dear.sampler)
    begun = threading.Barrier(8)

    def pull() -> None:
        with Collector(registry, deadline=30.0) as consumer:
            begun.wait(30)
            for _ in range(20):
                assert values(consumer.collect())["dear.reads"] == 1

    for done in [in_thread(pull) for _ in range(8)]:
        done()
    assert dear.reads == 1


@pytest.mark.clause("C-18")
def test_a_rate_comes_from_the_time_between_two_reads(registry: Registry) -> None:
    """Blocks carry the time of their read, not of the pull."""
    dear = Dear(LONG)
    registry.register(dear.sampler)
    before = time.time()
    with Collector(registry) as consumer:
        consumer.collect()
        after = time.time()
        assert before <= consumer.collect().blocks[0].time <= after


@pytest.mark.clause("R-13", "S-10")
def test_a_shared_read_whose_start_is_no_number_fails(registry: Registry) -> None:
    """As any other pull would."""
    sampler = mapping("t", ("n", 1), start=lambda: "soon", min_interval=LONG)
    registry.register(sampler)
    with Collector(registry) as consumer:
        (failure,) = consumer.collect().failures
    assert failure.reason == "raised"
    assert "'start' returned 'soon', not epoch seconds" in failure.message


@pytest.mark.clause("R-13")
def test_a_sample_that_cannot_be_copied_says_why(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of its read are held."""

    class Evil(dict[str, str]):
        def __iter__(self) -> Any:
            raise ValueError("not now")

        def keys(self) -> Any:
            raise ValueError("not now")

    registry.register(mapping("t", ("n", 1), ("m", 2, Evil(a="b")), min_interval=LONG))
    with Collector(registry) as consumer:
        assert values(consumer.collect()) == {"t.n": 1}
    assert "not now" in caplog.text


@pytest.mark.clause("R-13", "S-21")
def test_a_shared_read_holds_the_largest_histogram_whole(registry: Registry) -> None:
    """With the bound at infinity."""
    bounds = {float(n): n for n in range(1000)} | {float("inf"): 1000}
    value = {"count": 1000, "buckets": bounds}
    described = {"h": {"kind": "histogram"}}
    registry.register(mapping("t", ("h", value), min_interval=LONG, metrics=described))
    with Collector(registry) as consumer:
        found = values(consumer.collect())["t.h"]
    assert (found.count, len(found.buckets)) == (1000, 1000)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.clause("C-14")
def test_a_generator_that_yields_too_much_is_closed_at_once(
    shared: bool, asynchronous: bool, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though somebody may still refer to it."""
    monkeypatch.setattr(shared_read, "MAX_HELD", 2)
    kept, closed = [], list[int]()

    async def endless() -> Any:
        try:
            while True:
                yield "n", len(kept)
        finally:
            closed.append(1)

    def unending() -> Any:
        try:
            while True:
                yield "n", len(kept)
        finally:
            closed.append(1)

    def sample() -> Any:
        kept.append(endless() if asynchronous else unending())
        return kept[-1]

    with LoopThread() as running, Collector(registry, max_samples=2) as consumer:
        keys = {"min_interval": LONG} if shared else {}
        if asynchronous:
            keys["loop"] = running.get
        registry.register({"name": "t", "sample": sample, **keys})
        snapshot = consumer.collect()
        assert closed == [1]
    assert reasons(snapshot) == ({"t": "raised"} if shared else {})
