"""Consumers as the contract suite asks for them: ours, and the one that the draft shows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sybil.document import Document
from sybil.parsers.rest import PythonCodeBlockParser

from sampler import Collector, HistogramValue, Registry
from sampler._contract.values import subtract
from sampler.agent.delivery.baselines import Baselines
from sampler.testing import Broken
from tests.pep.clauses import DRAFT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler import Series


class Ours:
    """A Collector, with the differences that adapters take."""

    def __init__(self, samplers: list[Mapping[str, Any]], deadline: float) -> None:
        self._wanted = samplers
        self._registrations: dict[int, Any] = {}
        self._registry = Registry()
        self._accounted = Baselines()
        self._follow()
        self._collector = Collector(self._registry, name="ours", deadline=deadline)
        self.pull()

    def _follow(self) -> None:
        wanted = {id(each): each for each in self._wanted}
        for gone in self._registrations.keys() - wanted.keys():
            self._registrations.pop(gone).unregister()
        for new in wanted.keys() - self._registrations.keys():
            self._registrations[new] = self._registry.register(wanted[new])

    def pull(self) -> tuple[dict[Any, Any], dict[Any, Any], set[str]]:
        self._follow()
        snapshot = self._collector.collect()
        self._accounted.offer(snapshot)
        since = self._accounted.since()
        values, increments = {}, {}
        for series, value in snapshot:
            values[key(series)] = as_tuple(value)
            if series.cumulative:
                known = since.get(series)
                grown = value if known is None else subtract(value, known)
                increments[key(series)] = as_tuple(grown)
        self._accounted.handed_over(snapshot)
        return values, increments, {failure.sampler for failure in snapshot.failures}

    def close(self) -> None:
        self._collector.close()


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


DRAFT_LEAVES_OUT = {
    "test_a_close_that_hangs_costs_its_deadline": "it says that it has no limit for close()",
    "test_names_and_label_values_have_a_length_at_most": "it says that it leaves out S-04, S-23",
    "test_a_bad_description_costs_its_sample": "it is of the first draft: no fourth item",
    "test_a_factory_is_called_once_and_told_who_asks": "it is of the first draft: no settings",
    "test_a_gauge_with_merge_combines_within_a_pull": "it is of the first draft: no merge",
    "test_a_sample_describes_a_metric_that_the_mapping_does_not": "it is of the first draft",
    "test_a_series_begins_with_its_first_sample": "it is of the first draft: None first",
    "test_a_series_belongs_to_the_sampler_that_yielded_it_first": "it breaks S-25",
    "test_a_start_that_raises_or_is_no_number_fails_the_pull": "it breaks S-10",
    "test_two_starts_in_one_pull_fail_it": "it is of the first draft: asked once",
}
"""The checks that the draft's code does not pass, by name, and why."""


def left_out(name: str, reason: str) -> Callable[[Any], None]:
    """Return a test that is skipped while an implementation fails it, and fails when it passes."""

    def test(self: Any) -> None:
        with suppress(Broken):
            getattr(super(type(self), self), name)()
            pytest.fail(f"{name} passes: take it off the list", pytrace=False)
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
        wanted = {id(each): each for each in self._wanted}
        for gone in self._known.keys() - wanted.keys():
            self._registry.unregister(self._known.pop(gone))
        for new in wanted.keys() - self._known.keys():
            self._known[new] = self._registry.register(wanted[new])

    def pull(self) -> Any:
        self._follow()
        return self._consumer.pull()

    def close(self) -> None:
        self._consumer.close()
