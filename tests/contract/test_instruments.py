"""Instruments: exact, cheap, and a sampler like any other."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Instruments, InvalidSampler, Registry, SamplerConflict
from sampler._contract.bounds import RELATIVE_ERROR
from sampler._contract.histogram import difference, merge
from sampler._instruments.histogram import Histogram
from sampler.adapterkit.shared_bounds import OTHERS, SECONDS
from tests.support.interpreter import counts_in_one_step, get_threshold, set_threshold


@pytest.fixture
def registry() -> Registry:
    return Registry()


def values(registry: Registry) -> dict[str, object]:
    with Collector(registry) as consumer:
        return {str(series): value for series, value in consumer.collect()}


def test_a_group_registers_itself_and_its_instruments_are_described(registry) -> None:
    """Kind, unit, help and labels reach the series, though they came after the registration."""
    shop = Instruments("shop", registry)
    orders = shop.counter("orders", help="Orders placed.", labels=("route",))
    orders.labels("buy").inc(2)
    orders.inc(route="buy")
    shop.gauge("depth", unit="{job}").set(3)
    shop.histogram("latency", unit="s").observe(0.2)
    with Collector(registry) as consumer:
        found = {str(series): (series, value) for series, value in consumer.collect()}
    series, value = found['shop.orders{route="buy"}']
    assert (series.kind, series.help, value) == ("counter", "Orders placed.", 3)
    assert found["shop.depth"][0].unit == "{job}"
    latency = found["shop.latency"][1]
    assert (latency.count, latency.sum, latency.at(0.1), latency.at(0.25)) == (1, 0.2, 0, 1)


def test_the_same_instrument_is_made_once(registry) -> None:
    """The same description gives the same object, another one an error."""
    shop = Instruments("shop", registry)
    assert shop.counter("orders") is shop.counter("orders")
    with pytest.raises(ValueError, match="described otherwise: there it has kind 'counter'; say"):
        shop.gauge("orders")
    with pytest.raises(ValueError, match="described otherwise: there it has no labels; say the"):
        shop.counter("orders", labels=("route",))
    shop.counter("labelled", labels=("a", "b"), help="Help.")
    with pytest.raises(ValueError, match=r"has help 'Help\.', labels \('a', 'b'\), no unit; say"):
        shop.counter("labelled", labels=("b",), unit="s")
    with pytest.raises(ValueError, match="there it has another max_children; say"):
        shop.counter("labelled", labels=("a", "b"), help="Help.", max_children=1)
    shop.histogram("size", buckets=(1, 2))
    with pytest.raises(ValueError, match="there it has other buckets, states or exemplars; say"):
        shop.histogram("size")


def test_names_and_owners_are_checked_at_once(registry) -> None:
    """A bad or taken name is an error where it is written."""
    shop = Instruments("shop", registry)
    with pytest.raises(InvalidSampler):
        shop.counter("Bad-Name")
    with pytest.raises(InvalidSampler):
        Instruments("Bad Name", registry)
    with pytest.raises(SamplerConflict):
        Instruments("shop", registry)
    registry.register({"name": "shop.a", "sample": list, "metrics": {"b": {"kind": "gauge"}}})
    with pytest.raises(SamplerConflict, match=r"'shop\.a\.b'"):
        shop.counter("a_b")


def test_wrong_labels_say_what_is_expected(registry) -> None:
    """Missing, surplus and unknown labels, and values that are none."""
    orders = Instruments("shop", registry).counter("orders", labels=("route", "net.peer"))
    for call in (
        orders.inc,
        lambda: orders.inc(route="x"),
        lambda: orders.labels("x"),
        lambda: orders.labels("x", "y", "z"),
        lambda: orders.labels("x", route="y"),
        lambda: orders.inc(rout="x", net_peer="y"),
    ):
        with pytest.raises(ValueError, match=r"expected labels route, net\.peer"):
            call()
    assert orders.labels("x", 1.5).texts == ("x", "1.5")
    assert orders.labels("a", 80) is orders.labels(route="a", net_peer="80")


@pytest.mark.parametrize("n", [-1, float("nan"), float("inf"), -0.5])
def test_a_counter_refuses_what_would_not_grow_it(registry, n) -> None:
    """Negative and not finite amounts count nothing."""
    counter = Instruments("shop", registry).counter("orders")
    for wrong in (n, "1", None, 1j):
        counter.inc(wrong)
    assert values(registry)["shop.orders"] == 0


def test_what_never_happened_is_zero_or_nothing(registry) -> None:
    """A counter shows 0 from the start, a gauge nothing before it is set."""
    shop = Instruments("shop", registry)
    shop.counter("orders")
    shop.gauge("depth")
    shop.counter("errors", labels=("code",))
    found = values(registry)
    assert found.keys() == {"shop.orders"}


def test_gauges_go_up_and_down_and_ask_functions(registry) -> None:
    """A function is asked at each pull; one that raises costs its gauge only, and is counted."""
    shop = Instruments("shop", registry)
    depth, waiting = shop.gauge("depth"), shop.gauge("waiting", labels=("lane",))
    depth.inc()
    depth.dec(3)
    jobs = [1, 2]
    waiting.labels("a").set_function(lambda: len(jobs))
    waiting.labels("b").set_function(lambda: 1 / 0)
    waiting.set(4, lane="c")
    waiting.inc(2, lane="c")
    waiting.dec(lane="c")
    shop.gauge("since").set_to_current_time()
    with Collector(registry) as consumer:
        found = {str(series): value for series, value in consumer.collect()}
        assert consumer.statistics()[0].refused == {"type": 1}
    assert abs(found.pop("shop.since") - time.time()) < 60
    assert found == {
        "shop.depth": -2,
        'shop.waiting{lane="a"}': 2,
        'shop.waiting{lane="c"}': 5,
    }


def test_what_is_in_progress_and_what_is_raised_is_counted(registry) -> None:
    """Around a block, a function and a coroutine function."""
    shop = Instruments("shop", registry)
    busy, errors = shop.gauge("busy"), shop.counter("errors", labels=("what",))
    seen = []

    @busy.track_inprogress()
    @errors.labels("call").count_exceptions(ZeroDivisionError)
    def work(x: int) -> float:
        seen.append(busy.read())
        return 1 / x

    @busy.track_inprogress()
    @errors.labels("await").count_exceptions()
    async def later(x: int) -> float:
        seen.append(busy.read())
        await asyncio.sleep(0)
        return 1 / x

    assert work(2) == asyncio.run(later(2)) == 0.5
    for call in (lambda: work(0), lambda: asyncio.run(later(0))):
        with pytest.raises(ZeroDivisionError):
            call()
    with pytest.raises(TypeError):
        work("x")
    with busy.track_inprogress() as tracker, tracker:
        assert busy.read() == 2
    found = values(registry)
    assert (seen, found["shop.busy"]) == ([1] * 5, 0)
    assert found['shop.errors{what="call"}'] == found['shop.errors{what="await"}'] == 1


def test_a_coroutine_function_is_timed_until_it_ends(registry) -> None:
    """Calls that overlap have times of their own."""
    latency = Instruments("shop", registry).histogram("latency", unit="s")

    @latency.time()
    async def work(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async def main() -> list[str]:
        return await asyncio.gather(work(0.02), work(0.04))

    assert asyncio.run(main()) == ["done", "done"]
    value = values(registry)["shop.latency"]
    assert value.count == 2
    assert value.sum >= 0.06


def test_scope_and_merge_reach_the_series(registry) -> None:
    """And a scope that is none is an error at once."""
    shop = Instruments("shop", registry)
    shop.gauge("load", scope="host", merge="max").set(1)
    shop.counter("hits", scope="server")
    with Collector(registry) as consumer:
        found = {str(series): series for series, _ in consumer.collect()}
    assert (found["shop.load"].scope, found["shop.load"].merge) == ("host", "max")
    assert found["shop.hits"].scope == "server"
    with pytest.raises(InvalidSampler, match="scope"):
        shop.counter("other", scope="galaxy")


@given(st.lists(st.floats(0, 1e12), max_size=60))
def test_exponential_buckets_tell_each_quantile_within_nine_percent(observed) -> None:
    """Every bound is that of the specification; numpy counts the same."""
    registry = Registry()
    histogram = Instruments("h", registry).histogram("x")
    for value in observed:
        histogram.observe(value)
    found = values(registry)["h.x"]
    assert found.count == len(observed)
    for upper, count in found.buckets:
        assert upper == 0.0 or upper == 2.0 ** (round(math.log2(upper) * 8) / 8)
        assert count == np.count_nonzero(np.array(observed) <= upper)
    for q in (0.1, 0.5, 0.9, 0.99, 1.0):
        if observed:
            true = sorted(observed)[max(math.ceil(q * len(observed)) - 1, 0)]
            if true > 2.0**-30:
                assert abs(found.quantile(q) - true) <= true * RELATIVE_ERROR * 1.000001


@given(
    st.lists(st.tuples(st.booleans(), st.floats(1e-9, 1e9)), max_size=60),
    st.sampled_from([SECONDS, OTHERS]),
)
def test_differences_and_merges_are_exact_at_every_shared_bound(observed, bounds) -> None:
    """As numpy counts them, from observations of two halves."""
    halves = [np.array([v for first, v in observed if first is side]) for side in (True, False)]
    one, both = Histogram(), Histogram()
    for value in halves[0]:
        one.observe(float(value))
        both.observe(float(value))
    other = Histogram()
    for value in halves[1]:
        other.observe(float(value))
        both.observe(float(value))
    merged = merge(one.read(), other.read()).resampled(bounds)
    later = difference(both.read(), one.read())
    for found, numbers in ((merged, np.concatenate(halves)), (later, halves[1])):
        shared = found.resampled(bounds)
        assert shared.count == len(numbers)
        assert shared.buckets == tuple((b, int((numbers <= b).sum())) for b in bounds)


def test_negative_observations_need_bounds() -> None:
    """Nought is counted; infinity, NaN and what is no number are refused."""
    plain, fixed = Histogram(), Histogram((), (-1.0, 1.0))
    plain.observe(-0.5)
    for histogram in (plain, fixed):
        for wrong in (float("inf"), float("-inf"), float("nan"), 10**400, "1"):
            histogram.observe(wrong)
        histogram.observe(0)
        histogram.observe(1.7e308)
    fixed.observe(-1.7976931348623157e308)
    assert plain.read().buckets == ((0.0, 1),)
    assert fixed.read().buckets == ((-1.0, 1), (1.0, 2))
    assert (plain.read().count, fixed.read().count) == (2, 3)


def test_a_histogram_is_the_mapping_of_the_specification() -> None:
    """So that any consumer can read it; one that was read twice is the same object."""
    histogram = Histogram()
    histogram.observe(1)
    value = histogram.read()
    assert value is histogram.read()
    assert dict(value) == {
        "count": 1,
        "sum": 1,
        "buckets": {2.0 ** (-1 / 8): 0, 1.0: 1},
        "scale": 3,
    }
    assert "zero_threshold" not in value
    assert value.get("sum") == 1


def test_timers_observe_seconds_also_when_the_block_raises(registry) -> None:
    """As a context manager and as a decorator."""
    latency = Instruments("shop", registry).histogram("latency", unit="s", labels=("what",))
    with pytest.raises(ZeroDivisionError), latency.time(what="block"):
        raise ZeroDivisionError

    @latency.time(what="call")
    def work(x: int) -> int:
        return x + 1

    assert (work(1), work.__name__) == (2, "work")
    found = values(registry)
    assert found['shop.latency{what="block"}'].count == 1
    assert found['shop.latency{what="call"}'].count == 1


@given(
    bounds=st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=6, unique=True).map(sorted),
    observed=st.lists(st.floats(-1e6, 1e6), max_size=30),
)
def test_every_observation_is_in_the_buckets_it_belongs_to(bounds, observed) -> None:
    """An observation equal to a bound belongs to it; count is everything."""
    registry = Registry()
    histogram = Instruments("h", registry).histogram("x", buckets=bounds)
    for value in observed:
        histogram.observe(value)
    found = values(registry)["h.x"]
    assert found.count == len(observed)
    assert dict(found.buckets) == {b: sum(v <= b for v in observed) for b in bounds}


def test_buckets_must_rise() -> None:
    """Unsorted, repeated and infinite bounds are errors."""
    shop = Instruments("shop", Registry())
    inf = float("inf")
    for buckets in ([2, 1], [1, 1], [-inf, 1], [1, inf, inf], [inf, 1], [float("nan")]):
        with pytest.raises(ValueError, match="finite and rising"):
            shop.histogram("latency", buckets=buckets)


@counts_in_one_step
def test_signal_handlers_and_finalizers_may_count(registry) -> None:
    """Counting from a handler or from __del__, amid counting, neither hangs nor loses."""
    counter = Instruments("shop", registry).counter("events", labels=("from",))
    fired = dropped = 0

    class Dropped:
        def __del__(self) -> None:
            nonlocal dropped
            dropped += 1
            counter.labels("finalizer").inc()

    def handler(*_: object) -> None:
        nonlocal fired
        fired += 1
        counter.labels("signal").inc()

    before = signal.signal(signal.SIGALRM, handler)
    threshold = get_threshold()
    set_threshold(1)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(20_000):
            node = Dropped()
            node.me = node  # a cycle: only the collector ends it
            counter.labels("loop").inc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        set_threshold(*threshold)
    gc.collect()
    found = values(registry)
    assert fired > 0
    assert found['shop.events{from="loop"}'] == 20_000
    assert found['shop.events{from="signal"}'] == fired
    assert found['shop.events{from="finalizer"}'] == dropped


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_at_zero(registry) -> None:
    """What the parent counted is the parent's; what the child counts is whole."""
    counter = Instruments("shop", registry).counter("orders")
    counter.inc(100)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        counter.inc(3)
        os.write(writing, str(values(registry)["shop.orders"]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "3"
    assert values(registry)["shop.orders"] == 100


def test_a_late_label_counts_whole(registry) -> None:
    """A child first used after the consumer began started at zero, so its first value counts."""
    shop = Instruments("shop", registry)
    errors = shop.counter("errors", labels=("code",))
    with Collector(registry) as consumer:
        consumer.collect()
        errors.inc(3, code="500")
        snapshot = consumer.collect()
        ((series, value),) = list(snapshot)
    assert value == 3
    assert series.start is not None
    assert series.start >= snapshot.start


def test_a_histogram_that_grows_stays_the_same_series(registry) -> None:
    """Whatever it observes; one that has restarted is another, however much it has counted."""
    latency = Instruments("shop", registry).histogram("latency", unit="s")
    latency.observe(0.2)
    with Collector(registry) as consumer:
        ((first, _),) = consumer.collect()
        for seconds in (0.2, 5.0, 1e-6):
            latency.observe(seconds)
            ((series, value),) = consumer.collect()
            assert series is first
        assert value.count == 4
        latency.restart()
        for _ in range(5):
            latency.observe(7.0)
        ((series, value),) = consumer.collect()
        assert series is not first
        assert value.count == 5
