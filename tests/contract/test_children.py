"""Instruments under label values without number: each costs itself only, and no count is lost."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, HistogramValue, Instruments, Registry
from sampler.validate import examine
from tests.contract.build import values

SURPLUS = '{overflow="true"}'


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def consumer(registry: Registry) -> Any:
    with Collector(registry, deadline=20.0) as consumer:
        yield consumer


def refused(consumer: Collector) -> dict[str, int]:
    (account,) = consumer.statistics()
    assert account.yielded == account.collected + sum(account.refused.values())
    return account.refused


@pytest.mark.scenario(52)
@pytest.mark.parametrize("made_by", ["group", "instrument"])
def test_the_surplus_of_an_instrument_is_counted_under_overflow(
    registry: Registry, consumer: Collector, made_by: str
) -> None:
    """Totals of counters and histograms are exact, with as many children as were asked for."""
    most: Any = {"max_children": 3}
    group = Instruments("shop", registry, **(most if made_by == "group" else {}))
    own = most if made_by == "instrument" else {}
    hits = group.counter("hits", labels=("path",), **own)
    sizes = group.histogram("sizes", labels=("path",), buckets=(1, 10), **own)
    consumer.collect()
    for turn in (1, 2):
        for number in range(10):
            hits.inc(2, path=f"/{number}")
            sizes.observe(number, path=f"/{number}")
        found = values(consumer.collect())
        assert found[f"shop.hits{SURPLUS}"] == 14 * turn
        assert found['shop.hits{path="/0"}'] == 2 * turn
        folded = found[f"shop.sizes{SURPLUS}"]
        assert isinstance(folded, HistogramValue)
        assert (folded.count, folded.sum) == (7 * turn, 42 * turn)
        assert len(found) == 8
    assert refused(consumer) == {}


@pytest.mark.scenario(52)
def test_the_surplus_of_a_gauge_is_refused_and_counted(
    registry: Registry, consumer: Collector
) -> None:
    """Each recording, once, by every consumer; none raises, and the children go on."""
    depth = Instruments("shop", registry, max_children=2).gauge("depth", labels=("queue",))
    for number in range(5):
        depth.set(number, queue=number)
    assert values(consumer.collect()) == {'shop.depth{queue="0"}': 0, 'shop.depth{queue="1"}': 1}
    assert refused(consumer) == {"overflow": 3}
    consumer.collect()
    assert refused(consumer) == {"overflow": 3}
    depth.labels("new").set_function(lambda: 1 / 0)
    depth.labels("new").set_to_current_time()
    depth.inc(queue="new")
    depth.dec(queue="new")
    with depth.labels("new").track_inprogress():
        depth.set(7, queue=0)
    assert values(consumer.collect())['shop.depth{queue="0"}'] == 7
    assert refused(consumer) == {"overflow": 9}
    with Collector(registry) as other:
        other.collect()
        assert refused(other) == {"overflow": 9}


@pytest.mark.scenario(52)
def test_no_neighbour_is_cut(registry: Registry) -> None:
    """A group is taken whole, whatever ``max_samples`` says of samplers that nobody bounds."""
    group = Instruments("shop", registry)
    hits = group.counter("hits", labels=("path",))
    later = group.counter("orders")
    with Collector(registry, deadline=20.0, max_samples=100) as consumer:
        for number in range(3_000):
            hits.inc(path=f"/{number}")
        later.inc()
        found = values(consumer.collect())
        assert found["shop.orders"] == 1
        assert len(found) == 2_002
        assert refused(consumer) == {}


def test_other_samplers_are_cut_as_before(registry: Registry) -> None:
    """A mapping of the same keys is no group."""
    group = Instruments("shop", Registry())
    hits = group.counter("hits", labels=("path",))
    for number in range(20):
        hits.inc(path=number)
    registry.register(dict(group.registration.sampler))
    with Collector(registry, deadline=20.0, max_samples=5) as consumer:
        assert len(values(consumer.collect())) == 5
        assert refused(consumer) == {"too_many_samples": 1}


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=20), max_size=5),
)
def test_the_sum_over_all_series_is_what_was_counted(
    most: int, max_series: int, rounds: list[list[tuple[int, int]]]
) -> None:
    """Whoever folds: the instrument, the consumer, or one what the other has folded."""
    registry = Registry()
    hits = Instruments("g", registry, max_children=most).counter("hits", labels=("path",))
    total = 0
    with Collector(registry, deadline=20.0, max_series=max_series) as consumer:
        for recordings in rounds:
            for path, n in recordings:
                hits.inc(n, path=path)
                total += n
            assert sum(values(consumer.collect()).values()) == total  # type: ignore[arg-type]
            refused(consumer)


def test_floats_of_a_surplus_are_exact(registry: Registry, consumer: Collector) -> None:
    """What the instrument has added up is reported as it is."""
    hits = Instruments("g", registry, max_children=1).counter("hits", labels=("path",))
    total = 0.0
    hits.inc(path="first")
    for number in range(50):
        hits.inc(0.1, path=number)
        total += 0.1
        assert values(consumer.collect())[f"g.hits{SURPLUS}"] == total


def test_the_series_of_a_surplus_is_one_from_pull_to_pull(
    registry: Registry, consumer: Collector
) -> None:
    """The block's series are the same object, and the surplus begins where it began."""
    group = Instruments("g", registry, max_children=1)
    hits = group.counter("hits", labels=("path",))
    group.counter("later").inc()
    hits.inc(path="first")
    before = consumer.collect()
    hits.inc(path="second")
    blocks = []
    for _ in range(3):
        hits.inc(path="third")
        blocks.append(consumer.collect().blocks[0])
    assert blocks[0].series is blocks[1].series is blocks[2].series
    start = {str(series): series.start for series in blocks[0].series}
    assert start[f"g.hits{SURPLUS}"] == before.blocks[0].time


@pytest.mark.scenario(52)
@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_memory_is_flat_under_random_label_values(kind: str) -> None:
    """Of any type and order: text and integers, keywords in any order, and by position."""
    registry, chance = Registry(), random.Random(7)
    group = Instruments("g", registry, max_children=20)
    made: Any = getattr(group, kind)("m", labels=("a", "b", "c"))
    orders = list(permutations("abc"))

    def record(times: int) -> None:
        for _ in range(times):
            text = f"{chance.getrandbits(60):x}" * 8
            given: list[Any] = [chance.choice([text, chance.randrange(9), True]) for _ in "abc"]
            child = made.labels(**dict(zip(chance.choice(orders), given, strict=True)))
            for each in (child, made.labels(*given)):
                each.observe(1) if kind == "histogram" else each.inc()

    with Collector(registry, deadline=20.0) as consumer:
        record(2_000)
        consumer.collect()
        tracemalloc = pytest.importorskip("tracemalloc")
        tracemalloc.start()
        try:
            record(1_000)
            consumer.collect()
            before = tracemalloc.get_traced_memory()[0]
            record(10_000)
            consumer.collect()
            assert tracemalloc.get_traced_memory()[0] < before + 100_000
        finally:
            tracemalloc.stop()
        assert len(made.children()) == 21


def test_a_child_stays_itself_however_it_is_asked_for(registry: Registry) -> None:
    """Also when so many ways were tried that none is remembered."""
    made = Instruments("g", registry, max_children=2).counter("c", labels=("a", "b"))
    child = made.labels("1", "2")
    for _ in range(20):
        for a, b in ((1, 2), ("1", 2), (1, "2"), (True, 2), ("1", "2")):
            assert made.labels(a, b) is made.labels(b=b, a=a) is made.labels(a=a, b=b) is child


def test_threads_that_make_children_at_once_lose_no_count(
    registry: Registry, consumer: Collector
) -> None:
    """The sum is exact, with about as many children as there may be."""
    made = Instruments("g", registry, max_children=50).counter("c", labels=("a",))
    together = Barrier(8)

    def work(own: int) -> None:
        children = [made.labels(f"{own}-{number}") for number in range(5)]
        together.wait(20)
        for number in range(500):
            made.labels(f"{own}-{number}").inc()
        for child in children:
            child.inc(0)

    threads = [Thread(target=work, args=(own,)) for own in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(consumer.collect())
    seen = {key: value for key, value in found.items() if key != f"g.c{SURPLUS}"}
    assert 50 <= len(seen) < 50 + 8
    assert set(Counter(map(int, seen.values()))) == {1}  # type: ignore[call-overload]
    assert sum(found.values()) == 8 * 500  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [0, -1, True, 2.0, "5", float("inf")])
def test_a_bound_that_is_no_count_is_refused_where_it_is_written(
    registry: Registry, most: Any
) -> None:
    """Of a group and of an instrument."""
    with pytest.raises(ValueError, match="max_children must be an integer of at least 1"):
        Instruments("g", registry, max_children=most)
    group = Instruments("h", registry)
    with pytest.raises(ValueError, match="max_children must be an integer of at least 1"):
        group.counter("c", labels=("a",), max_children=most)


def test_one_instrument_has_one_bound(registry: Registry) -> None:
    """Who asks for it again need not say it, and may not say another."""
    group = Instruments("g", registry, max_children=7)
    made = group.counter("c", labels=("a",), max_children=5)
    assert group.counter("c", labels=("a",)) is made
    assert group.counter("c", labels=("a",), max_children=5) is made
    with pytest.raises(ValueError, match="described otherwise"):
        group.counter("c", labels=("a",), max_children=6)
    plain = group.gauge("g", labels=("a",))
    assert group.gauge("g", labels=("a",), max_children=7) is plain


def test_a_label_of_the_surplus_name_is_refused_where_it_is_written(registry: Registry) -> None:
    """Every sample of it would be."""
    with pytest.raises(ValueError, match="rename yours"):
        Instruments("g", registry).counter("c", labels=("overflow",))


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_a_sampler_may_fold_its_surplus_itself(registry: Registry, kind: str) -> None:
    """Nothing but ``overflow="true"`` is taken, once, and the consumer's own surplus is added."""
    one: Any = {"count": 1, "sum": 1} if kind == "histogram" else 1
    rows = [
        ("m", one, {"n": 1}),
        ("m", one, {"overflow": "true"}),
        ("m", one, {"overflow": "true"}),
        ("m", one, {"overflow": "false"}),
        ("m", one, {"overflow": "true", "n": 2}),
        ("m", None, {"overflow": "true"}),
        ("m", one, {"n": 3}),
        ("m", one, {"n": 4}),
    ]
    registry.register(
        {"name": "s", "sample": lambda: rows, "metrics": {"m": {"kind": kind}}, "start": 1.0}
    )
    with Collector(registry, deadline=20.0, max_series=1) as consumer:
        found = values(consumer.collect())
        assert found.keys() == {'s.m{n="1"}', f"s.m{SURPLUS}"}
        folded: Any = found[f"s.m{SURPLUS}"]
        assert getattr(folded, "count", folded) == 3
        assert refused(consumer) == {"duplicate": 2, "label_name": 2, "overflow": 2}


def test_the_validator_says_which_recordings_are_lost(registry: Registry) -> None:
    """Those of a gauge's surplus; it has nothing against one of a counter or a histogram."""
    group = Instruments("g", registry, max_children=1)
    for number in range(5):
        group.counter("c", labels=("a",)).inc(a=number)
        group.gauge("d", labels=("a",)).set(1, a=number)
        group.histogram("h", labels=("a",)).observe(1, a=number)
    found = examine(group, seconds=0.1, deadline=20.0)
    assert {breach.clause for breach in found.breaches} == {"C-14"}
    assert all("g.d" in str(breach) for breach in found.breaches if "g." in str(breach))


def test_a_forked_child_counts_its_surplus_from_zero(registry: Registry) -> None:
    """As every instrument does."""
    group = Instruments("g", registry, max_children=1)
    hits, depth = group.counter("c", labels=("a",)), group.gauge("d", labels=("a",))
    for number in range(5):
        hits.inc(a=number)
        depth.set(1, a=number)
    group._roster.restart()
    with Collector(registry) as consumer:
        found = values(consumer.collect())
        assert found == {'g.c{a="0"}': 0, f"g.c{SURPLUS}": 0}
        assert refused(consumer) == {}
