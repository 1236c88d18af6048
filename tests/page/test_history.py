"""An hour of every series: what is kept, what is made of it, and that it does not grow."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from sampler import Collector, Instruments, Registry
from sampler.agent import ABSENT, HistogramValue, Series
from sampler.page.history import MAX_BYTES, MAX_SERIES, SPAN, History
from sampler.page.points import Points
from tests.page.pulls import BEGAN, Clock, series_of, snapshot


def numbers(history: History, each: Series) -> object:
    """Return a series' points."""
    found = {str(s): (number, s.kind) for number, (s, _) in history.index.items()}
    return Points(history.rows()).of(*found[str(each)])


def test_a_gauge_is_kept_as_it_is() -> None:
    """Where it was absent there is none."""
    history, (gauge,) = History(), series_of(1)
    alike = (gauge,)
    for value in (1, 2.5, ABSENT, -3):
        history.record(snapshot(BEGAN, (alike, [value])))
    assert numbers(history, gauge) == [1.0, 2.5, None, -3.0]


def test_a_counter_is_a_rate_between_two_reads() -> None:
    """The first pull has none; after a reset the new value counts whole."""
    history, alike = History(), series_of(1, "counter")
    for time, value in ((0, 10), (10, 30), (12, 31), (22, 5)):
        history.record(snapshot(BEGAN + time, (alike, [value])))
    assert numbers(history, alike[0]) == [None, 2.0, 0.5, 0.5]


def shop_at(moments):
    """Yield a group of instruments and a history, which gets a pull at each of these times."""
    registry, clock, history = Registry(), Clock(BEGAN), History()
    shop = Instruments("shop", registry=registry)
    with Collector(registry, interval=10.0, clock=clock) as collector:
        for moment in moments:
            clock.now = BEGAN + moment
            yield shop, history
            clock.now = BEGAN + moment + 0.001
            history.record(collector.collect())


def test_a_labelled_counter_that_appears_has_counted_from_zero() -> None:
    """Its first burst is a rate; where a counter was at the first pull nobody knows."""
    pulls = shop_at((0, 10, 20, 30))
    shop, history = next(pulls)
    orders = shop.counter("orders", labels=("route",))
    orders.inc(7, route="old")
    next(pulls)
    orders.inc(5, route="buy")
    orders.inc(1, route="old")
    next(pulls)
    orders.inc(2, route="buy")
    next(pulls)
    next(pulls, None)
    assert numbers(history, Series("shop.orders", {"route": "buy"})) == [None, 0.5, 0.2, 0.0]
    assert numbers(history, Series("shop.orders", {"route": "old"})) == [None, 0.1, 0.0, 0.0]


def test_a_labelled_histogram_that_appears_has_quantiles_at_once() -> None:
    """Of all that it has seen."""
    pulls = shop_at((0, 10, 20))
    shop, history = next(pulls)
    wait = shop.histogram("wait", labels=("route",), buckets=(1.0, 2.0))
    next(pulls)
    wait.labels("buy").observe(1.5)
    next(pulls)
    next(pulls, None)
    points = numbers(history, Series("shop.wait", {"route": "buy"}))
    assert points["p50"] == [None, pytest.approx(1.5), None]


def test_a_total_that_is_older_than_the_page_is_no_burst() -> None:
    """Its start was before the consumer's, or is not known."""
    history, others = History(), series_of(1)
    history.record(snapshot(BEGAN, (others, [0])))
    old = Series("old.x", {}, "counter", start=BEGAN - 100)
    unknown = Series("unknown.x", {}, "counter")
    for time, value in ((10, 1000), (20, 1010)):
        history.record(
            snapshot(BEGAN + time, (others, [0]), ((old,), [value]), ((unknown,), [value]))
        )
    assert numbers(history, old) == [None, None, 1.0]
    assert numbers(history, unknown) == [None, None, 1.0]


@pytest.mark.parametrize(
    ("start", "first"),
    [(4, 50.0), (12, 80.0), (0, None), (10, None)],
    ids=["its own", "since the last pull", "the consumer's", "the last pull's"],
)
def test_the_first_rate_of_a_sampler_is_since_its_start_or_there_is_none(start, first) -> None:
    """As of a library that was imported, and found and pulled only later."""
    history, others = History(), series_of(1)
    for time in (0, 10):
        history.record(snapshot(BEGAN + time, (others, [0])))
    late = (Series("late.x", {}, "counter", start=BEGAN + start),)
    for time, value in ((20, 800), (30, 1300)):
        history.record(snapshot(BEGAN + time, (others, [0]), (late, [value])))
    assert numbers(history, late[0]) == [None, None, first, 50.0]


def test_a_total_that_was_away_is_no_burst_when_it_comes_back() -> None:
    """As where its sampler was registered again: it has counted since it began."""
    history, others = History(), series_of(1)
    back = (Series("back.x", {}, "counter", start=BEGAN + 5),)
    history.record(snapshot(BEGAN, (others, [0])))
    history.record(snapshot(BEGAN + 10, (others, [0]), (back, [50])))
    history.record(snapshot(BEGAN + 20, (others, [0])))
    history.record(snapshot(BEGAN + 30, (others, [0]), (back, [150])))
    assert numbers(history, back[0]) == [None, 5.0, None, None]


def test_a_counter_that_began_anew_has_counted_from_zero() -> None:
    """Also where it has counted more since than before."""
    history, first = History(), Series("shop.x", {}, "counter", start=BEGAN)
    history.record(snapshot(BEGAN, ((first,), [3])))
    again = first.restarted(BEGAN + 5)
    history.record(snapshot(BEGAN + 10, ((again,), [20])))
    assert numbers(history, first) == [None, 2.0]


def test_series_that_have_found_room_are_no_burst() -> None:
    """They were there, and were not kept."""
    history = History()
    many = series_of(MAX_SERIES)
    late = (Series("later.x", {}, "counter", start=BEGAN),)
    history.record(snapshot(BEGAN, (many, [0] * MAX_SERIES), (late, [70])))
    history.record(snapshot(BEGAN + 10, (many[:9], [0] * 9), (late, [90])))
    assert numbers(history, late[0]) == [None, None]


def test_a_counter_goes_on_when_other_series_come() -> None:
    """The columns are others then, and its number is not."""
    history, alike = History(), series_of(1, "counter")
    history.record(snapshot(BEGAN, (alike, [1])))
    others = series_of(3, sampler="other")
    history.record(snapshot(BEGAN + 1, (others, [0, 0, 0]), (alike, [3])))
    history.record(snapshot(BEGAN + 2, ((*alike, *series_of(1, sampler="shop.more")), [7, 0])))
    assert numbers(history, alike[0]) == [None, 2.0, 4.0]
    assert history.catalogue == 3


def test_a_histogram_is_quantiles_of_what_came_since_the_last_pull() -> None:
    """Where nothing came, or it is the first pull, there are none."""
    history, alike = History(), (Series("shop.wait", {}, "histogram", "s"),)
    bounds = (0.1, 1.0, 10.0)

    def value(*counts: int) -> HistogramValue:
        return HistogramValue(counts[-1], 1.0, tuple(zip(bounds, counts, strict=True)))

    for time, each in enumerate((value(50, 50, 50), value(150, 150, 150), value(150, 150, 150))):
        history.record(snapshot(BEGAN + time, (alike, [each])))
    history.record(snapshot(BEGAN + 4, (alike, [value(150, 150, 250)])))
    points = numbers(history, alike[0])
    assert points["p50"] == [None, pytest.approx(0.05), None, pytest.approx(5.5)]
    assert points["p99"] == [None, pytest.approx(0.099), None, pytest.approx(9.91)]


def test_a_histograms_quantiles_go_on_when_its_block_changes() -> None:
    """As its sampler has got another series."""
    history, wait = History(), Series("shop.wait", {}, "histogram", "s")
    one = HistogramValue(1, 1.0, ((1.0, 1),))
    history.record(snapshot(BEGAN, ((wait,), [one])))
    two = HistogramValue(3, 1.0, ((1.0, 3),))
    history.record(snapshot(BEGAN + 1, ((wait, *series_of(1)), [two, 0])))
    assert numbers(history, wait)["p50"] == [None, pytest.approx(0.5)]


def test_series_beyond_the_bound_are_counted() -> None:
    """Those that come first are kept."""
    history = History()
    first, second = series_of(MAX_SERIES - 10), series_of(30, sampler="later")
    history.record(snapshot(BEGAN, (first, [0] * len(first)), (second, [1] * len(second))))
    assert (len(history.index), history.omitted) == (MAX_SERIES, 20)
    assert numbers(history, second[9]) == [1.0]
    fewer = first[:100]
    history.record(snapshot(BEGAN + 1, (fewer, [0] * 100), (second, [2] * len(second))))
    assert history.omitted == 0
    assert numbers(history, second[29]) == [None, 2.0]


def test_pulls_that_are_older_than_an_hour_go() -> None:
    """By the time of the newest."""
    history, alike = History(), series_of(1)
    for pull in range(500):
        history.record(snapshot(BEGAN + pull * 10, (alike, [pull])))
    rows = history.rows()
    assert rows[-1].time - rows[0].time == SPAN
    assert numbers(history, alike[0])[0] == 499 - 360


def test_a_clock_that_is_set_back_costs_nothing() -> None:
    """Later pulls are kept behind those that seem to come later."""
    history, alike = History(), series_of(1, "counter")
    for time, value in ((100, 1), (10, 2), (20, 12)):
        history.record(snapshot(BEGAN + time, (alike, [value])))
    assert numbers(history, alike[0]) == [None, None, 1.0]


def test_an_hour_of_short_intervals_has_a_bound_in_bytes() -> None:
    """The oldest pulls go then."""
    history, alike = History(), series_of(MAX_SERIES)
    values = [1.0] * MAX_SERIES
    for pull in range(2 * MAX_BYTES // (16 * MAX_SERIES)):
        history.record(snapshot(BEGAN + pull * 0.1, (alike, values)))
    kept = sum(each.size for each in history.rows())
    assert MAX_BYTES * 0.9 < kept <= MAX_BYTES


def test_a_day_takes_no_more_memory_than_two_hours() -> None:
    """At the default interval, with series that come and go, and a viewer that reads them."""
    history, stable = History(), series_of(200)
    values: list[float] = [1.0] * 200

    def hours(count: int, since: int) -> int:
        for pull in range(since, since + count * 360):
            name = f"shop.fleeting{pull // 30}"
            fleeting = (Series(name, {"n": str(pull // 30)}), *series_of(1, "counter", name))
            if pull % 30 == 0:
                passing[0] = fleeting
            moment = BEGAN + pull * 10
            history.record(snapshot(moment, (stable, values), (passing[0], [pull, pull])))
            if pull % 60 == 0:
                Points(history.rows()).of(next(iter(history.index)), "gauge")
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    passing = [series_of(2)]
    tracemalloc.start()
    try:
        after_two = hours(2, 0)
        after_day = hours(22, 720)
    finally:
        tracemalloc.stop()
    assert after_day < after_two + 400_000  # a row an interval would be 12 MB


def test_numbers_of_series_that_come_and_go_are_forgotten() -> None:
    """There are never many more than are kept."""
    history = History()
    for pull in range(30):
        alike = series_of(1000, sampler=f"shop{pull}")
        history.record(snapshot(BEGAN + pull, (alike, [0] * 1000)))
    assert len(history._ids) <= 2 * MAX_SERIES
    assert len(history.index) == 1000
