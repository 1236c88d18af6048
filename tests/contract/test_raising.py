"""Whatever one sample raises while it is read, it costs itself only; and what is no number."""

from __future__ import annotations

import asyncio
import decimal
import fractions
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler._runtime.abandoned import Ended, is_foreign
from tests.contract.build import reasons, values


class Own(BaseException):
    """Of nobody's tree, and it cannot be shown either."""

    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


RAISED = [
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    asyncio.CancelledError,
    MemoryError,
    RecursionError,
    BaseExceptionGroup("several", [KeyboardInterrupt(), Own()]),
    Own,
    Own(),
]


def raising(what: Any, *methods: str, base: type = object) -> Any:
    """Return an object of a class whose ``methods`` raise ``what``."""

    def method(*_: Any, **__: Any) -> Any:
        raise what

    return type("Raising", (base,), dict.fromkeys(methods, method))


def table(what: Any, *methods: str) -> Any:
    """Return a mapping with one entry of which ``methods`` raise."""
    made = {
        "keys": lambda _: ["count"],
        "get": lambda *_: 1,
        "__getitem__": lambda *_: 1,
        "items": lambda _: [("count", 1)],
        "__iter__": lambda _: iter(["count"]),
        "__len__": lambda _: 1,
        **vars(raising(what, *methods)),
    }
    return type("Table", (), {name: each for name, each in made.items() if callable(each)})()


PLACES = {
    "__index__": lambda what: ("g", raising(what, "__index__")()),
    "__float__": lambda what: ("g", raising(what, "__float__")()),
    "__getattr__": lambda what: ("g", raising(what, "__getattr__")()),
    "class": lambda what: ("g", type("G", (), {"__class__": property(raiser(what))})()),
    "name of the class": lambda what: ("g", named(what)),
    "repr": lambda what: ("g", 1, raising(what, "__repr__", "__str__")()),
    "sample": lambda what: raising(what, "__repr__", "__len__", "__iter__")(),
    "tuple": lambda what: raising(what, "__len__", "__iter__", "__getitem__", base=tuple)(),
    "metric": lambda what: (raising(what, "__eq__", "__ne__", "__hash__", "__repr__")(), 1),
    "labels": lambda what: ("g", 1, raising(what, "__eq__", "__ne__", "keys")()),
    "keys": lambda what: ("g", 1, table(what, "keys")),
    "item": lambda what: ("g", 1, table(what, "__getitem__")),
    "label value": lambda what: ("g", 1, {"a": raising(what, "__str__", "__repr__", "__eq__")()}),
    "histogram": lambda what: ("h", table(what, "get", "__getitem__")),
    "buckets": lambda what: ("h", {"count": 1, "buckets": table(what, "keys")}),
    "bound": lambda what: ("h", {"count": 1, "buckets": {raising(what, "__float__")(): 1}}),
    "count": lambda what: ("h", {"count": raising(what, "__index__")()}),
    "sum": lambda what: ("h", {"count": 1, "sum": raising(what, "__float__")()}),
}


def raiser(what: Any) -> Any:
    def get(_: Any) -> Any:
        raise what

    return get


def named(what: Any) -> Any:
    meta = type("Meta", (type,), {"__name__": property(raiser(what)), "__repr__": raiser(what)})
    return meta("Odd", (), {})()


@pytest.mark.scenario(58)
@pytest.mark.parametrize("min_interval", [None, 1e-6], ids=["each", "shared"])
@pytest.mark.parametrize("place", PLACES)
def test_what_a_sample_raises_costs_that_sample(place: str, min_interval: float | None) -> None:
    """Whatever it is and wherever it does, in the first pull and in later ones."""
    rows: list[Any] = []
    registry, metrics = Registry(), {"h": {"kind": "histogram"}}
    sampler: dict[str, Any] = {"name": "s", "sample": lambda: list(rows), "metrics": metrics}
    if min_interval is not None:
        sampler["min_interval"] = min_interval
    registry.register(sampler)
    with Collector(registry, deadline=20.0) as consumer:
        for turn, what in enumerate([None, *RAISED], 1):
            bad = ("b", 1j) if what is None else PLACES[place](what)
            rows[:] = [("a", turn), bad, ("z", turn, {"k": "v"})]
            snapshot = consumer.collect()
            assert reasons(snapshot) == {}
            assert values(snapshot) == {"s.a": turn, 's.z{k="v"}': turn}
            (account,) = consumer.statistics()
            assert account.yielded == 3 * turn
            assert sum(account.refused.values()) == turn


@pytest.mark.scenario(58)
@pytest.mark.parametrize("what", RAISED, ids=map(str, range(len(RAISED))))
def test_what_a_gauge_s_function_raises_costs_that_gauge(what: Any) -> None:
    """The group goes on, with the children of the same gauge."""
    registry = Registry()
    group = Instruments("g", registry)
    depth = group.gauge("depth", labels=("a",))

    def function() -> Any:
        raise what

    depth.labels("bad").set_function(function)
    depth.set(3, a="good")
    group.counter("later").inc()
    with Collector(registry, deadline=20.0) as consumer:
        for turn in (1, 2):
            assert values(consumer.collect()) == {'g.depth{a="good"}': 3, "g.later": 1}
            (account,) = consumer.statistics()
            assert account.refused == {"type": turn}


def test_the_end_of_an_abandoned_thread_is_no_sample_s() -> None:
    """Nor is a Ctrl-C or an exit on the main thread, where signals are handled."""
    told: dict[str, bool] = {}

    def judge() -> None:
        told.update(
            {type(e).__name__: is_foreign(e) for e in (Ended(), SystemExit(), ValueError())}
        )

    judge()
    assert told == {"Ended": False, "SystemExit": False, "ValueError": True}
    other = threading.Thread(target=judge)
    other.start()
    other.join()
    assert told == {"Ended": False, "SystemExit": True, "ValueError": True}


NO_NUMBERS = {
    "complex": 1j,
    "complex without an imaginary part": 1 + 0j,
    "a class of complex": type("C", (complex,), {"__float__": lambda _: 1.0})(1),
    "complex64": np.complex64(1),
    "complex128": np.complex128(1 + 2j),
    "complex256": np.clongdouble(1),
    "an array of complex": np.array(1j),
    "datetime64": np.datetime64(1, "s"),
    "timedelta64": np.timedelta64(5, "s"),
    "not a time": np.timedelta64("NaT"),
    "an array of times": np.array(5, "m8[s]"),
    "text of numpy": np.str_("5"),
    "bytes of numpy": np.bytes_(b"5"),
    "an array of text": np.array("5"),
    "an array of objects": np.array("5", object),
    "text": "5",
    "a class of text": type("T", (str,), {"__float__": lambda _: 5.0, "__index__": lambda _: 5})(),
    "bytes": b"5",
    "a class of bytes": type("B", (bytes,), {"__float__": lambda _: 5.0})(),
    "bytearray": bytearray(b"5"),
    "an array of one": np.array([5]),
    "an array of two": np.array([5, 6]),
    "a signaling NaN": decimal.Decimal("sNaN"),
    "infinite": decimal.Decimal("1e400"),
    "too large a fraction": fractions.Fraction(10**400, 3),
    "beyond 64 bits": np.uint64(2**64 - 1),
    "a void": np.void(b"abcd"),
}
NUMBERS = {
    "bool": (np.bool_(1), 1.0),
    "int8": (np.int8(-7), -7),
    "uint64": (np.uint64(7), 7),
    "half": (np.float16(0.5), 0.5),
    "long double": (np.longdouble(0.25), 0.25),
    "an array without a dimension": (np.array(7), 7),
    "one of floats": (np.array(7.5), 7.5),
    "decimal": (decimal.Decimal("1.5"), 1.5),
    "fraction": (fractions.Fraction(3, 2), 1.5),
}
NOTHING = {"masked": np.ma.masked, "NaN": np.float32("nan"), "a quiet NaN": decimal.Decimal("NaN")}


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element")
def test_what_is_no_number_is_refused_and_what_is_one_is_taken() -> None:
    """Of numpy as of Python: nothing loses its imaginary part, its unit or its digits."""
    rows: list[Any] = []
    registry = Registry()
    registry.register({"name": "s", "sample": lambda: list(rows)})
    with Collector(registry, deadline=20.0) as consumer:
        consumer.collect()
        (account,) = consumer.statistics()
        for what, bad in NO_NUMBERS.items():
            before = sum(account.refused.values())
            rows[:] = [("g", bad)]
            assert (what, values(consumer.collect())) == (what, {})
            assert (what, sum(account.refused.values())) == (what, before + 1)
        for what, (good, number) in NUMBERS.items():
            rows[:] = [("g", good)]
            found = values(consumer.collect())["s.g"]
            assert (what, found, type(found)) == (what, number, type(number))
        before = sum(account.refused.values())
        for nothing in NOTHING.values():
            rows[:] = [("g", nothing)]
            assert values(consumer.collect()) == {}
        assert sum(account.refused.values()) == before


@pytest.mark.parametrize(
    "what", [name for name in NO_NUMBERS if name not in ("infinite", "beyond 64 bits")]
)
def test_an_instrument_takes_what_a_sampler_may_yield(what: str) -> None:
    """A complex number does not count by its real part there either: it is refused."""
    registry = Registry()
    group = Instruments("g", registry)
    for record in (group.counter("c").inc, group.gauge("d").set, group.histogram("h").observe):
        record(NO_NUMBERS[what])  # type: ignore[arg-type]
    with Collector(registry, deadline=20.0) as consumer:
        found = values(consumer.collect())
        assert (found.keys(), found["g.c"]) == ({"g.c", "g.h"}, 0)
        assert sum(consumer.statistics()[0].refused.values()) == 3


@settings(max_examples=100, deadline=None)
@given(
    st.complex_numbers(max_magnitude=1e30), st.sampled_from([complex, np.complex64, np.complex128])
)
def test_no_complex_number_is_one(number: complex, make: Any) -> None:
    """Whatever its parts are."""
    registry = Registry()
    registry.register({"name": "s", "sample": lambda: [("g", make(number))]})
    with Collector(registry, deadline=20.0) as consumer:
        assert values(consumer.collect()) == {}
        assert consumer.statistics()[0].refused == {"type": 1}
