"""Consumers as the contract suite asks for them: ours, and the one that the draft shows."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from sybil.document import Document
from sybil.parsers.rest import PythonCodeBlockParser

from sampler import Collector, HistogramValue, Increments
from sampler._registry.announcements import Announcement
from sampler.testing import Broken, ConsumerContract
from tests.pep.clauses import DRAFT
from tests.pep.taking_over import taking_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sampler import Series, Snapshot


@contextmanager
def announced(registries: Iterable[Any]) -> Iterator[None]:
    """Let consumers that begin in the block find these registries, as R-14 says.

    Each has a module of its own, which whoever uses this takes out of ``sys.modules`` again.
    """
    found = []
    for n, registry in enumerate(registries):
        module = sys.modules[f"zz_vendor{n}"] = ModuleType(f"zz_vendor{n}")
        module.__dict__["registry"] = registry
        point = EntryPoint(f"vendor{n}", f"zz_vendor{n}:registry", "sampler.registries")
        found.append(Announcement(point))
    with patch("sampler._registry.announcements.announcements", lambda _group: found):
        yield


class Ours:
    """A Collector, with its increments."""

    def __init__(
        self,
        samplers: list[Mapping[str, Any]],
        deadline: float,
        registry: Any = None,
        **options: Any,
    ) -> None:
        self.samplers = samplers
        self.registry = registry
        self.rates: dict[Any, float] = {}
        self._known: dict[int, Any] = {}
        self._times: dict[str, float] = {}
        self._increments = Increments()
        self._follow()
        self.collector = Collector(self.registry, name="ours", deadline=deadline, **options)
        self.first = self.pull()

    def _follow(self) -> None:
        if self.samplers or self._known:
            follow(
                self.samplers, self._known, self.registry.register, lambda each: each.unregister()
            )

    def pull(self) -> tuple[dict[Any, Any], dict[Any, Any], set[str]]:
        self._follow()
        snapshot = self.collector.collect()
        values, increments = {}, {}
        for series, grown, value in self._increments.take(snapshot):
            values[key(series)] = as_tuple(value)
            if grown is not None:
                increments[key(series)] = as_tuple(grown)
        self._rate(snapshot, increments)
        return values, increments, {failure.sampler for failure in snapshot.failures}

    def _rate(self, snapshot: Snapshot, increments: dict[Any, Any]) -> None:
        self.rates = {}
        for block in snapshot.blocks:
            seconds = block.time - self._times.get(block.sampler, block.time)
            self._times[block.sampler] = block.time
            for each in map(key, block.series) if seconds else ():
                if isinstance(grown := increments.get(each), int | float):
                    self.rates[each] = grown / seconds

    def refused(self) -> dict[tuple[str, str], int]:
        return {
            (each.sampler, reason): samples
            for each in self.collector.statistics()
            for reason, samples in each.refused.items()
        }

    def close(self) -> None:
        self.collector.close()


def follow(
    wanted: list[Mapping[str, Any]],
    known: dict[int, Any],
    register: Callable[[Any], Any],
    unregister: Callable[[Any], Any],
) -> None:
    """Register what was added to a list of mappings, and unregister what was removed."""
    live = {id(each): each for each in wanted}
    for gone in known.keys() - live.keys():
        unregister(known.pop(gone))
    for new in live.keys() - known.keys():
        known[new] = register(live[new])


def key(series: Series) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series.name, tuple(sorted(series.labels.items()))


def as_tuple(value: Any) -> Any:
    return (value.count, value.sum, value.buckets) if isinstance(value, HistogramValue) else value


def drafted() -> dict[str, Any]:
    """Return what the code of the draft defines, its examples having run."""
    document = Document.parse(str(DRAFT), PythonCodeBlockParser())
    for example in document.examples():
        example.evaluate()
    return document.namespace


class Earliest:
    """Several registries as one: of equal names and labels, the earliest registration (R-14).

    One that was passed over and takes its place later begins with a baseline.
    """

    def __init__(self, registries: Iterable[Iterable[Any]]) -> None:
        self._registries = registries
        self._passed: dict[Any, Any] = {}

    def __iter__(self) -> Iterator[Any]:
        chosen: dict[Any, Any] = {}
        for registration in (each for registry in self._registries for each in registry):
            labels = registration.sampler.get("labels") or {}
            key = registration.sampler["name"], frozenset(labels.items())
            first, *later = sorted([registration, *chosen.get(key, ())], key=lambda r: r.time)
            chosen[key] = [first]
            for passed in later:
                self._passed.setdefault(passed, taking_over(passed))
        return iter([self._passed.get(each, each) for (each,) in chosen.values()])


DRAFT_LEAVES_OUT = {
    "test_names_and_label_values_have_a_length_at_most": "it says that it leaves out S-04",
    "test_a_bad_description_costs_its_sample": "it says that it leaves out S-26 to S-30",
}
"""The checks that the draft's code does not pass, by name, and why."""


def without(suite: type[ConsumerContract], names: Iterable[str]) -> None:
    """Let a suite skip tests, for an implementation that is known to fail them."""
    for name in names:
        setattr(suite, name, lambda _self: pytest.skip("this implementation leaves it out"))


def left_out(test_of_suite: Callable[[Any], None], reason: str) -> Callable[[Any], None]:
    """Return a test that is skipped while an implementation fails it, and fails when it passes."""

    def test(self: Any) -> None:
        with suppress(Broken):
            test_of_suite(self)
            pytest.fail(f"{test_of_suite.__name__} passes: take it off the list", pytrace=False)
        pytest.skip(reason)

    return test


class Drafted:
    """The draft's consumer, or what a test made of it."""

    def __init__(
        self, samplers: list[Mapping[str, Any]], deadline: float, code: dict[str, Any]
    ) -> None:
        self._wanted = samplers
        self._known: dict[int, Any] = {}
        self._registry = code["Registry"]()
        self._follow()
        self._consumer = code["Consumer"](self._registry, deadline=deadline)

    def _follow(self) -> None:
        follow(self._wanted, self._known, self._registry.register, self._registry.unregister)

    def pull(self) -> Any:
        self._follow()
        return self._consumer.pull()

    def close(self) -> None:
        self._consumer.close()
