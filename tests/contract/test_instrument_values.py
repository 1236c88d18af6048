"""A Collector that takes a group's values alone sees what it would see in the samples."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler._contract.instrument_samples import InstrumentSamples

TEXTS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.sampled_from([0, 1, 2.5, 10**6])
ODD = st.sampled_from([None, -1, 0, 3, 2.0, float("nan"), float("inf"), "x", 2**70, True])
STEPS = st.one_of(
    st.tuples(st.just("inc"), TEXTS, NUMBERS),
    st.tuples(st.just("set"), TEXTS, st.sampled_from([-2, -0.5, 0, 7])),
    st.tuples(st.just("observe"), TEXTS, NUMBERS),
    st.tuples(st.just("single"), st.just(""), NUMBERS),
    st.tuples(st.just("function"), TEXTS, ODD),
    st.tuples(st.just("instrument"), TEXTS, NUMBERS),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
)


class Group:
    """A group with a small bound, beside a sampler that yields the group's samples as a list."""

    def __init__(self) -> None:
        self.registry, self.beside = Registry(), Registry()
        self.group = group = Instruments("g", self.registry, max_children=2)
        self.answers: dict[str, Any] = {}
        self.counter = group.counter("c", labels=("l",))
        self.gauge = group.gauge("d", labels=("l",))
        self.function = group.gauge("f", labels=("l",))
        self.histogram = group.histogram("h", labels=("l",), buckets=(1, 5))
        self.single = group.counter("s")
        given = dict(group.registration.sampler)
        self.beside.register(
            {
                **given,
                "sample": lambda: list(given["sample"]()),
                "metrics": {
                    "c": {"kind": "counter"},
                    "h": {"kind": "histogram"},
                    "s": {"kind": "counter"},
                    **{f"i{text}": {"kind": "counter"} for text in "abc"},
                },
            }
        )

    def step(self, what: str, text: str, number: Any) -> None:
        """Record something, make a child or an instrument, or start over."""
        if what == "inc":
            self.counter.inc(number, l=text)
        elif what == "set":
            self.gauge.set(number, l=text)
        elif what == "observe":
            self.histogram.observe(number, l=text)
        elif what == "single":
            self.single.inc(number)
        elif what == "instrument":
            self.group.counter(f"i{text}").inc(number)
        elif what == "function":
            self.answers[text] = number
            self.function.labels(text).set_function(lambda: self.answers[text])
        elif what == "restart":
            self.group._roster.restart()


def seen(consumer: Collector) -> tuple[Any, ...]:
    """Return a pull, and what became of its samples."""
    snapshot = consumer.collect()
    (statistics,) = consumer.statistics()
    return (
        [(str(series), type(value), value) for series, value in snapshot],
        [str(series) for block in snapshot.blocks for series in block.series],
        [failure.reason for failure in snapshot.failures],
        statistics.yielded,
        statistics.collected,
        statistics.refused,
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_values_alone_are_what_the_samples_are(steps: list[tuple[str, str, Any]]) -> None:
    """Children that come, values that are refused, a surplus, and restarts included."""
    group = Group()
    with (
        Collector(group.registry) as ours,
        Collector(group.beside, max_samples=100) as plain,
    ):
        for what, text, number in steps:
            group.step(what, text, number)
            for _ in range(2):
                assert seen(ours) == seen(plain)


def test_no_sample_is_made_while_the_children_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pull after one in which a child came makes them once more."""
    made: list[int] = []
    iterate = InstrumentSamples.__iter__
    monkeypatch.setattr(
        InstrumentSamples, "__iter__", lambda self: made.append(1) or iterate(self)
    )
    group = Group()
    group.counter.inc(l="a")
    with Collector(group.registry) as consumer:
        counts = []
        for child in ("a", "a", "a", "b", "b", "a"):
            group.counter.inc(l=child)
            made.clear()
            taken = {str(series): value for series, value in consumer.collect()}
            counts.append(len(made))
        assert counts == [1, 0, 0, 1, 0, 0]
        assert taken == {'g.c{l="a"}': 5, 'g.c{l="b"}': 2, "g.s": 0}


@pytest.mark.parametrize("idle", ["unset", "silent"])
def test_a_gauges_function_is_called_once_a_pull(registry: Registry, idle: str) -> None:
    """Whatever other gauges of its group have to report."""
    group = Instruments("g", registry)
    calls: list[int] = []
    counted = group.gauge("counted", labels=("l",))
    counted.labels("a").set_function(lambda: calls.append(1) or len(calls))  # type: ignore[func-returns-value]
    answers: list[float | None] = [1, None, None, 2, 2]
    other = group.gauge("other")
    if idle == "silent":
        other.set_function(lambda: answers[len(calls) - 1])
    with Collector(registry) as consumer:
        pulls = [{str(s): v for s, v in consumer.collect()} for _ in range(5)]
    assert [each['g.counted{l="a"}'] for each in pulls] == [1, 2, 3, 4, 5]
    said = answers if idle == "silent" else [None] * 5
    assert [each.get("g.other") for each in pulls] == said


class Odd:
    """Compares with nothing."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")


@pytest.mark.clause("C-12")
def test_a_value_that_cannot_be_compared_is_refused_alone(registry: Registry) -> None:
    """The rest of its group stands."""
    group = Instruments("g", registry)
    group.counter("c").inc()
    answers: list[Any] = [1, Odd(), 2]
    group.gauge("d").set_function(lambda: answers[0])
    with Collector(registry) as consumer:
        for _ in range(3):
            snapshot = consumer.collect()
            assert not snapshot.failures
            assert {str(s): v for s, v in snapshot}["g.c"] == 1
            answers.append(answers.pop(0))
        assert consumer.statistics()[0].refused == {"type": 1}
