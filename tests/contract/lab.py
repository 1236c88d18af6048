"""A sampler whose next samples a test sets, and what such a test yields."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sampler import ABSENT, Collector, HistogramValue, Registry
from tests.contract.build import reasons, values

BIG = 2**63
ODD = ["a\nb", "a b", "a;b", "a:b", "a|b", "#", "a\0b", '"', "\\", "ü", "=", "/", "x" * 1024]


class Lab:
    """A sampler whose next samples the test sets, beside one whose numbers must stay right.

    Attributes:
        next: what the sampler under test does at the next pull: an iterable, or a callable.
    """

    def __init__(self, metrics: Any = None, **options: Any) -> None:
        self.next: Any = ()
        self.registry = Registry()
        self.pulls = 0
        metrics = {"c": {"kind": "counter"}, "h": {"kind": "histogram"}, **(metrics or {})}
        self.registry.register({"name": "lab", "sample": self._sample, "metrics": metrics})
        self.registry.register({"name": "other", "sample": self._other})
        self.consumer = Collector(self.registry, deadline=20.0, **options)

    def _sample(self) -> Any:
        return self.next() if callable(self.next) else iter(self.next)

    def _other(self) -> Any:
        self.pulls += 1
        yield "pulls", self.pulls
        yield "minus", -self.pulls

    def pull(self, *samples: Any) -> dict[str, Any]:
        """Pull; return the entries of the sampler under test by the series as text."""
        if samples:
            self.next = samples
        self.snapshot = self.consumer.collect()
        assert "other" not in reasons(self.snapshot)
        found = values(self.snapshot)
        assert found.pop("other.pulls") == self.pulls
        assert found.pop("other.minus") == -self.pulls
        return found

    @property
    def block(self) -> Any:
        """The block of the sampler under test in the last snapshot."""
        (block,) = (each for each in self.snapshot.blocks if each.sampler == "lab")
        return block

    @property
    def statistics(self) -> Any:
        """What became of the samples so far."""
        return self.consumer.statistics()[0]

    def refused(self, *samples: Any) -> str:
        """Pull one bad sample among good ones; return why it was refused."""
        before = dict(self.statistics.refused) if self.consumer.statistics() else {}
        found = self.pull(("first", 1), *samples, ("last", 2))
        assert found.items() >= {"lab.first": 1, "lab.last": 2}.items()
        assert len(found) == 2
        ((reason, count),) = (Counter(self.statistics.refused) - Counter(before)).items()
        assert count == len(samples)
        return str(reason)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.consumer.close()


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Float(float):
    """As numpy's."""


class Evil:
    """Raises from everything Python may ask of it."""

    def _raise(self, *_: Any) -> Any:
        raise ZeroDivisionError

    __eq__ = __hash__ = __float__ = __index__ = __repr__ = __str__ = __iter__ = __len__ = _raise
    __bool__ = __getattr__ = __lt__ = __getitem__ = _raise  # type: ignore[assignment]


EVIL = pytest.param(Evil(), id="evil")


def plain(thing: Any) -> bool:
    """Whether an object is of a class that the core or Python owns."""
    if isinstance(thing, tuple | list):
        return type(thing) in {tuple, list} and all(map(plain, thing))
    if isinstance(thing, dict):
        return type(thing) is dict and all(plain(pair) for pair in thing.items())
    return type(thing) in {int, float, str, type(None), type(ABSENT), HistogramValue}
