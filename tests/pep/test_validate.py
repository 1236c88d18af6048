"""The validator: each breach is reported under its clause, and what conforms is left in peace."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler.testing._loop import LoopThread
from sampler.validate import Breach, examine, validator
from sampler.validate._breach import REMEDIES
from tests.contract.lab import BIG, Evil
from tests.pep.clauses import DRAFT, clauses
from tests.support.waiting import wait_for

COUNTER = {"c": {"kind": "counter"}}
HISTOGRAM = {"h": {"kind": "histogram"}}


def sampler(*samples: Any, **keys: Any) -> dict[str, Any]:
    """Return a sampler that always yields the same."""
    return {"name": "s", "sample": lambda: list(samples), **keys}


def mutating() -> Any:
    labels = {"state": "idle"}
    yield "a", 1, labels
    labels["state"] = "busy"
    yield "a", 2, labels


def falling(*values: int) -> dict[str, Any]:
    left = iter((*values, *[values[-1]] * 99))
    return {"name": "s", "sample": lambda: [("c", next(left))], "metrics": COUNTER}


def closing(close: Any) -> dict[str, Any]:
    """Return a sampler whose instances are closed by ``close``."""

    class Instance:
        def __call__(self) -> Any:
            return [("a", 1)]

    Instance.close = close  # type: ignore[attr-defined]
    return {"name": "s", "factory": lambda environ: Instance()}


async def one_sample() -> Any:
    return [("a", 1)]


def exponential(scale: int, buckets: dict[float, int], **keys: Any) -> dict[str, Any]:
    """Return a sampler of one exponential histogram."""
    value = {"count": max(buckets.values()), "scale": scale, "buckets": buckets, **keys}
    return sampler(("h", value), metrics=HISTOGRAM)


def later(described: dict[str, Any]) -> dict[str, Any]:
    """Return a sampler that describes its metric otherwise from the third pull on."""
    pulls = iter([{"help": "One."}] * 2)
    return {"name": "s", "sample": lambda: [("a", 1, None, next(pulls, described))]}


class Events:
    """A metric source in which something happens between pulls."""

    def __init__(self) -> None:
        self.total = self.since = 0

    def happen(self) -> None:
        self.total += 5
        self.since += 5

    def drain(self) -> int:
        since, self.since = self.since, 0
        return since


def one_at_a_time() -> Any:
    if not ONE.acquire(blocking=False):
        raise RuntimeError("I can do one thing at a time")
    try:
        time.sleep(0.05)
        return [("a", 1)]
    finally:
        ONE.release()


ONE = threading.Lock()


def redescribing() -> Any:
    described = {"help": "Of all."}
    yield "a", 1, None, described
    described["help"] = "Of one."
    yield "a", 2, {"l": "x"}


MAPPINGS = [
    ("S-01", "a text"),
    ("S-01", {"sample": list}),
    ("S-01", {"name": "s"}),
    ("S-01", {"name": "s", "sample": 1}),
    ("S-02", sampler(metric={})),
    ("S-02", sampler(metrics={"a": {"knd": "gauge"}})),
    ("S-03", {"name": "My-Pool", "sample": list}),
    ("S-03", sampler(metrics={"Wait": {}})),
    ("S-04", {"name": "a" * 150, "sample": list}),
    ("S-05", {"name": "sampler.mine", "sample": list}),
    ("S-09", sampler(labels=["db"])),
    ("S-26", sampler(metrics={"a": {"kind": 1}})),
    ("S-26", sampler(metrics=["a"])),
    ("S-27", sampler(metrics={"a": {"unit": 1}})),
    ("S-28", sampler(metrics={"a": {"scope": "galaxy"}})),
    ("S-29", sampler(metrics={"a": {"merge": "last"}})),
    ("S-30", sampler(metrics={"a": {"labels": "state"}})),
    ("S-23", sampler(labels={"db": None})),
    ("S-10", sampler(start="yesterday")),
    ("S-11", sampler(min_interval=0)),
    ("S-12", sampler(loop=1)),
]
CALLS = [
    ("S-07", {"name": "s", "factory": lambda environ: 1}),
    ("S-13", {"name": "s", "sample": lambda: None}),
    ("S-13", {"name": "s", "sample": lambda: {"a": 1}}),
    ("S-15", {"name": "s", "sample": lambda: 1 / 0}),
    ("S-15", {"name": "s", "factory": lambda environ: 1 / 0}),
    ("S-10", sampler(("a", 1), start=lambda: time.time() + 3600)),
    ("S-10", sampler(("a", 1), start=lambda: "yesterday")),
    ("S-15", sampler(("a", 1), start=lambda: 1 / 0)),
    ("S-07", closing(1)),
    ("S-15", closing(lambda instance: 1 / 0)),
    ("S-15", closing(lambda instance, why: None)),
    ("S-12", {"name": "s", "sample": one_sample, "loop": lambda: None}),
    ("S-12", {"name": "s", "sample": one_sample, "loop": lambda: 1 / 0}),
    ("S-17", {"name": "s", "sample": mutating}),
    ("S-18", {"name": "s", "sample": lambda: time.sleep(0.3) or ()}),
    ("S-18", closing(lambda instance: time.sleep(0.3))),
]
SAMPLES = [
    ("S-03", sampler(("Wait", 1))),
    ("S-03", sampler(("a", 1, {"State": "x"}))),
    ("S-03", sampler(("a", 1, {"overflow": "x"}))),
    ("S-03", sampler(("a", 1, {"l" * 151: "x"}))),
    ("S-04", sampler(("a" * 150, 1))),
    ("S-14", sampler("ab")),
    ("S-14", sampler(("a",))),
    ("S-14", sampler(("a", 1, "labels"))),
    ("S-14", sampler(("a", 1, Evil()))),
    ("S-30", sampler(("a", 1, {"db": "x"}), metrics={"a": {"labels": ["state"]}})),
    ("S-30", sampler(("a", 1, {"db": "x"}), metrics={"a": {"labels": []}})),
    ("S-19", sampler(("a", Evil()))),
    ("S-19", sampler(("a", "1"))),
    ("S-19", sampler(("a", BIG))),
    ("S-19", sampler(("a", float("inf")))),
    ("S-20", sampler(("c", -1), metrics=COUNTER)),
    ("S-21", sampler(("h", 1), metrics=HISTOGRAM)),
    ("S-21", sampler(("h", {"count": 1, "buckets": {1.0: 2}}), metrics=HISTOGRAM)),
    ("S-22", exponential(0, {1.0: 0, 3.0: 2})),
    ("S-22", exponential(1, {1.0: 0, 2.0**0.5 + 1e-9: 2})),
    ("S-22", exponential(0, {1.0: 1, 4.0: 2})),
    ("S-22", exponential(0, {2.0: 1})),
    ("S-22", exponential(0, {-1.0: 0, 0.0: 1})),
    ("S-22", exponential(2000, {1.0: 0, 1.5: 1})),
    ("S-22", sampler(("h", {"count": 1, "scale": 0.5}), metrics=HISTOGRAM)),
    ("S-23", sampler(("a", 1, {"state": "x" * 1025}))),
    ("S-24", sampler(("a", 1, {"db": "x"}), labels={"db": "y"})),
    ("S-25", sampler(("a", 1), ("a", 2))),
    ("S-08", sampler(("b", 1), metrics={"a": {}})),
]


DESCRIBED = [
    ("S-14", sampler(("a", 1, None, "a gauge"))),
    ("S-02", sampler(("a", 1, None, {"knd": "gauge"}))),
    ("S-26", sampler(("a", 1, None, {"kind": 1}))),
    ("S-26", sampler(("a", 1, None, {"kind": "meter"}))),
    ("S-27", sampler(("a", 1, None, {"unit": 1}))),
    ("S-28", sampler(("a", 1, None, {"scope": "galaxy"}))),
    ("S-29", sampler(("a", 1, None, {"merge": "last"}))),
    ("S-30", sampler(("a", 1, None, {"labels": "state"}))),
    ("S-30", sampler(("a", 1, {"db": "x"}, {"labels": []}))),
    ("S-17", {"name": "s", "sample": redescribing}),
    ("S-25", sampler(("a", 1, None, {"help": "Twice."}), ("a", 1))),
    ("S-20", sampler(("a", -1, None, {"kind": "counter"}))),
    ("S-14", sampler(("a", 1, None, 1), metrics={"a": {}})),
    ("S-28", sampler(("a", 1, None, {"scope": "galaxy"}), metrics={"a": {}})),
]
"""By the fourth item of a sample."""
DIFFERING = [
    ("S-26", sampler(("a", 1, None, {"kind": "counter"}), metrics={"a": {}})),
    ("S-08", sampler(("a", 1, None, {"unit": "s"}), metrics={"a": {}})),
    ("S-08", sampler(("a", 1), ("a", 1, {"l": "x"}, {"unit": "s"}))),
    ("S-26", sampler(("a", 1, {"l": "y"}, {}), ("a", 1, {"l": "x"}, {"kind": "counter"}))),
    ("S-26", later({"kind": "counter"})),
    ("S-08", later({"help": "Another one."})),
]
"""Descriptions that say something else than the one which stands."""

SHORT = 0.25
"""Seconds that a call has where one is late on purpose."""


PATIENT = 5.0
"""And where none is, as a machine may be busy."""


def deadline_for(clause: str) -> float:
    """Return the seconds that each call of a sampler has which breaks a clause."""
    return SHORT if clause == "S-18" else PATIENT


def told(thing: Any, deadline: float = PATIENT, **options: Any) -> dict[str, Breach]:
    """Return what an examination reports, by clause."""
    found = examine(thing, seconds=0.05, deadline=deadline, **options)
    assert found.conforms is not bool(found.breaches or found.unproven)
    return {breach.clause: breach for breach in found.breaches}


@pytest.mark.parametrize(("clause", "broken"), [*MAPPINGS, *CALLS, *SAMPLES, *DESCRIBED])
def test_a_broken_sampler_is_reported_under_its_clause_only(clause, broken) -> None:
    """With a remedy; and what it is about."""
    found = told(broken, deadline_for(clause))
    assert list(found) == [clause]
    breach = found[clause]
    assert breach.remedy == REMEDIES[clause]
    assert breach.clause in str(breach)
    assert breach.remedy in str(breach)
    assert breach.about


@pytest.mark.clause("S-08", "S-26")
@pytest.mark.parametrize(("clause", "broken"), DIFFERING)
def test_a_description_that_differs_is_reported(clause, broken) -> None:
    """Consumers read the first one only, and that of the mapping before any other."""
    found = told(broken)
    assert list(found) == [clause]
    assert "which stands" in found[clause].message
    assert "always alike" in found[clause].remedy


@pytest.mark.clause("S-28")
def test_each_metric_with_a_bad_description_is_reported() -> None:
    """One breach for each, however often it is pulled."""
    faulty = {"scope": "galaxy"}
    found = examine(sampler(("a", 1, None, faulty), ("b", 2, None, faulty)), seconds=0.05)
    assert [(b.clause, b.about) for b in found.breaches] == [("S-28", "a"), ("S-28", "b")]


@pytest.mark.clause("S-08", "S-25")
def test_metrics_that_samples_describe_are_left_in_peace() -> None:
    """Each time, or once; the labels may come from an iterator, and gauges may combine."""
    counts = itertools.count()

    def sample() -> Any:
        described = {"kind": "counter", "labels": iter(["db"])}
        yield "c", next(counts), {"db": "x"}, described
        yield "c", 1, {"db": "y"}
        for size in (1, 2, 3):
            yield "size", size, None, {"merge": "sum"}
        yield "size", 4

    assert told({"name": "s", "sample": sample}) == {}
    assert told({"name": "s", "sample": sample, "metrics": {"other": {}}}) == {}


@pytest.mark.clause("C-12", "S-14")
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["counter", "gauge", "histogram", 1, None]),
            "unit": st.sampled_from(["s", "", "\ud800", 1, None]),
            "help": st.sampled_from(["Text.", 1, None]),
            "labels": st.sampled_from([["db"], [], "db", [1], None]),
            "scope": st.sampled_from(["host", "galaxy", None]),
            "merge": st.sampled_from(["sum", "last", None]),
            "acme.owner": st.just(1),
        },
    )
    | st.sampled_from([1, "gauge", [], None]),
)
def test_a_description_is_reported_if_a_consumer_refuses_its_sample(described) -> None:
    """And only then."""
    histogram = isinstance(described, dict) and described.get("kind") == "histogram"
    mapping = sampler(("a", {"count": 1} if histogram else 1, None, described))
    breaches: list[Breach] = []
    registry = Registry()
    registry.register(validator(mapping, breaches.append))
    with Collector(registry) as consumer:
        consumer.collect()
        assert bool(breaches) == bool(consumer.statistics()[0].refused)


def test_every_remedy_is_one_for_a_clause_of_the_draft() -> None:
    """And is a whole sentence part, without a stop."""
    ids = {each for each, _ in clauses(DRAFT.read_text("utf-8"))}
    assert REMEDIES.keys() <= ids
    assert not [text for text in REMEDIES.values() if text.endswith(".")]


@pytest.mark.clause("S-20")
@pytest.mark.parametrize("values", [(9, 5, 3), (9, 9, 2, 1)])
def test_a_counter_that_falls_twice_in_a_row_is_no_counter(values) -> None:
    """Once may be a restart."""
    found = told(falling(*values))
    assert list(found) == ["S-20"]
    assert "Totals that outlive their objects" in found["S-20"].remedy
    assert told(falling(5, 1, 2, 9, 3)) == {}


@pytest.mark.clause("S-10")
def test_a_counter_may_not_fall_while_its_start_stays() -> None:
    """With a start that moves it may."""
    assert list(told(falling(5, 1) | {"start": 1.0})) == ["S-20"]
    totals = [5, 1, 1]
    breaches: list[Breach] = []
    restarting = {
        "name": "s",
        "sample": lambda: [("c", totals.pop(0))],
        "start": lambda: 1.0 if len(totals) == 3 else 2.0,
        "metrics": COUNTER,
    }
    registry = Registry()
    registry.register(validator(restarting, breaches.append))
    with Collector(registry) as consumer:
        for _ in range(3):
            consumer.collect()
    assert breaches == []


@pytest.mark.clause("S-10")
def test_a_start_that_changes_with_every_pull_is_found() -> None:
    """Each would be a restart, and everything would count again."""
    starts = (time.time() - n / 1e6 for n in range(99))
    jittering = sampler(("c", 5), metrics=COUNTER, start=lambda: next(starts))
    assert list(told(jittering)) == ["S-10"]


@pytest.mark.clause("S-06")
@pytest.mark.parametrize(("metrics", "clause"), [(COUNTER, "S-20"), ({"c": {}}, "S-06")])
def test_a_read_that_empties_its_source_is_found_by_a_second_consumer(metrics, clause) -> None:
    """Whoever asks first gets everything."""
    events = Events()
    drained = {"name": "s", "sample": lambda: [("c", events.drain())], "metrics": metrics}
    assert list(told(drained, exercise=events.happen)) == [clause]


@pytest.mark.clause("S-07")
def test_instances_that_share_a_count_are_found() -> None:
    """Each reports a total of its own, of what the other has left."""
    events = Events()

    def factory(environ: Any) -> Any:
        total = [0]

        def instance() -> Any:
            total[0] += events.drain()
            yield "c", total[0]

        return instance

    shared = {"name": "s", "factory": factory, "metrics": COUNTER}
    assert list(told(shared, exercise=events.happen)) == ["S-07"]


@pytest.mark.clause("S-07")
def test_a_factory_that_gives_one_instance_to_all_is_found() -> None:
    """Also when it is a method of one object."""

    class Source:
        def sample(self) -> Any:
            return [("a", 1)]

    source = Source()
    assert list(told({"name": "s", "factory": lambda environ: source.sample})) == ["S-07"]


@pytest.mark.clause("S-06")
def test_a_sample_that_cannot_be_called_twice_at_once_is_found() -> None:
    """It raises only then."""
    found = told({"name": "s", "sample": one_at_a_time})
    assert set(found) <= {"S-06", "S-15"}
    assert found


@pytest.mark.clause("S-26")
def test_a_kind_that_changes_is_found() -> None:
    """Consumers have read the mapping once."""
    metrics = {"a": {"kind": "gauge"}}

    def sample() -> Any:
        metrics["a"] = {"kind": "counter"}
        yield "a", 1

    assert list(told({"name": "s", "sample": sample, "metrics": metrics})) == ["S-26"]


@pytest.mark.clause("S-17")
def test_a_mapping_may_be_used_again_in_the_next_pull() -> None:
    """But not within one."""
    labels = {"state": "idle"}

    def sample() -> Any:
        labels["state"] = "busy" if labels["state"] == "idle" else "idle"
        yield "a", 1, labels

    assert told({"name": "s", "sample": sample}) == {}


@pytest.mark.clause("S-18")
def test_a_call_that_never_ends_is_found() -> None:
    """As is one that ends too late."""
    gate = threading.Event()
    found = told({"name": "s", "sample": lambda: gate.wait(30)}, SHORT)
    gate.set()
    assert list(found) == ["S-18"]


@pytest.mark.clause("S-22")
@given(st.integers(-3, 20), st.lists(st.integers(-60, 60), min_size=1, unique=True), st.data())
def test_exponential_bounds_are_left_in_peace(scale, indices, data) -> None:
    """At any scale, with the edges of what is filled; zeros have a bound of their own."""
    zeros = data.draw(st.sampled_from([None, 0.0, 1e-300]))
    indices = [index for index in indices if abs(index / 2**scale) < 900] or [0]
    edges = {2.0 ** (i / 2**scale) for index in indices for i in (index - 1, index)}
    filled = {2.0 ** (index / 2**scale) for index in indices}
    buckets: dict[float, int] = {} if zeros is None else {zeros: 3}
    count = sum(buckets.values())
    for edge in sorted(edges):
        count += edge in filled
        buckets[edge] = count
    given = {"zero_threshold": zeros} if zeros else {}
    breaches: list[Breach] = []
    list(validator(exponential(scale, buckets, **given), breaches.append)["sample"]())
    assert breaches == []


@pytest.mark.clause("S-22")
@pytest.mark.parametrize("bound", [{0.0: 3}, {1e-9: 3}])
def test_the_first_bucket_may_begin_at_the_zeros(bound) -> None:
    """As that of instruments does: what is nearer to 0 than their lowest bound is in it."""
    zeros = {"zero_threshold": min(bound)} if min(bound) else {}
    assert told(exponential(3, {**bound, 2.0**-29: 5}, **zeros)) == {}
    group = Instruments("shop", Registry())
    latency = group.histogram("latency")
    for value in (0.0, 1e-12, 3.0, 2.0**50):
        latency.observe(value)
    assert told(group) == {}


@pytest.mark.clause("S-15", "S-30", "S-08")
@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}(_[a-z0-9]{1,3})?(\.[a-z]{1,4})?", fullmatch=True),
        st.tuples(
            st.sampled_from(["counter", "gauge", "histogram"]),
            st.lists(st.text('xyz\n"', max_size=3), unique=True, max_size=3),
            st.integers(0, 99),
        ),
        max_size=4,
    ),
    st.sampled_from(["list", "generator", "factory"]),
    st.booleans(),
)
def test_a_conforming_sampler_is_left_in_peace(metrics, form, labelled) -> None:
    """Whatever its kinds, labels, values, and the form of its calls."""
    grown = [0]

    def value(kind: str, base: int) -> Any:
        if kind == "histogram":
            count = base + grown[0]
            return {"count": count, "sum": 1.5 * count, "buckets": {1.0: base, 2.5: count}}
        return base + grown[0] if kind == "counter" else base - grown[0]

    def samples() -> Any:
        for metric, (kind, texts, base) in metrics.items():
            for text in texts or [""]:
                yield metric, value(kind, base), {"text": text}

    def grow() -> None:
        grown[0] += 1

    mapping: dict[str, Any] = {
        "name": "s",
        "metrics": {m: {"kind": kind, "labels": ["text"]} for m, (kind, _, _) in metrics.items()},
    }
    if labelled:
        mapping |= {"labels": {"db": "one"}, "start": 1.0, "acme.owner": object()}
    if form == "factory":

        class Made:
            def __call__(self) -> Any:
                return samples()

            def close(self) -> None:
                pass

        mapping["factory"] = lambda environ: Made()
    else:
        mapping["sample"] = (lambda: list(samples())) if form == "list" else samples
    found = examine(mapping, seconds=0.01, exercise=grow)
    assert found.breaches == ()
    assert found.series == sum(len(texts or [""]) for _, texts, _ in metrics.values())


@pytest.mark.clause("C-12")
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "A", "h", "c", "", "a.b"]),
            st.sampled_from([1, -1, None, "x", 1.5, float("nan"), float("inf"), BIG, {}, True]),
            st.sampled_from([None, {}, {"l": "x"}, {"l": ""}, {"L": "x"}, {"l": None}, "l"]),
        )
        | st.sampled_from([1, (), ("a",), "ab", ("a", 1, {}, None, "more")]),
        max_size=5,
    )
)
def test_what_a_consumer_refuses_the_validator_reports_and_nothing_else(samples) -> None:
    """Both read by the same rules; the numbers are those without the validator."""
    mapping = sampler(*samples, metrics={**COUNTER, **HISTOGRAM, "a": {}, "b": {}, "a.b": {}})
    breaches: list[Breach] = []
    entries = []
    for each in (mapping, validator(mapping, breaches.append)):
        registry = Registry()
        registry.register(each)
        with Collector(registry) as consumer:
            entries.append([(str(s), value) for s, value in consumer.collect()])
            refused = consumer.statistics()[0].refused
    assert entries[0] == entries[1]
    assert bool(breaches) == bool(refused)


class Counting:
    """An instance that knows what was done to it."""

    def __init__(self) -> None:
        self.closed = 0

    def __call__(self) -> Any:
        yield "a", 1, {"state": "idle"}
        yield "b", 2

    def close(self) -> None:
        self.closed += 1


def environ(**changes: Any) -> dict[str, Any]:
    said = {"api": 1, "consumer": "me", "interval": None, "deadline": 5.0, "settings": {}}
    return said | changes


@pytest.fixture
def breaches() -> list[Breach]:
    return []


@pytest.fixture
def checked(breaches) -> Any:
    return validator({"name": "s", "factory": lambda environ: Counting()}, breaches.append)


def clauses_of(breaches: list[Breach]) -> list[str]:
    return [breach.clause for breach in breaches]


@pytest.mark.clause("C-02")
@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        environ(api=2),
        environ(consumer=None),
        environ(interval="10"),
        {k: v for k, v in environ().items() if k != "deadline"},
        {k: v for k, v in environ().items() if k != "settings"},
        environ(settings=3),
    ],
)
def test_a_consumer_that_says_nothing_of_itself_is_reported(checked, breaches, given) -> None:
    """Each key of the environ."""
    checked["factory"](given).close()
    assert clauses_of(breaches) == ["C-02"]


def test_consumers_with_one_environ_are_reported(checked, breaches) -> None:
    """It is a mapping of the consumer's own."""
    one = environ()
    instances = [checked["factory"](one) for _ in range(2)]
    for instance in instances:
        instance.close()
    assert clauses_of(breaches) == ["C-02"]


@pytest.mark.clause("C-03")
def test_overlapping_calls_of_an_instance_are_reported(checked, breaches) -> None:
    """Also those that leave an iteration unfinished."""
    instance = checked["factory"](environ())
    first = iter(instance())
    next(first)
    list(instance())
    assert clauses_of(breaches) == ["C-03"]
    first.close()
    instance.close()


@pytest.mark.clause("C-03")
def test_concurrent_calls_of_an_instance_are_reported(breaches) -> None:
    """The second comes while the first runs."""
    gate, inside = threading.Event(), threading.Event()

    def instance() -> Any:
        inside.set()
        gate.wait(10)
        return []

    checked = validator({"name": "s", "factory": lambda e: instance}, breaches.append)
    made = checked["factory"](environ())
    thread = threading.Thread(target=made)
    thread.start()
    assert inside.wait(10)
    other = threading.Thread(target=made)
    other.start()
    wait_for(lambda: breaches, 10.0, "the report")
    gate.set()
    thread.join()
    other.join()
    assert clauses_of(breaches) == ["C-03"]


@pytest.mark.clause("C-04")
def test_calls_after_close_are_reported(checked, breaches) -> None:
    """And a second close."""
    instance = checked["factory"](environ())
    instance.close()
    list(instance())
    instance.close()
    assert clauses_of(breaches) == ["C-04", "C-04"]


@pytest.mark.clause("C-04")
def test_an_instance_that_is_not_closed_is_reported(checked, breaches) -> None:
    """When it is let go; one without a close needs none."""
    list(checked["factory"](environ())())
    gc.collect()
    assert clauses_of(breaches) == ["C-04"]
    bare = validator({"name": "s", "factory": lambda e: list}, breaches.append)
    list(bare["factory"](environ())())
    gc.collect()
    assert len(breaches) == 1


@pytest.mark.clause("C-13")
def test_labels_and_buckets_read_after_the_pull_are_reported(breaches) -> None:
    """The numbers are there all the same."""
    mapping = sampler(
        ("a", 1, {"state": "idle"}),
        ("h", {"count": 1, "buckets": {1.0: 1}}),
        metrics={"a": {}, **HISTOGRAM},
    )
    rows = list(validator(mapping, breaches.append)["sample"]())
    assert breaches == []
    assert dict(rows[0][2]) == {"state": "idle"}
    assert clauses_of(breaches) == ["C-13"]
    assert rows[1][1]["buckets"][1.0] == 1
    assert clauses_of(breaches) == ["C-13"] * 2


def test_a_consumer_that_copies_while_it_iterates_is_left_in_peace(breaches) -> None:
    """It may also stop early."""
    mapping = sampler(("a", 1, {"state": "idle"}), ("a", 1, {"state": "busy"}))
    samples = validator(mapping, breaches.append)["sample"]()
    for _, _, labels in samples:
        assert dict(labels) == {"state": "idle"}
        break
    samples.close()
    assert breaches == []


@pytest.mark.clause("C-10")
def test_a_second_read_within_the_interval_is_reported(breaches) -> None:
    """Our consumers share one."""
    checked = validator(sampler(("a", 1), min_interval=60), breaches.append)
    registry = Registry()
    registry.register(checked)
    with Collector(registry) as one, Collector(registry) as two:
        one.collect()
        two.collect()
    assert breaches == []
    list(checked["sample"]())
    assert clauses_of(breaches) == ["C-10"]


@pytest.mark.clause("R-13")
def test_a_read_that_failed_may_be_repeated_within_the_interval(breaches) -> None:
    """No consumer holds one: whoever asks next reads anew."""
    raising = [ValueError("an author's")]

    def sample() -> Any:
        yield "a", 1
        if raising:
            raise raising.pop()

    checked = validator({"name": "s", "sample": sample, "min_interval": 60}, breaches.append)
    with pytest.raises(ValueError, match="an author's"):
        list(checked["sample"]())
    list(checked["sample"]())
    assert clauses_of(breaches) == ["S-15"]


@pytest.mark.clause("C-07")
def test_a_coroutine_awaited_on_another_loop_is_reported(breaches) -> None:
    """And runs there, as it would without the validator; our consumers take the right one."""
    with LoopThread() as loop:

        async def sample() -> Any:
            return [("a", 1, {"state": "idle"})]

        async def stream() -> Any:
            yield "a", 1

        for each in (sample, stream):
            mapping = {"name": "s", "sample": each, "loop": loop.get}
            checked = validator(mapping, breaches.append)
            registry = Registry()
            registry.register(checked)
            with Collector(registry) as consumer:
                assert len(list(consumer.collect())) == 1
            assert breaches == []

            async def consume(samples: Any) -> list[Any]:
                if hasattr(samples, "__aiter__"):
                    return [item async for item in samples]
                return list(await samples)

            assert len(asyncio.run(consume(checked["sample"]()))) == 1
            assert clauses_of(breaches) == ["C-07"]
            breaches.clear()


@pytest.mark.clause("S-12")
def test_an_asynchronous_sampler_without_a_loop_is_reported() -> None:
    """Nobody knows where it belongs."""

    async def sample() -> Any:
        return []

    assert "S-12" in told({"name": "s", "sample": sample})


def test_without_a_receiver_breaches_are_warnings() -> None:
    """Which ``-W error`` turns into exceptions."""
    with pytest.warns(Breach, match="S-19: sampler 's'") as caught:
        list(validator(sampler(("a", "x")))["sample"]())
    assert caught[0].message.clause == "S-19"


def test_our_own_consumer_gives_no_report(breaches) -> None:
    """With instances, through registering and unregistering."""
    made: list[Counting] = []

    def factory(environ: Any) -> Any:
        made.append(Counting())
        return made[-1]

    checked = validator({"name": "s", "factory": factory}, breaches.append)
    registry = Registry()
    registration = registry.register(checked)
    with Collector(registry, name="one") as one, Collector(registry, name="two") as two:
        for _ in range(3):
            one.collect()
            two.collect()
        registration.unregister()
        one.collect()
    gc.collect()
    assert [instance.closed for instance in made] == [1, 1]
    assert breaches == []
