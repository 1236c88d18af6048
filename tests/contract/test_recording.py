"""Recording by keyword and by position goes to the same child, whatever the values equal."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sampler import Instruments, Registry
from sampler._instruments import free_threading
from sampler._instruments.labelled import Labelled

KINDS = ["counter", "gauge", "histogram"]
RECORDINGS = [
    ("counter", "inc", ()),
    ("counter", "inc", (2.5,)),
    ("gauge", "set", (3,)),
    ("gauge", "inc", ()),
    ("gauge", "dec", ()),
    ("gauge", "dec", (2.5,)),
    ("histogram", "observe", (0.5,)),
    ("histogram", "time", ()),
]
TWICE = range(2)
"""A recording by keyword finds its child another way when it is repeated."""


class Liar(str):
    """A text that claims to be every other, ``buy`` first."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("buy")


def made(kind: str, *labels: str, most: int = 100) -> Any:
    return getattr(Instruments("shop", Registry(), max_children=most), kind)("m", labels=labels)


def texts(instrument: Labelled[Any]) -> list[tuple[str, ...]]:
    return [child.texts for child in instrument.children()]


def counts(counter: Labelled[Any]) -> dict[tuple[str, ...], float]:
    return {child.texts: child.read() for child in counter.children()}


@pytest.mark.parametrize("values", [*permutations([1, True, "1"])])
def test_what_has_the_same_text_is_one_child(values) -> None:
    """Whichever came first: a number, a truth value or a text; by keyword and by position."""
    one, two = made("counter", "route"), made("counter", "route", "code")
    for _ in TWICE:
        for value in values:
            one.inc(route=value)
            one.labels(value).inc()
            one.labels(route=value).inc()
            two.inc(code="x", route=value)
            two.labels(value, "x").inc()
    assert counts(one) == {("1",): 18}
    assert counts(two) == {("1", "x"): 12}


@pytest.mark.parametrize(
    ("other", "text"),
    [
        *((1.0, "1.0"), (Decimal("1.0"), "1.0"), (1 + 0j, "(1+0j)"), (None, ""), (["1"], "['1']")),
        *((np.float64(1), "1.0"), ({"a"}, "{'a'}"), (bytearray(b"1.0"), "1.0")),
    ],
)
def test_what_equals_a_label_value_has_its_own_text(other, text) -> None:
    """However often ``1`` was recorded before."""
    one, two = made("counter", "route"), made("counter", "route", "code")
    for _ in TWICE:
        one.inc(route=1)
        one.labels(1).inc()
        two.inc(route=1, code=1)
        one.inc(route=other)
        one.labels(route=other).inc()
        one.labels(other).inc()
        two.inc(route=1, code=other)
        two.labels(code=other, route=1).inc()
    assert counts(one) == {("1",): 4, (text,): 6}
    assert counts(two) == {("1", "1"): 2, ("1", text): 4}


@pytest.mark.parametrize(("kind", "method", "given"), RECORDINGS)
def test_a_text_that_lies_about_itself_is_recorded_as_what_it_is(kind, method, given) -> None:
    """By keyword, before and after the text that it claims to be."""
    for names in (("route",), ("route", "code")):
        more = {"code": "x"} if len(names) > 1 else {}
        for order in ("buy", Liar("sell")), (Liar("sell"), "buy"):
            instrument = made(kind, *names)
            for _ in TWICE:
                for route in order:
                    getattr(instrument, method)(*given, route=route, **more)
            found = texts(instrument)
            assert {text for text, *_ in found} == {"buy", "sell"}
            assert {type(text) for each in found for text in each} == {str}


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_lies_about_itself_leads_nobody_else_astray(kind) -> None:
    """By position it may get the child that it claims to be; others get theirs."""
    instrument = made(kind, "route")
    sell = instrument.labels(Liar("sell"))
    assert instrument.labels("sell") is sell
    buy = instrument.labels("buy")
    assert buy is not sell
    instrument.labels(Liar("sell"))
    assert instrument.labels("buy") is buy is instrument.labels(route="buy")
    assert texts(instrument) == [("sell",), ("buy",)]


@pytest.mark.parametrize(("kind", "method", "given"), RECORDINGS)
def test_wrong_labels_are_told_by_every_method(kind, method, given) -> None:
    """Missing, unknown and surplus ones, also once the right ones are known; in any order.

    A timer takes missing ones until its block ends.
    """
    one, two = made(kind, "net.peer"), made(kind, "route", "net.peer")
    for _ in TWICE:
        getattr(one, method)(*given, net_peer="x")
        getattr(two, method)(*given, net_peer="x", route="y")
        unknown = [{"peer": "x"}, {"net_peer": "x", "route": "y"}, {"net.peer": "x"}]
        for wrong in unknown if method == "time" else [{}, *unknown]:
            with pytest.raises(ValueError, match=r"^expected labels net\.peer; got "):
                getattr(one, method)(*given, **wrong)
        unknown = [{"a": "x", "b": "y"}, dict.fromkeys("abc", "x")]
        for wrong in unknown if method == "time" else [{}, {"net_peer": "x"}, *unknown]:
            with pytest.raises(ValueError, match=r"^expected labels route, net\.peer; got "):
                getattr(two, method)(*given, **wrong)
    assert (texts(one), texts(two)) == ([("x",)], [("y", "x")])


@pytest.mark.parametrize(("kind", "method", "given"), RECORDINGS)
def test_what_is_remembered_of_recordings_is_bounded(kind, method, given) -> None:
    """By the number of children, whose own texts are the only keys; the surplus is not in it."""
    for names in (("route",), ("route", "code")):
        instrument = made(kind, *names, most=5)
        for number in range(50):
            for route in (f"{number}", number, Liar(number)):
                more = {"code": True} if len(names) > 1 else {}
                for _ in TWICE:
                    getattr(instrument, method)(*given, route=route, **more)
                    instrument.labels(route, *more.values())
        assert len(instrument.children()) == 6
        assert len(instrument._children) == 5
        keys = list(instrument._by_text)
        expected = [f"{number}" for number in range(5) if len(names) == 1]
        assert keys == ([] if free_threading.NEEDED else expected)
        assert {type(key) for key in keys} <= {str}


NUMBERS = [1, 2.5, True, np.int64(2), np.float64(1.5)]


@pytest.mark.parametrize(
    ("kind", "method", "given"),
    [
        *RECORDINGS[:-1],
        *(("counter", "inc", (n,)) for n in NUMBERS),
        *(("gauge", method, (n,)) for method in ("set", "inc", "dec") for n in NUMBERS),
        *(("histogram", "observe", (n,)) for n in NUMBERS),
    ],
)
def test_a_recording_by_keyword_is_that_of_the_child(kind, method, given) -> None:
    """Of plain numbers and others, of a gauge that was never set, and as often as it is made."""
    instrument, other = made(kind, "route"), made(kind, "route").labels("buy")
    for _ in range(3):
        getattr(instrument, method)(*given, route="buy")
        getattr(other, method)(*given)
        found, expected = instrument.labels("buy").read(), other.read()
        if kind == "histogram":
            found, expected = dict(found), dict(expected)
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("n", [-1, -0.5, float("nan"), float("inf"), np.float64(-1)])
def test_a_counter_refuses_by_keyword_what_it_refuses(n) -> None:
    """And counts nothing."""
    counter = made("counter", "route")
    for _ in TWICE:
        counter.inc(n, route="buy")
        counter.inc("1", route="buy")
    assert counts(counter) == {("buy",): 0}


def test_what_a_number_raises_is_not_raised() -> None:
    """And nothing is recorded."""

    class Broken(np.float64):
        def __float__(self) -> float:
            raise KeyError("mine")

    counter, gauge = made("counter", "route"), made("gauge", "route")
    counter.inc(route="buy")
    gauge.set(1, route="buy")
    for call in (counter.inc, gauge.set, gauge.inc):
        for _ in TWICE:
            call(Broken(1.0), route="buy")
    assert counter.labels("buy").read() == gauge.labels("buy").read() == 1


def test_a_decorated_function_is_timed_as_a_block_is() -> None:
    """Whatever it returns, raises, and is given; each call once."""
    histogram = made("histogram", "route")

    @histogram.time(route="buy")
    def work(a: int, *more: int, b: int = 1, **named: int) -> tuple[Any, ...]:
        """Say what it does."""
        if a < 0:
            raise LookupError(a)
        return a, more, b, named

    assert work(1, 2, b=3, c=4) == (1, (2,), 3, {"c": 4})
    for error in (LookupError, TypeError):
        with pytest.raises(error):
            work(-1) if error is LookupError else work()
    assert (work.__name__, work.__doc__) == ("work", "Say what it does.")
    value = histogram.labels("buy").read()
    assert (value.count, value.sum > 0) == (3, True)


WATCHED = """
import sys
sys._is_gil_enabled = lambda: False
import sampler
from sampler._instruments import free_threading
class Watched:
    times, inner = 0, free_threading._lock
    def __enter__(self):
        Watched.times += 1
        return self.inner.__enter__()
    def __exit__(self, *error):
        return self.inner.__exit__(*error)
free_threading._lock = Watched()
shop = sampler.Instruments("shop", sampler.Registry())
c, g, h = (getattr(shop, k)(k, labels=("of",)) for k in ("counter", "gauge", "histogram"))
def block():
    with h.time(of="x"): pass
for record in (
    lambda: c.inc(of="x"), lambda: c.inc(2, of="x"), lambda: h.observe(1, of="x"),
    lambda: g.set(1, of="x"), lambda: g.inc(of="x"), lambda: g.dec(of="x"),
    block, h.time(of="x")(int),
):
    for _ in range(3):
        before = Watched.times
        record()
        assert Watched.times > before
print(Watched.times)
"""


def test_where_instruments_lock_no_recording_goes_past_the_lock() -> None:
    """Not by keyword, and not by a timer."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("24\n", "")
