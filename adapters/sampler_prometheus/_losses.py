"""What Prometheus' formats do not carry, and of which entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.adapterkit.prometheus_names import unit_name, unit_of
from sampler.agent import HistogramValue
from sampler_prometheus._lines import has_sum_and_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent import Series

UNIT = "one that OpenTelemetry's table has no word for, such as {connection}, is left out"
PRECISION = "numbers are read as doubles: integers above 2**53 are rounded"
BOUNDS = "exponential ones get bounds that all processes share"
NO_SUM = "a sum is left out where there are values below zero"
UNSUPPORTED: Mapping[str, str] = {
    "unit": UNIT,
    "precision": PRECISION,
    "timestamps": "left out: the time of the scrape stands for all",
    "histograms": f"{BOUNDS}; in OpenMetrics {NO_SUM}",
}
"""What a page cannot carry."""
ZERO_SUM = "an unknown sum is served as 0"


def loses_unit(series: Series) -> bool:
    """Tell whether a unit is not what its word in the name stands for."""
    return unit_of(unit_name(series.kind, series.unit)) != series.unit


def loses_in_openmetrics(word: str, series: Series, value: Any) -> bool:
    """Tell whether an entry loses by a word; OpenMetrics has all of a histogram or no sum."""
    if word == "unit":
        return loses_unit(series)
    if word == "histograms" and isinstance(value, HistogramValue):
        gone = value.sum is not None and not has_sum_and_count(value)
        return gone or value.scale is not None
    return True


def loses_in_text(word: str, series: Series, value: Any) -> bool:
    """Tell whether an entry loses by a word, where an unknown sum is served as 0."""
    if word == "unit":
        return loses_unit(series)
    if word == "histograms" and isinstance(value, HistogramValue):
        return value.sum is None or value.scale is not None
    return True
