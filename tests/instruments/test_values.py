"""Recording never raises for a value: labels become text, bad numbers are refused and counted."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import http
import inspect
import logging
import pathlib
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from tests.support.waiting import wait_for


class OldText(str, enum.Enum):
    X = "x"


class Text(enum.StrEnum):
    X = "x"


class Plain(enum.Enum):
    X = "x"
    NOTHING = None


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("mine")

    __repr__ = __hash__ = __str__  # type: ignore[assignment]


LABELS = {
    "None": (None, ""),
    "status": (http.HTTPStatus.OK, "200"),
    "text of an enumeration": (OldText.X, "x"),
    "another one": (Text.X, "x"),
    "member": (Plain.X, "x"),
    "member without a value": (Plain.NOTHING, ""),
    "uuid": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "bytes": (b"caf\xc3\xa9", "café"),
    "float": (1.5, "1.5"),
    "path": (pathlib.Path("/x"), "/x"),
    "bool": (True, "1"),
    "time": (dt.date(2026, 1, 2), "2026-01-02"),
    "integer of 70 bits": (2**70, str(2**70)),
    "list": (["a"], "['a']"),
    "unwritable": (Unwritable(), "<Unwritable>"),
    "nought": ("a\0b\nc", "a\0b\nc"),
}


@pytest.fixture
def registry() -> Registry:
    return Registry()


def labels_of(consumer: Collector, name: str) -> set[str]:
    return {s.labels.get("a", "") for s, _ in consumer.collect() if s.name == name}


@pytest.mark.parametrize("what", LABELS)
def test_a_label_value_becomes_text(registry: Registry, what: str) -> None:
    """By keyword, by position and by a mapping; of every kind of instrument."""
    value, text = LABELS[what]
    group = Instruments("g", registry)
    counter, gauge = group.counter("c", labels=("a",)), group.gauge("d", labels=("a",))
    histogram = group.histogram("h", labels=("a", "b"))
    for _ in range(2):
        counter.inc(a=value)
        counter.labels(value).inc()
        counter.labels({"a": value}).inc()
        gauge.set(1, a=value)
        gauge.inc(a=value)
        gauge.dec(a=value)
        histogram.observe(1, a=value, b="y")
        with histogram.time(a=value, b="y"):
            pass
    assert [child.texts for child in counter.children()] == [(text,)]
    assert [child.texts for child in histogram.children()] == [(text, "y")]
    with Collector(registry) as consumer:
        assert labels_of(consumer, "g.c") == labels_of(consumer, "g.d") == {text}
        assert consumer.statistics()[0].refused == {}


@settings(deadline=None)
@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_a_text_that_is_cut_keeps_apart_from_others(one: str, other: str) -> None:
    """What is too long, or no UTF-8, ends in a mark; what is neither stays as it is."""
    counter = Instruments("g", Registry()).counter("c", labels=("a",))
    texts = [
        one,
        other,
        "/" + "x" * 1_100 + one,
        "/" + "x" * 1_100 + other,
        b"\xff" + b"x" * 2_000,
    ]
    for text in texts:
        counter.inc(a=text)
        counter.labels(text).inc()
    found = [child.texts[0] for child in counter.children()]
    assert len(found) == len(set(texts))
    for text, written in zip(dict.fromkeys(texts), found, strict=True):
        assert len(written) <= 1_024
        written.encode()
        if isinstance(text, str) and len(text) <= 1_024 and text.isprintable():
            assert written == text


NUMBERS = {
    "negative": (-1, "negative"),
    "negative float": (-0.5, "negative"),
    "NaN": (float("nan"), "not_finite"),
    "infinity": (float("inf"), "not_finite"),
    "beyond 64 bits": (2**64, "out_of_range"),
    "beyond a float": (10**400, "out_of_range"),
    "None": (None, "type"),
    "text": ("5", "type"),
    "a time": (dt.timedelta(seconds=1), "type"),
    "complex": (1j, "type"),
    "too large a fraction": (fractions.Fraction(10**400), "type"),
    "a signaling NaN": (decimal.Decimal("sNaN"), "type"),
}
OBSERVED = {"beyond 64 bits": None, "beyond a float": "not_finite"}


def refused(consumer: Collector) -> dict[str, int]:
    consumer.collect()
    (account,) = consumer.statistics()
    assert account.yielded == account.collected + sum(account.refused.values())
    return dict(account.refused)


@pytest.mark.parametrize("what", NUMBERS)
def test_what_a_counter_cannot_take_is_refused_and_counted(registry: Registry, what: str) -> None:
    """It counts nothing; the account of each consumer has it, and its equation holds."""
    bad, reason = NUMBERS[what]
    group = Instruments("g", registry)
    plain, labelled = group.counter("c"), group.counter("l", labels=("a",))
    labelled.inc(a="x")
    with Collector(registry) as one, Collector(registry) as other:
        for record in (plain.inc, lambda n: labelled.inc(n, a="x"), labelled.labels("x").inc):
            record(bad)
        assert refused(one) == refused(one) == refused(other) == {reason: 3}
        plain.inc(bad)
        assert refused(one) == refused(other) == {reason: 4}
    assert (plain.read(), labelled.labels("x").read()) == (0, 1)


@pytest.mark.parametrize("what", NUMBERS)
def test_what_a_histogram_cannot_take_is_refused_and_counted(
    registry: Registry, what: str
) -> None:
    """With bounds of its own it takes negative values, too."""
    bad, reason = NUMBERS[what]
    reason = OBSERVED.get(what, reason)
    group = Instruments("g", registry)
    plain, fixed = group.histogram("h"), group.histogram("f", buckets=(-10, 0, 1))
    with Collector(registry) as consumer:
        plain.observe(bad)
        fixed.observe(bad)
        times = 0 if reason is None else 1 if reason == "negative" else 2
        assert refused(consumer) == ({reason: times} if times else {})
        assert plain.read().count + fixed.read().count == 2 - times


@pytest.mark.parametrize("what", NUMBERS)
def test_what_a_gauge_cannot_take_is_refused_and_counted(registry: Registry, what: str) -> None:
    """Where it is given, or at the next pull; then it has nothing to report until it is set."""
    bad, reason = NUMBERS[what]
    gauge = Instruments("g", registry).gauge("d")
    gauge.set(3)
    with Collector(registry) as consumer:
        gauge.set(bad)
        expected = {} if reason == "negative" else {reason: 1}
        assert refused(consumer) == expected
        gauge.set(3)
        gauge.inc(bad)
        gauge.dec(bad)
        if reason != "negative":
            expected = {reason: 3}
        assert refused(consumer) == expected
        assert gauge.read() == 3


def test_the_first_of_each_reason_is_told_with_the_line_that_gave_it(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for an instrument and a reason, also from within a decorator's frame."""
    counter = Instruments("told", registry).counter("c", labels=("a",))
    with caplog.at_level(logging.WARNING, "sampler"):
        frame = inspect.currentframe()
        assert frame is not None
        for _ in range(3):
            counter.inc(-1, a="x")
            line = frame.f_lineno - 1
            counter.labels("y").inc(-1)
        counter.inc("x", a="x")  # type: ignore[arg-type]
        wait_for(lambda: len(caplog.records) == 2)
    first, second = (record.getMessage() for record in caplog.records)
    assert f"{__file__}:{line}: instrument 'told.c' cannot take -1: a counter only grows" in first
    assert 'sampler.samples.refused{reason="negative"}' in first
    assert "cannot take 'x': it is not a number" in second


def test_programmers_errors_still_raise(registry: Registry) -> None:
    """Labels that an instrument has not, too many, too few: these are found by any test."""
    group = Instruments("g", registry)
    counter = group.counter("c", labels=("a", "b"))
    for call in (
        counter.inc,
        lambda: counter.inc(a=1),
        lambda: counter.inc(a=1, b=2, c=3),
        lambda: counter.inc(A=1, b=2),
        lambda: counter.labels("x"),
        lambda: counter.labels({"a": 1}),
        lambda: counter.labels("x", b=2),
    ):
        with pytest.raises(ValueError, match=r"^expected labels a, b; got "):
            call()


def test_sums_that_no_float_holds_are_unknown_and_raise_nothing(registry: Registry) -> None:
    """Integers of any size may be observed; what comes later counts."""
    group = Instruments("g", registry)
    histogram, gauge = group.histogram("h"), group.gauge("d")
    for value in [10**308] * 20 + [0.5, 10**308, 0.5]:
        histogram.observe(value)
        with histogram.time():
            pass
        histogram.time()(int)()
    gauge.set(10**400)
    gauge.inc(0.5)
    with Collector(registry) as consumer:
        found: dict[str, Any] = {s.name: v for s, v in consumer.collect()}
        assert (found["g.h"].count, found["g.h"].sum) == (69, None)
        assert "g.d" not in found
