"""Pulls of a bridge, as plain mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import sampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler import HistogramValue


class Pulls:
    """One consumer of one registry."""

    def __init__(self, registry: sampler.Registry, **options: Any) -> None:
        self.registry = registry
        self.collector = sampler.Collector(registry, name="test", interval=10, **options)
        self.series: dict[Any, sampler.Series] = {}
        self.failures: tuple[Any, ...] = ()

    def __call__(self) -> dict[Any, Any]:
        """Pull; return values by name, or name and labels."""
        snapshot = self.collector.collect()
        self.series = {key(s.name, s.labels): s for s, _ in snapshot}
        self.failures = snapshot.failures
        return {key(s.name, s.labels): value for s, value in snapshot}

    def refused(self) -> dict[str, int]:
        """Return samples that were refused, by reason."""
        found: dict[str, int] = {}
        for each in self.collector.statistics():
            for reason, count in each.refused.items():
                found[reason] = found.get(reason, 0) + count
        return found

    def kinds(self) -> dict[Any, str]:
        """Return the kinds of the last pull."""
        return {each: series.kind for each, series in self.series.items()}


def key(name: str, labels: Mapping[str, str] | None = None) -> Any:
    """Return what a series is called in what `Pulls` returns."""
    return (name, tuple(sorted(labels.items()))) if labels else name


@pytest.fixture
def pulls() -> Iterator[Any]:
    """Return `Pulls` of samplers in a registry of their own."""
    made: list[Pulls] = []

    def of(*samplers: Any, **options: Any) -> Pulls:
        registry = sampler.Registry()
        for each in samplers:
            registry.register(each)
        made.append(Pulls(registry, **options))
        return made[-1]

    yield of
    for each in made:
        each.collector.close()


def shape(value: HistogramValue) -> tuple[int, float | None, dict[float, int]]:
    """Return count, sum and buckets."""
    return value.count, value.sum, dict(value.buckets)
