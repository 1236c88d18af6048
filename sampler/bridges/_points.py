"""Data points of OpenTelemetry's SDK as samples; deltas are added up."""

from __future__ import annotations

from itertools import accumulate
from json import dumps
from typing import TYPE_CHECKING, Any

from sampler.bridges._callbacks import Callbacks
from sampler.bridges._histograms import dense, exponential
from sampler.bridges._locked import Locked
from sampler.bridges._log import FAILURES, Failures
from sampler.bridges._names import LabelNames, Names
from sampler.bridges._totals import ExplicitTotal, ExponentialTotal, NumberTotal
from sampler.bridges._unended import Unended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DELTA = 1
"""The number of ``AggregationTemporality.DELTA``."""
_NONE: dict[str, str] = {}
_RESOURCE = "target.info"
_MOST_TOTALS = 20_000
"""Series of which deltas are added up."""


class Points(Locked):
    """Reads what a reader collects; several consumers may, at once.

    Args:
        bridge: the name under which failures are counted.
        scope: series get labels of their instrumentation scope.
        resource: the resource is told.
    """

    def __init__(self, bridge: str, *, scope: bool, resource: bool) -> None:
        super().__init__()
        self._scope = scope
        self._resource = resource
        self._failures = Failures(bridge)
        self._names = Names((FAILURES, _RESOURCE))
        self._labels = LabelNames()
        self._described: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._scopes: dict[Any, dict[str, str]] = {}
        self._kept: dict[int, tuple[Any, Any, dict[str, str]]] = {}
        """Labels by the identity of attributes, which are the same object in each collection."""
        self._before = self._kept
        self._totals: dict[tuple[Any, ...], Any] = {}
        self._unended = Unended(_MOST_TOTALS)
        self._callbacks = Callbacks(self._failures.count)

    def of(self, reader: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of one pull."""
        with self._lock:  # a delta is told once, and belongs to all consumers
            with self._callbacks.guarded(reader):
                data = reader.get_metrics_data()
            self._before, self._kept = self._kept, {}
            rows = list(self._rows(data)) if data is not None else []
            rows += self._unended.missing()
            told = list(self._told())
        yield from rows
        yield from told
        yield from self._failures.samples()

    def _rows(self, data: Any) -> Iterator[tuple[Any, ...]]:
        resources = data.resource_metrics
        self._names.learn(
            {m.name for each in resources for s in each.scope_metrics for m in s.metrics}
        )
        for each in resources:
            if self._resource and each.resource.attributes:
                labels = self._texts(each.resource.attributes, _NONE)
                yield (
                    _RESOURCE,
                    1,
                    labels,
                    {"help": "What OpenTelemetry says of its resource."},
                )
            for scoped in each.scope_metrics:
                scope = self._scope_of(scoped.scope) if self._scope else _NONE
                for metric in scoped.metrics:
                    try:
                        yield from self._metric(metric, scope)
                    except Exception as error:  # a view's own aggregation
                        self._failures.count(str(getattr(metric, "name", metric))[:100], error)

    def _metric(self, metric: Any, scope: dict[str, str]) -> Iterator[tuple[Any, ...]]:
        data = metric.data
        kind = type(data).__name__
        name = self._names.of(metric.name)
        described = self._description(metric, kind)
        delta = getattr(data, "aggregation_temporality", None)
        if delta is not None and delta.value == _DELTA:
            for point in data.data_points:
                self._add(name, self._texts(point.attributes, scope), described, kind, point)
            return
        points = data.data_points
        labels = [self._texts(point.attributes, scope) for point in points]
        if kind in {"Sum", "Gauge"}:
            values: Any = (point.value for point in points)
        else:
            values = map(explicit if kind == "Histogram" else _exponential, points)
        for each, value in zip(labels, values, strict=True):
            yield name, value, each, described
        if described["kind"] != "gauge":
            self._unended.tell(name, labels, described)

    def _description(self, metric: Any, kind: str) -> dict[str, Any]:
        grows = kind == "Sum" and metric.data.is_monotonic
        key = metric.name, kind, grows, metric.unit, metric.description
        found = self._described.get(key)
        if found is None:
            if len(self._described) >= _MOST_TOTALS:  # names without end
                self._described.clear()
            whole = kind in {"Histogram", "ExponentialHistogram"}
            ours = "counter" if grows else "histogram" if whole else "gauge"
            found = {"kind": ours, "unit": metric.unit or "", "help": metric.description or ""}
            if kind == "Sum" and not grows:
                found["merge"] = "sum"
            self._described[key] = found
        return found

    def _texts(
        self, attributes: Mapping[str, Any] | None, scope: dict[str, str]
    ) -> dict[str, str]:
        """Return attributes as labels; the scope's stand."""
        if not attributes:
            return scope
        key = id(attributes)
        kept = self._before.get(key)
        if kept is None or kept[0] is not attributes or kept[1] is not scope:
            label = self._labels.of
            own = {label(k): v if isinstance(v, str) else _text(v) for k, v in attributes.items()}
            kept = attributes, scope, {**own, **scope}
        self._kept[key] = kept
        return kept[2]

    def _scope_of(self, scope: Any) -> dict[str, str]:
        key = scope.name, scope.version
        if key not in self._scopes:
            texts = zip(("otel.scope.name", "otel.scope.version"), key, strict=True)
            self._scopes[key] = {self._labels.of(label): text for label, text in texts if text}
        return self._scopes[key]

    def _add(
        self, name: str, labels: dict[str, str], described: dict[str, Any], kind: str, point: Any
    ) -> None:
        """Add a delta to the total of its series."""
        key = name, kind, *sorted(labels.items())
        total = self._totals.get(key)
        if total is None:
            if len(self._totals) >= _MOST_TOTALS:
                self._failures.count(name, f"more than {_MOST_TOTALS} series of deltas")
                return
            cls: Any = {"Sum": NumberTotal, "Histogram": ExplicitTotal}.get(kind, ExponentialTotal)
            total = self._totals[key] = cls(name, labels, described)
        total.add(point)

    def _told(self) -> Iterator[tuple[Any, ...]]:
        for total in self._totals.values():
            yield total.name, total.value(), total.labels, total.described


def explicit(point: Any) -> dict[str, Any]:
    """Return the value of a histogram with explicit bounds."""
    counts = accumulate(point.bucket_counts)
    buckets = dict(zip(point.explicit_bounds, counts, strict=False))
    return {"count": point.count, "sum": point.sum, "buckets": buckets}


def _exponential(point: Any) -> dict[str, Any]:
    positive, negative = point.positive, point.negative
    return exponential(
        point.scale,
        point.count,
        point.sum,
        point.zero_count,
        dense(positive.offset, positive.bucket_counts),
        dense(negative.offset, negative.bucket_counts),
        getattr(point, "zero_threshold", 0.0) or 0.0,
    )


def _text(value: Any) -> str:
    """Return what is no text as one, as OpenTelemetry's exporter to Prometheus does."""
    return dumps(value, default=str)
