"""The data source: what New Relic's agent makes once, starts as it connects, and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sampler import Collector, HistogramValue, Increments
from sampler_newrelic._paths import path_of
from sampler_newrelic._stats import stats_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Series
    from sampler_newrelic._stats import Stats

HARVEST = 60.0
"""Seconds between two harvests of New Relic's agent."""


def data_source(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the data source to New Relic's agent, which calls this when it is registered.

    Args:
        settings: from the agent's configuration; there are none.

    Raises:
        ValueError: there are some.
    """
    if settings:
        raise ValueError(f"sampler_newrelic has no settings: take {', '.join(settings)} out")
    return {"name": "sampler", "group": "Custom", "factory": DataSource}


class DataSource:
    """Every sampler of this process, for one application of New Relic's agent.

    It is one consumer, with its own baselines. Counters arrive as the counts of a harvest, gauges
    as values, histograms as New Relic's statistics; what has not moved is left out.

    Args:
        environ: who asks, from New Relic's agent.
    """

    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": "left out",
        "help": "left out",
        "precision": "numbers are read as doubles: integers above 2**53 are rounded",
        "timestamps": "left out: the harvest stands for all",
        "histograms": "become count, total, and bounds of the buckets of the smallest and the "
        "largest observation; the sum of squares is an estimate; no quantiles",
    }

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._name = f"newrelic.{environ.get('consumer.name') or ''}".rstrip(".")
        self._collector: Collector | None = None
        self._increments = Increments()
        self._paths: dict[Series, str] = {}

    def start(self) -> None:
        """Begin: New Relic's agent has connected. What was counted before is a baseline."""
        if self._collector is None:
            self._collector = Collector(name=self._name, interval=HARVEST)
            self._increments.take(self._collector.collect())

    def stop(self) -> None:
        """Wait: New Relic's agent has lost its connection.

        It starts this again once it has another one: what is counted until then comes with the
        first harvest. So nothing is closed, and a Collector that is not asked costs nothing.
        """

    def __call__(self) -> Iterator[tuple[str, float | Stats]]:
        """Yield names below the group and values, as data sources do."""
        if self._collector is None:
            return
        taken = self._increments.take(self._collector.collect())
        known, self._paths = self._paths, {}
        for series, grown, value in taken:
            path = self._paths[series] = known.get(series) or path_of(series)
            if isinstance(grown, HistogramValue):
                if grown.count:
                    yield path, stats_of(grown)
            elif grown is None:
                yield path, value  # type: ignore[misc] # a gauge is a number
            elif grown:
                yield path, {"count": grown}
