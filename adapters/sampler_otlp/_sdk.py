"""All registered samplers through any exporter of the OpenTelemetry SDK."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sampler import Collector
from sampler.adapterkit.exponential import exponential
from sampler.adapterkit.families import families
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import HistogramValue
from sampler_otlp._points import SUM, nanoseconds, sort_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.metrics.export import MetricExportResult

    from sampler import Registry
    from sampler.agent import Series, Snapshot

_CUMULATIVE = AggregationTemporality.CUMULATIVE
_NOTHING = Buckets(0, ())


class SamplerExporter(MetricExporter):
    """An exporter that adds all samplers to what another one exports.

    ``PeriodicExportingMetricReader(SamplerExporter(OTLPMetricExporter()))``: with each export of
    the SDK the samplers are pulled, and their metrics stand under its resource, in the scope
    ``sampler``. They are cumulative, whatever the reader prefers. If a sampler fails, only its
    metrics are missing. The SDK exports nothing while it has no measurement itself.

    Args:
        exporter: the other one.
        registry: whose samplers are pulled; default: the default registry.
        interval: seconds between exports.
        deadline: seconds that each sampler has.
    """

    unsupported: ClassVar[Mapping[str, str]] = {
        "histograms": "one with values below zero gets bounds that all processes share, if it is "
        "exponential; an unknown sum is 0, and so is the threshold below which values are zero; "
        "least and greatest values are bounds of buckets",
    }
    """What the SDK's exporters do not get, in the words of an adapter's."""

    def __init__(
        self,
        exporter: MetricExporter,
        registry: Registry | None = None,
        *,
        interval: float = 60.0,
        deadline: float = 5.0,
    ) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)  # noqa: SLF001 - the reader asks for them
        self._exporter = exporter
        self._collector = Collector(
            registry, name="opentelemetry", interval=interval, deadline=deadline
        )

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Export what the SDK has, and the samplers' metrics."""
        ours = metrics_of(self._collector.collect())
        scope = ScopeMetrics(InstrumentationScope("sampler"), ours, "")
        first, *others = metrics_data.resource_metrics or (_no_resource(),)
        whole = ResourceMetrics(first.resource, [*first.scope_metrics, scope], first.schema_url)
        data = MetricsData([whole, *others])
        return self._exporter.export(data, timeout_millis, **kwargs)

    def loses(self, word: str, series: Series, value: Any) -> bool:
        """Tell whether an entry loses by a word of ``unsupported``."""
        del word, series
        if value.sum is None:
            return True
        found = exponential(value)
        if found is None:
            return value.scale is not None
        return found.zero_count > 0 and found.zero_threshold > 0

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Have the other exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the Collector and the other exporter."""
        self._collector.close()
        self._exporter.shutdown(timeout_millis, **kwargs)


def metrics_of(snapshot: Snapshot) -> list[Metric]:
    """Return a snapshot as metrics of the SDK."""
    return [metric for block in snapshot.blocks for metric in _metrics(block, block.time)]


def _metrics(entries: Any, time: float) -> Iterator[Metric]:
    now = nanoseconds(time)
    for metric, group in families(entries):
        numbers: list[NumberDataPoint] = []
        explicit: list[HistogramDataPoint] = []
        exponentials: list[ExponentialHistogramDataPoint] = []
        for series, value in group:
            start = 0 if series.start is None else nanoseconds(series.start)
            labels = dict(series.labels)
            if not isinstance(value, HistogramValue):
                start = start if series.cumulative else 0
                numbers.append(NumberDataPoint(labels, start, now, value))
            elif (found := _exponential(value, labels, start, now)) is not None:
                exponentials.append(found)
            else:
                explicit.append(_explicit(series, value, labels, start, now))
        about = metric.name, metric.help, metric.unit
        if numbers and sort_of(metric) == SUM:
            yield Metric(*about, Sum(numbers, _CUMULATIVE, metric.kind == "counter"))
        elif numbers:
            yield Metric(*about, Gauge(numbers))
        if explicit:
            yield Metric(*about, Histogram(explicit, _CUMULATIVE))
        if exponentials:
            yield Metric(*about, ExponentialHistogram(exponentials, _CUMULATIVE))


def _explicit(
    series: Series, value: HistogramValue, labels: dict[str, str], start: int, now: int
) -> HistogramDataPoint:
    shared = at_shared_bounds(value, series)
    counts = [after - before for before, after in pairwise((0, *shared.counts, value.count))]
    low, high = _edges(value)
    total = value.sum or 0.0
    return HistogramDataPoint(
        labels, start, now, value.count, total, counts, shared.bounds, low, high
    )


def _exponential(
    value: HistogramValue, labels: dict[str, str], start: int, now: int
) -> ExponentialHistogramDataPoint | None:
    found = exponential(value)
    if found is None:
        return None
    positive = _NOTHING
    if found.buckets:
        first, last = found.buckets[0][0], found.buckets[-1][0]
        counts = dict(found.buckets)
        dense = [counts.get(index, 0) for index in range(first, last + 1)]
        positive = Buckets(first - 1, dense)
    low, high = _edges(value)
    return ExponentialHistogramDataPoint(
        labels,
        start,
        now,
        value.count,
        value.sum or 0.0,
        found.scale,
        found.zero_count,
        positive,
        _NOTHING,
        0,
        low,
        high,
    )


def _edges(value: HistogramValue) -> tuple[float, float]:
    """Return bounds of the least and the greatest value: the SDK's points have them always."""
    low, below = value.bounds[0] if value.bounds else 0.0, 0
    high = low
    for upper, at in zip(value.bounds, value.counts, strict=True):
        if not at:
            low = upper
        if at > below:
            high = upper
        below = at
    return low, high


def _no_resource() -> ResourceMetrics:
    return ResourceMetrics(Resource.get_empty(), [], "")
