"""The code of the draft keeps every clause that it does not list as left out."""

from __future__ import annotations

import decimal
import re
import threading
import time

import pytest

from tests.pep.draft import CODE, COUNTER, TEXT, consumer_of, counting, key, published
from tests.support.waiting import SLACK


def test_the_heart_of_a_consumer_pulls_a_factory_too():
    """And closes its instance."""
    closed = []

    class Instance:
        def __init__(self, environ):
            assert environ["settings"] == {}

        def __call__(self):
            yield "a", 1, {"x": "y"}, {"kind": "gauge"}
            yield "b", 2, None, None

        def close(self):
            closed.append(self)

    found = dict(CODE["pull"]({"name": "s", "factory": Instance, "labels": {"db": "one"}}))
    assert found == {key("s.a", db="one", x="y"): 1, key("s.b", db="one"): 2}
    assert len(closed) == 1


def test_what_is_left_out_is_listed_by_clauses_that_exist():
    """And no clause that the code names in a comment is among those left out as a whole."""
    section = TEXT.split("\nA Whole Implementation\n")[1].split("\nRationale\n")[0]
    prose = section.split(".. code-block")[0]
    for clause in re.findall(r"[SRC]-\d\d", section):
        assert f"**{clause}** " in TEXT
    assert {"C-07", "C-14", "R-13", "R-14", "C-10", "C-19", "C-21"} <= set(
        re.findall(r"[SRC]-\d\d", prose)
    )


def test_later_changes_of_a_mapping_are_not_seen():
    """Nor of the mappings in it (R-01)."""
    described, labels = {"kind": "counter"}, {"db": "one"}
    sampler = counting([("n", 1)], labels=labels, metrics={"n": described})
    registry = published(sampler)
    described["kind"], labels["db"], sampler["name"] = "gauge", "two", "other"
    sampler["metrics"]["m"] = COUNTER
    values, increments, _ = CODE["Consumer"](registry).pull()
    assert values == {key("s.n", db="one"): 1}
    assert increments == {key("s.n", db="one"): 0}


def test_an_equal_mapping_is_the_same_registration():
    """A key whose value is None is absent; one that differs is another's (R-03, R-05)."""
    registry = CODE["Registry"]()
    sampler = counting([])
    first = registry.register(sampler)
    assert registry.register({**sampler, "start": None}) is first
    with pytest.raises(ValueError, match="R-05"):
        registry.register({**sampler, "start": 5.0})
    registry.unregister(first)
    assert registry.register(sampler) is not first


def test_registrations_made_at_once_are_all_there():
    """Some registered while others are, and some withdrawn (R-06, R-12)."""
    registry = CODE["Registry"]()
    start, kept = threading.Barrier(8), []

    def register(index):
        start.wait(30)
        for i in range(40):
            made = registry.register({"name": f"s{index}.n{i}", "sample": list})
            if i % 2:
                registry.unregister(made)
            else:
                kept.append(made)

    threads = [threading.Thread(target=register, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(kept) == 160
    assert set(registry) == set(kept)
    assert all(each.time <= time.time() and each.sampler["name"] for each in registry)


def test_a_comparison_may_register():
    """No lock is held while it runs, and nothing that came meanwhile is lost (R-06)."""
    registry, compared = CODE["Registry"](), []

    class Sample:
        def __call__(self):
            return []

        def __eq__(self, other):
            compared.append(registry.register({"name": "meanwhile", "sample": list}))
            return self is other

        __hash__ = object.__hash__

    made = [
        registry.register({"name": "s", "sample": Sample(), "labels": {"x": label}})
        for label in "ab"
    ]
    assert set(registry) == {*made, *compared}
    assert len(registry.all) == 3


def test_what_a_sampler_unregisters_is_not_called_in_the_next_round():
    """Its instance is closed then (R-07, C-04)."""
    calls = []

    class Instance:
        def __init__(self, _environ):
            pass

        def __call__(self):
            calls.append("called")
            return []

        def close(self):
            calls.append("closed")

    registry = CODE["Registry"]()
    victim = []
    registry.register({"name": "a", "sample": lambda: victim and registry.unregister(*victim)})
    registered = registry.register({"name": "b", "factory": Instance})
    consumer = CODE["Consumer"](registry)
    victim.append(registered)
    consumer.pull()
    before = calls.count("called")
    consumer.pull()
    assert (calls.count("called"), calls.count("closed")) == (before, 1)


@pytest.mark.parametrize("close", ["raises", "hangs"])
def test_a_close_costs_no_other_samplers_numbers(close):
    """Nor more than its deadline (C-05, C-06)."""
    gate, began = threading.Event(), []

    class Instance:
        def __init__(self, _environ):
            pass

        def __call__(self):
            return []

        def close(self):
            began.append(time.monotonic())
            if close == "raises":
                raise ValueError("an author's")
            gate.wait(60 + SLACK)

    registry = published({"name": "a", "factory": Instance}, counting([("n", 1)]))
    consumer = CODE["Consumer"](registry, deadline=0.2)
    registry.unregister(next(iter(registry)))
    try:
        values, _, failed = consumer.pull()
        assert (values, failed) == ({key("s.n"): 1}, set())
        assert time.monotonic() - began[0] < 30
    finally:
        gate.set()


@pytest.mark.parametrize(
    "value", [b"1", bytearray(b"1"), "1", 1j, 2**63, float("inf"), object(), [1], {"a": 1}]
)
def test_what_is_no_number_is_refused(value):
    """Alone (S-19)."""
    values, _, failed = consumer_of(
        {"name": "s", "sample": lambda: [("a", value), ("b", 1)]}
    ).pull()
    assert (values, failed) == ({key("s.b"): 1}, set())


def test_what_converts_is_a_number():
    """By ``__index__``, else by ``__float__``; NaN and None are nothing to report."""
    rows = [("a", decimal.Decimal("1.5")), ("b", True), ("c", float("nan")), ("d", None)]
    values, _, _ = consumer_of({"name": "s", "sample": lambda: rows}).pull()
    assert values == {key("s.a"): 1.5, key("s.b"): 1}
    assert type(values[key("s.b")]) is int


def test_a_constant_label_that_is_absent_may_be_given():
    """One that is there may not, even as an empty text (S-23, S-24)."""
    rows = [
        ("a", 1, {"x": "y"}),
        ("b", 1, {"db": "two"}),
        ("c", 1, {"db": ""}),
        ("d", 1, {"n": 0}),
    ]
    sampler = {"name": "s", "sample": lambda: rows, "labels": {"db": "one", "x": ""}}
    values, _, _ = consumer_of(sampler).pull()
    assert set(values) == {key("s.a", db="one", x="y"), key("s.d", db="one", n="0")}


def test_a_fourth_item_describes_a_metric_for_good():
    """That of the first sample taken; a mapping's own description stands (S-08)."""
    rows = [
        ("a", 1, None, COUNTER),
        ("n", 1, None, {"kind": "gauge"}),
        ("b", 1),
        ("c", "?", {}, COUNTER),
    ]
    consumer = consumer_of(counting(rows))
    rows[:] = [("a", 4, None, {"kind": "gauge"}), ("n", 3), ("b", 2, None, COUNTER), ("c", 7)]
    values, increments, _ = consumer.pull()
    assert values[key("s.b")] == 2
    assert increments == {key("s.a"): 3, key("s.n"): 2, key("s.c"): 7 - 7}


def test_descriptions_of_a_pull_that_failed_do_not_count():
    """Nor do its samples (C-05)."""
    turns = [COUNTER, None, None]

    def sample():
        described = turns.pop(0)
        yield "a", 1, None, described
        if described:
            raise ValueError("an author's")

    consumer = consumer_of({"name": "s", "sample": sample})
    consumer.pull()
    _, increments, failed = consumer.pull()
    assert (increments, failed) == ({}, set())


@pytest.mark.parametrize(("merge", "wanted"), [("sum", 9), ("max", 5), ("min", 1)])
def test_gauges_with_merge_combine_within_a_pull(merge, wanted):
    """Without None, NaN and what is refused; each other series stands as it came first (S-25)."""
    rows = [("g", v) for v in (3, None, 5, "text", float("nan"), 1)] + [("n", 1), ("n", 2)]
    sampler = counting(rows, metrics={"g": {"merge": merge}, "n": COUNTER})
    values, _, _ = consumer_of(sampler).pull()
    assert values == {key("s.g"): wanted, key("s.n"): 1}


def test_of_two_samples_the_first_stands_whatever_its_value():
    """In every pull (C-12)."""
    consumer = consumer_of(counting([("n", None), ("n", 2), ("m", "text"), ("m", 3)]))
    for _ in range(3):
        assert consumer.pull()[0] == {}


def test_a_series_belongs_to_the_sampler_that_had_it_first():
    """Until it ends there; then the other goes on, with a baseline (C-12, C-16)."""
    first, second = [("b.n", 5)], [("n", 100)]
    one = counting(first, "a", metrics={"b.n": COUNTER})
    consumer = consumer_of(one, counting(second, "a.b"))
    first[:], second[:] = [("b.n", 7)], [("n", 200)]
    values, increments, _ = consumer.pull()
    assert (values[key("a.b.n")], increments[key("a.b.n")]) == (7, 2)
    first[:], second[:] = [], [("n", 300)]
    values, increments, _ = consumer.pull()
    assert (values[key("a.b.n")], increments[key("a.b.n")]) == (300, 0)
    second[:] = [("n", 310)]
    assert consumer.pull()[1][key("a.b.n")] == 10


def test_a_start_that_changes_within_a_pull_fails_it():
    """A restart between ``start`` and the samples is counted once (S-10)."""
    state = {"start": 1.0, "n": 100}
    trap = []

    def start():
        now = state["start"]
        if trap:
            trap.clear()
            state.update(start=2.0, n=5)
        return now

    sampler = {"name": "s", "sample": lambda: [("n", state["n"])], "metrics": {"n": COUNTER}}
    consumer = consumer_of({**sampler, "start": start})
    trap.append(1)
    added = []
    for n in (5, 8):
        state["n"] = n if not trap else state["n"]
        _, increments, failed = consumer.pull()
        added.append((increments.get(key("s.n"), 0), bool(failed)))
    assert added == [(0, True), (8, False)]


@pytest.mark.parametrize(
    ("when", "wanted"), [("before", 0), ("there from the start", 0), ("absent", 7), ("late", 7)]
)
def test_a_first_value_counts_whole_where_the_series_began_within_the_consumers_time(when, wanted):
    """Though it had no value then (C-15, C-16)."""
    rows = [] if when == "absent" else [("n", None)]
    registry = published(counting([])) if when == "late" else published(counting(rows))
    consumer = CODE["Consumer"](registry)
    name = "s"
    if when == "late":
        name = "t"
        registry.register(counting(rows, "t"))
    if when in ("absent", "late"):
        rows[:] = [("n", None)]
        consumer.pull()
    rows[:] = [("n", 7)]
    assert consumer.pull()[1][key(f"{name}.n")] == wanted


def test_an_older_registration_that_a_consumer_meets_late_begins_with_a_baseline():
    """It was registered before the consumer began (C-16)."""
    registry, old = CODE["Registry"](), published(counting([("n", 1000)]))
    consumer = CODE["Consumer"](registry)
    registry.all = tuple(old)
    assert consumer.pull()[1] == {key("s.n"): 0}


def test_a_sampler_that_never_ends_costs_its_deadline_and_no_more():
    """Its thread ends, too, and its generator is closed (C-06)."""
    closed = threading.Event()

    def sample():
        try:
            while True:
                yield "a", 1
        finally:
            closed.set()

    consumer = consumer_of(
        {"name": "s", "sample": sample}, counting([("n", 1)], "t"), deadline=0.1
    )
    values, _, failed = consumer.pull()
    assert (values, failed) == ({key("t.n"): 1}, {"s"})
    assert closed.wait(30)


def test_a_start_that_becomes_known_within_a_pull_fails_nothing():
    """What it returned first counts (S-10)."""
    said = iter([None, 5.0, 5.0, 5.0])
    consumer = consumer_of(counting([("n", 7)], start=lambda: next(said)))
    _, increments, failed = consumer.pull()
    assert (increments, failed) == ({key("s.n"): 0}, set())


def test_registrations_of_others_need_a_mapping_and_a_time_only():
    """They may have no hash, and equal each other (R-12)."""

    class Theirs:
        __hash__ = None

        def __init__(self, name, moment):
            self.sampler, self.time = counting([("n", 3)], name), moment

        def __eq__(self, other):
            return True

    theirs = [Theirs("a", 1.0), Theirs("b", time.time() + 60)]
    consumer = CODE["Consumer"](theirs)
    theirs.append(Theirs("c", time.time() + 60))
    values, increments, _ = consumer.pull()
    assert values == {key(f"{name}.n"): 3 for name in "abc"}
    assert increments == {key("a.n"): 0, key("b.n"): 0, key("c.n"): 3}
    del theirs[1:]
    assert consumer.pull()[0] == {key("a.n"): 3}
