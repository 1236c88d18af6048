"""Children come and go: nobody's count is lost, none comes back as a reset, memory stays flat."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler._instruments import departures
from sampler_prometheus import WSGIApp


def seen(consumer: Collector, name: str = "g.c") -> dict[str, Any]:
    """Return what a pull shows of one metric, by its label, or by ``overflow``."""
    return {
        next(iter(series.labels.values())): getattr(value, "count", value)
        for series, value in consumer.collect()
        if series.name == name
    }


@pytest.fixture
def group(registry: Registry) -> Instruments:
    return Instruments("g", registry)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def record(instrument: Any, label: str, times: int = 1) -> None:
    for _ in range(times):
        if hasattr(instrument, "observe"):
            instrument.observe(1.5, a=label)
        else:
            instrument.inc(a=label)


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_each_consumer_that_knew_a_child_sees_its_total_once_more(group, registry, kind) -> None:
    """Each at its own pace; then the series has ended for it, and the child is gone."""
    made = getattr(group, kind)("c", labels=("a",))
    with Collector(registry) as one, Collector(registry) as other, Collector(registry) as late:
        record(made, "x", 2)
        record(made, "y")
        assert seen(one) == seen(other) == {"x": 2, "y": 1}
        record(made, "x")
        made.remove("x")
        assert seen(late) == {"y": 1}  # it never knew it
        assert [seen(one) for _ in range(3)] == [{"x": 3, "y": 1}, {"y": 1}, {"y": 1}]
        assert len(made.children()) == 2
        assert [seen(other) for _ in range(2)] == [{"x": 3, "y": 1}, {"y": 1}]
        seen(late)
        seen(late)
        assert [child.texts for child in made.children()] == [("y",)]


def test_a_gauge_goes_at_once(group, registry) -> None:
    """It has no total. Set again it is there again, also through a child that was kept."""
    made = group.gauge("c", labels=("a",))
    kept = made.labels("x")
    kept.set(4)
    made.set(1, a="y")
    with Collector(registry) as one:
        assert seen(one) == {"x": 4, "y": 1}
        made.remove(a="x")
        assert seen(one) == {"y": 1}
        kept.inc(2)
        assert seen(one) == {"y": 1, "x": 2}
        assert made.labels("x") is kept
        made.remove({"a": "x"})
        made.labels("x").set_function(lambda: 7)
        assert seen(one) == {"y": 1, "x": 7}


@pytest.mark.parametrize("pulls", [0, 1])
def test_what_is_recorded_to_before_all_have_seen_it_end_goes_on(group, registry, pulls) -> None:
    """With its total, so no consumer takes it for a reset."""
    made = group.counter("c", labels=("a",))
    record(made, "x", 5)
    with Collector(registry) as one:
        first = seen(one)
        made.remove("x")
        for _ in range(pulls):
            seen(one)
        record(made, "x", 2)
        assert (first, seen(one), seen(one), seen(one)) == ({"x": 5}, {"x": 7}, {"x": 7}, {"x": 7})


def test_later_it_begins_at_zero_as_a_new_series(group, registry) -> None:
    """Which counts whole; so does what a child counts that the program has kept."""
    made = group.counter("c", labels=("a",))
    kept = made.labels("x")
    kept.inc(5)
    with Collector(registry) as one:
        seen(one)
        made.remove("x")
        assert [seen(one) for _ in range(3)] == [{"x": 5}, {}, {}]
        kept.inc(3)
        assert seen(one) == {"x": 3}
        record(made, "x")
        assert seen(one) == {"x": 4}


def test_all_are_removed_at_once_and_the_surplus_stays(registry) -> None:
    """And there is room for others."""
    made = Instruments("g", registry, max_children=2).counter("c", labels=("a",))
    for label in "wxyz":
        record(made, label)
    with Collector(registry) as one:
        assert seen(one) == {"w": 1, "x": 1, "true": 2}
        made.clear()
        assert [seen(one) for _ in range(2)] == [{"w": 1, "x": 1, "true": 2}, {"true": 2}]
        record(made, "y")
        record(made, "z")
        assert seen(one) == {"y": 1, "z": 1, "true": 2}


def test_wrong_labels_of_a_removal_are_told_and_unknown_ones_are_none(group) -> None:
    """A programmer's error raises; a child that is not there is no error."""
    made = group.counter("c", labels=("a", "b"))
    for wrong in ((), ("x",), ("x", "y", "z"), ({"a": "x"},)):
        with pytest.raises(ValueError, match="expected labels a, b"):
            made.remove(*wrong)
    with pytest.raises(ValueError, match="expected labels a, b"):
        made.remove(a="x", c="y")
    made.remove("x", None)
    made.remove(b="y", a="x" * 5_000)


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_what_nobody_records_to_expires(monkeypatch, registry, kind) -> None:
    """After its age, which each recording starts anew, also of the same value."""
    now = [100.0]
    monkeypatch.setattr(departures.time, "monotonic", lambda: now[0])
    made = getattr(Instruments("g", registry), kind)("c", labels=("a",), expire=60)

    def touch(label: str) -> None:
        made.set(1, a=label) if kind == "gauge" else record(made, label)

    touch("x")
    touch("y")
    with Collector(registry) as one:
        for _ in range(4):
            now[0] += 50
            touch("y")
            found = seen(one)
        assert found.keys() == {"y"}
        touch("x")
        assert seen(one)["x"] == 1
    with pytest.raises(ValueError, match="expire must be seconds above 0 and needs labels"):
        getattr(Instruments("h", registry), kind)("c", labels=("a",), expire=0)


def test_a_gauge_that_asks_a_function_does_not_expire(monkeypatch, registry) -> None:
    """It is as alive as its function."""
    now = [100.0]
    monkeypatch.setattr(departures.time, "monotonic", lambda: now[0])
    made = Instruments("g", registry).gauge("c", labels=("a",), expire=60)
    made.labels("x").set_function(lambda: 3)
    with Collector(registry) as one:
        for _ in range(3):
            now[0] += 100
            assert seen(one) == {"x": 3}


OPERATIONS = st.one_of(
    st.tuples(st.just("record"), st.sampled_from("wxyz"), st.integers(1, 3)),
    st.tuples(st.just("kept"), st.sampled_from("wxyz"), st.just(1)),
    st.tuples(st.just("remove"), st.sampled_from("wxyz"), st.just(0)),
    st.tuples(st.just("clear"), st.just(""), st.just(0)),
    st.tuples(st.just("pull"), st.sampled_from("01"), st.just(0)),
)


@pytest.mark.parametrize("kind", ["counter", "histogram"])
@settings(max_examples=100, deadline=None)
@given(operations=st.lists(OPERATIONS, max_size=40), waiting=st.sampled_from([0, 1, 2, 2_000]))
def test_increments_are_what_was_recorded(kind, operations, waiting) -> None:
    """Of each consumer, whenever it pulls, however few may wait, whoever goes and comes back."""
    registry = Registry()
    made = getattr(Instruments("g", registry), kind)("c", labels=("a",))
    kept = {label: made.labels(label) for label in "wxyz"}
    with pytest.MonkeyPatch.context() as patch, Collector(registry) as a, Collector(registry) as b:
        patch.setattr(departures, "MAX_WAITING", waiting)
        consumers = [Counting(a), Counting(b)]
        total = 0
        for what, label, number in operations:
            if what == "record":
                record(made, label, number)
            elif what == "kept":
                child = kept[label]
                child.observe(1.5) if kind == "histogram" else child.inc()
                number = 1
            elif what == "remove":
                made.remove(label)
            elif what == "clear":
                made.clear()
            else:
                consumers[int(label)].pull()
            total += number
        for each in consumers:
            for _ in range(4):  # what was kept comes back at a pull
                each.pull()
            assert (each.counted, each.resets) == (total, 0)


class Counting:
    """A consumer that adds up increments, as one does that knows nothing of departures."""

    def __init__(self, consumer: Collector) -> None:
        self.consumer = consumer
        self.counted = self.resets = 0
        self._last: dict[str, tuple[Any, int]] = {}
        self.pull()

    def pull(self) -> None:
        now = {}
        for series, value in self.consumer.collect():
            count = getattr(value, "count", value)
            now[str(series)] = series, count
            before, last = self._last.get(str(series), (None, 0))
            self.resets += before is not None and (before is not series or count < last)
            self.counted += count - last
        self._last = now


def test_a_hundred_thousand_that_come_and_go_leave_memory_flat() -> None:
    """Pulled now and then; the sum of what a page has seen is what was counted."""
    registry = Registry()
    made = Instruments("g", registry).counter("c", labels=("a",))
    app = WSGIApp(registry, interval=1e-6)

    def page() -> str:
        body = app({"REQUEST_METHOD": "GET"}, lambda *_: None)
        text = b"".join(body).decode()
        body.close()  # type: ignore[attr-defined]
        return text

    def cycles(first: int, last: int) -> None:
        for number in range(first, last):
            made.inc(a=f"v{number}")
            made.remove(f"v{number}")
            if not number % 5_000:
                page()

    cycles(0, 20_000)
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        cycles(20_000, 30_000)
        page()
        before = tracemalloc.get_traced_memory()[0]
        cycles(30_000, 100_000)
        page()
        page()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        app.close()
    assert after < before + 300_000
    assert len(made.children()) <= 2 * departures.MAX_WAITING


def test_dead_gauges_do_not_keep_living_ones_from_the_page(registry) -> None:
    """Workers come and go, 500 at a time; those that go are removed."""
    made = Instruments("w", registry).gauge("busy", labels=("worker",))
    with Collector(registry) as one:
        for generation in range(8):
            for number in range(500):
                made.set(1, worker=f"w{generation}-{number}")
            found = seen(one, "w.busy")
            assert {name.partition("-")[0] for name in found} == {f"w{generation}"}
            assert len(found) == 500
            made.clear()
        assert one.statistics()[0].refused == {}
