"""How much of a sampler is taken: samples, series, and the surplus of a metric."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, HistogramValue, Instruments, Registry
from tests.contract.build import mapping, reasons, values
from tests.contract.lab import BIG, Lab

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.clause("C-14")
@pytest.mark.scenario(18)
def test_an_endless_sampler_is_cut_and_closed() -> None:
    """10 000 samples are taken, one more is counted as refused, and its ``finally`` runs."""
    closed = []

    def sample() -> Any:
        number = 0
        try:
            while True:
                yield "g", number, {"n": number % 1999}
                number += 1
        finally:
            closed.append(number)

    with Lab() as lab:
        lab.next = sample
        lab.pull()
        account = lab.statistics
        assert account.yielded == 10_001
        assert account.refused == {"too_many_samples": 1, "duplicate": 10_000 - 1999}
        assert account.collected == 1999
    assert closed == [10_000]


@pytest.mark.clause("C-14")
def test_a_pull_that_is_cut_ends_no_series() -> None:
    """What it did not reach goes on; what is first seen after it may have been there before."""
    counters = {"metrics": {"c": {"kind": "counter"}}}
    with Lab(max_samples=2, **counters) as lab:
        lab.pull(("c", 5, {"n": 1}), ("c", 7, {"n": 2}))
        first = dict(lab.snapshot)
        lab.pull(("g", 0), ("c", 6, {"n": 1}), ("c", 8, {"n": 2}))
        lab.pull(("c", 9, {"n": 2}), ("c", 100, {"n": 3}))
        series = {str(series): series for series, _ in lab.snapshot}
        assert series['lab.c{n="2"}'] in first
        assert series['lab.c{n="3"}'].start is None
        lab.pull(("c", 9, {"n": 2}), ("c", 1, {"n": 4}))
        series = {str(series): series for series, _ in lab.snapshot}
        assert series['lab.c{n="4"}'].start is not None


@pytest.mark.clause("C-14")
def test_places_kept_behind_a_cut_are_no_leave_to_take_more() -> None:
    """Three samples where two are taken, however many series are known."""
    with Lab(max_samples=2) as lab:
        lab.pull(("a", 1), ("b", 1))
        lab.pull(("c", 1), ("d", 1), ("e", 1))
        assert len(lab.block.series) == 4
        known = [(str(series)[4:], 1) for series in lab.block.series]
        assert len(lab.pull(*known)) == 2
        assert lab.statistics.refused["too_many_samples"] == 2


def test_series_do_not_pile_up_behind_cuts() -> None:
    """A sampler that never ends and always names others."""
    numbers = count()

    def sample() -> Any:
        while True:
            yield f"g{next(numbers)}", 1

    with Lab(max_samples=10) as lab:
        lab.next = sample
        for _ in range(10):
            lab.pull()
            assert len(lab.block.series) <= 20


def test_a_generator_that_resists_its_end_fails_that_pull_only() -> None:
    """What its ``finally`` raises is the sampler's failure, and nothing else's."""

    def sample() -> Any:
        try:
            while True:
                yield "g", 1
        finally:
            raise ZeroDivisionError

    with Lab(max_samples=10) as lab:
        lab.next = sample
        assert lab.pull() == {}
        assert reasons(lab.snapshot) == {"lab": "raised"}
        assert lab.pull(("g", 1)) == {"lab.g": 1}


@pytest.mark.clause("C-14")
@pytest.mark.scenario(19)
def test_a_metric_has_two_thousand_series() -> None:
    """The surplus of counters and histograms is folded into one series, of gauges refused."""
    with Lab() as lab:

        def sample() -> Any:
            for n in range(2_500):
                yield "c", 1, {"n": n}
                yield "g", 1, {"n": n}
                yield "h", {"count": 2, "sum": 3, "buckets": {1: 1}}, {"n": n}

        lab.next = sample
        found = lab.pull()
        assert len(found) == 3 * 2_000 + 2
        assert found['lab.c{overflow="true"}'] == 500
        assert found['lab.h{overflow="true"}'] == HistogramValue(1000, 1500, ((1.0, 500),))
        assert lab.statistics.refused == {"overflow": 2 * 499, "too_many_series": 500}
        series = lab.block.series
        lab.pull()
        assert lab.block.series is series


def test_the_surplus_stays_in_the_surplus() -> None:
    """While a metric overflows no new series of it is admitted: none would count twice."""
    with Lab(max_series=2) as lab:
        rows = [("c", 10, {"n": str(n)}) for n in range(4)]
        lab.pull(*rows)
        assert lab.pull(*rows[1:]) == {'lab.c{n="1"}': 10, 'lab.c{overflow="true"}': 20}
        assert lab.pull(*rows[3:]) == {'lab.c{overflow="true"}': 20}
        assert lab.pull(rows[0]) == {'lab.c{overflow="true"}': 20}
        assert lab.pull(("g", 1)) == {"lab.g": 1}
        assert lab.pull(*rows[:2]) == {'lab.c{n="0"}': 10, 'lab.c{n="1"}': 10}


def test_a_series_of_the_surplus_occurs_once_too() -> None:
    """Twice the same series in one pull is refused in the surplus as well."""
    with Lab(max_series=1) as lab:
        found = lab.pull(("c", 1), ("c", 5, {"n": "1"}), ("c", 5, {"n": "1"}))
        assert found == {"lab.c": 1, 'lab.c{overflow="true"}': 5}
        assert lab.statistics.refused == {"duplicate": 1}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 9), st.integers(0, 9), max_size=8), st.booleans()
        ),
        max_size=10,
    ),
    st.booleans(),
)
def test_the_surplus_never_falls_and_adds_only_what_it_grew_by(
    rounds: list[Any], histogram: bool
) -> None:
    """Under churn the folded total is the first surplus and every growth of it since."""
    name, limit = ("h" if histogram else "c"), 2
    total = then = None
    admitted: list[int] = []
    with Lab(max_series=limit) as lab:
        for rows, _ in rounds:
            lab.next = [
                (
                    name,
                    {"count": v, "sum": v, "buckets": {1: v}} if histogram else v,
                    {"n": n},
                )
                for n, v in rows.items()
            ]
            found = lab.pull()
            kept = [n for n in admitted if n in rows]
            fresh = [n for n in rows if n not in admitted]
            room = 0 if then is not None else limit - len(admitted)
            surplus = [rows[n] for n in fresh[max(room, 0) :]]
            admitted = kept + fresh[: max(room, 0)]
            if not surplus:
                total = then = None
            else:
                now = sum(surplus)
                if then is None or total is None:
                    total = now
                elif now >= then:
                    total += now - then
                then = now
            shown = found.pop(f'lab.{name}{{overflow="true"}}', None)
            shown = shown.count if isinstance(shown, HistogramValue) else shown
            assert shown == total
            assert len(found) == len(admitted)
            account = lab.statistics
            assert account.yielded == account.collected + sum(account.refused.values())


def test_a_surplus_that_outgrows_every_number_is_refused() -> None:
    """A snapshot holds 64-bit integers and finite floats, also where the core adds them up."""
    with Lab(max_series=1) as lab:
        rows = [("c", BIG - 1, {"n": str(n)}) for n in range(4)]
        assert lab.pull(*rows) == {'lab.c{n="0"}': BIG - 1}
        assert lab.statistics.refused == {"overflow": 2, "out_of_range": 1}
        floats = [("c", 1.7e308, {"n": str(n)}) for n in range(4)]
        assert lab.pull(*floats) == {'lab.c{n="0"}': 1.7e308}


def test_a_source_that_restarts_restarts_its_surplus() -> None:
    """After a changed start the folded total is the new surplus, whole, as a new series."""
    state = {"start": 1.0, "value": 100}

    def sample() -> Any:
        for n in range(3):
            yield "c", state["value"], {"n": n}

    registry = Registry()
    registry.register(
        {
            "name": "lab",
            "sample": sample,
            "start": lambda: state["start"],
            "metrics": {"c": {"kind": "counter"}},
        }
    )
    with Collector(registry, deadline=5.0, max_series=1) as consumer:
        before = {str(series): series for series, _ in consumer.collect()}
        state.update(start=2.0, value=7)
        snapshot = consumer.collect()
        after = {str(series): series for series, _ in snapshot}
    name = 'lab.c{overflow="true"}'
    assert values(snapshot)[name] == 14
    assert after[name] is not before[name]
    assert after[name].start is not None
    assert after[name].start >= snapshot.start


@pytest.mark.scenario(19)
def test_churn_does_not_grow_memory() -> None:
    """New series at every pull for ever: what is kept is what one pull has."""
    counter = iter(range(10**9))

    def sample() -> Any:
        for _ in range(100):
            n = next(counter)
            yield "c", n, {"n": n}
            yield "g", n, {"n": n}

    def rounds(number: int) -> None:
        for _ in range(number):
            lab.pull()

    with Lab(max_series=50) as lab:
        lab.next = sample
        rounds(20)
        tracemalloc = pytest.importorskip("tracemalloc")
        tracemalloc.start()
        try:
            rounds(5)
            before = tracemalloc.get_traced_memory()[0]
            rounds(40)
            assert tracemalloc.get_traced_memory()[0] < before + 200_000
        finally:
            tracemalloc.stop()


class Endless:
    """A mapping with keys without end."""

    def get(self, key: str, default: Any = None) -> Any:
        return 1

    __getitem__ = get

    def keys(self) -> Any:
        return map("k{}".format, count())

    def items(self) -> Any:
        return zip(self.keys(), repeat(1))


def many(number: int) -> dict[str, int]:
    """Return labels of that number."""
    return {f"k{n}": n for n in range(number)}


def filled(number: int) -> dict[int, int]:
    """Return so many buckets."""
    return dict.fromkeys(range(number), 1)


@pytest.mark.clause("C-14")
@pytest.mark.parametrize("min_interval", [None, 60])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: ("g", 1, many(65)), "too_many_labels"),
        (lambda: ("g", 1, OrderedDict(many(65))), "too_many_labels"),
        (lambda: ("g", 1, many(10**6)), "too_many_labels"),
        (lambda: ("g", 1, Endless()), "too_many_labels"),
        (lambda: ("h", {"count": 1, "buckets": filled(1_001)}), "too_many_buckets"),
        (lambda: ("h", {"count": 1, "buckets": filled(10**6)}), "too_many_buckets"),
        (lambda: ("h", {"count": 1, "buckets": Endless()}), "too_many_buckets"),
    ],
)
def test_a_sample_with_too_many_labels_or_buckets_costs_itself_only(
    make: Callable[[], Any], reason: str, min_interval: float | None
) -> None:
    """It is refused under its own reason, whatever it would have taken to read it whole."""
    registry = Registry()
    keys = {} if min_interval is None else {"min_interval": min_interval}
    metrics = {"h": {"kind": "histogram"}}
    registry.register(mapping("m", ("a", 1), make(), ("b", 2), metrics=metrics, **keys))
    with Collector(registry, deadline=20.0) as consumer:
        assert values(consumer.collect()) == {"m.a": 1, "m.b": 2}
        (account,) = consumer.statistics()
        assert account.refused == {reason: 1}
        assert account.yielded == 3


def test_as_many_labels_and_buckets_as_a_consumer_takes() -> None:
    """Sixty-four labels, a thousand buckets; infinity and constant labels come on top."""
    buckets = {**filled(1_000), float("inf"): 1}
    samples = (("g", 1, many(64)), ("h", {"count": 1, "buckets": buckets}))
    registry = Registry()
    metrics = {"h": {"kind": "histogram"}}
    registry.register(mapping("m", *samples, labels={"pool": "a"}, metrics=metrics))
    with Collector(registry, deadline=20.0) as consumer:
        (one, _), (_, histogram) = consumer.collect()
        assert len(one.labels) == 65
        assert isinstance(histogram, HistogramValue)
        assert len(histogram.buckets) == 1_000


def test_an_instrument_with_more_buckets_than_anyone_takes_is_refused_at_once() -> None:
    """Where it is made, not at each pull."""
    group = Instruments("g", registry=Registry())
    group.histogram("whole", buckets=range(1_000))
    with pytest.raises(ValueError, match="at most 1000 buckets"):
        group.histogram("more", buckets=range(1_001))
