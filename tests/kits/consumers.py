"""Consumers as the contract suite asks for them: ours, and the one that the draft shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sybil.document import Document
from sybil.parsers.rest import PythonCodeBlockParser

from sampler import Collector, HistogramValue, Registry
from sampler._contract.values import subtract
from sampler.agent.delivery.baselines import Baselines
from tests.pep.clauses import DRAFT

if TYPE_CHECKING:
    from collections.abc import Mapping

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
