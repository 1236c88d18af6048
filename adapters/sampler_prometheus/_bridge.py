"""All registered samplers in a registry of ``prometheus_client``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from prometheus_client import Metric
from prometheus_client.registry import Collector as PrometheusCollector

from sampler.adapterkit.prometheus_names import format_bound, label_name, unit_name
from sampler.adapterkit.render_cache import NotRendered, RenderCache, iter_entries
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.adapterkit.threads import Lock
from sampler.agent import ABSENT, HistogramValue
from sampler_prometheus._exposition import page_collector
from sampler_prometheus._lines import SeriesRenderer, has_sum_and_count
from sampler_prometheus._losses import UNSUPPORTED, loses_in_openmetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler import Registry
    from sampler.agent import Series
    from sampler_prometheus._lines import HistogramStart


class SamplerCollector(PrometheusCollector):
    """A collector for ``prometheus_client``: ``REGISTRY.register(SamplerCollector())``.

    Names and labels are those of the ``prometheus`` adapter, and it leaves out the same series.
    Registering it calls no sampler, and if a sampler fails, only its metrics are missing. The
    multiprocess mode of ``prometheus_client`` does not include these metrics.

    Args:
        registry: whose samplers are pulled; default: the default registry.
        interval: expected seconds between scrapes; more frequent scrapes share a pull.
        deadline: seconds that each sampler has.
    """

    unsupported: ClassVar[Mapping[str, str]] = UNSUPPORTED
    """As of the adapter."""
    loses = staticmethod(loses_in_openmetrics)

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        interval: float = 10.0,
        deadline: float = 5.0,
    ) -> None:
        self._collector = page_collector(registry, "prometheus_client", interval, deadline)
        self._lock = Lock()
        self._renderer = SeriesRenderer()
        self._cache: RenderCache[str | HistogramStart] = RenderCache(
            self._renderer, family=self._renderer.family_of
        )

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering pulls nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Pull, and yield one family after the other."""
        snapshot = self._collector.collect()
        families: dict[str, Metric] = {}
        with self._lock:
            blocks = self._cache.of(snapshot)
        for _, entries in iter_entries(blocks):
            for rendered, series, value in entries:
                if value is ABSENT or isinstance(rendered, NotRendered):
                    continue
                described = self._renderer.family(series.metric)
                name = described.name
                family = families.get(name)
                if family is None:
                    unit = unit_name(series.kind, series.unit)
                    family = Metric(name, series.help, described.kind, unit)
                    families[name] = family
                _add(family, series, value)
        yield from families.values()

    def close(self) -> None:
        """Close the Collector that pulls for it."""
        self._collector.close()


def _add(family: Metric, series: Series, value: object) -> None:
    labels = {label_name(name): text for name, text in series.labels.items()}
    if isinstance(value, HistogramValue):
        value = at_shared_bounds(value, series)
        for upper, count in value.buckets:
            family.add_sample(
                f"{family.name}_bucket", {**labels, "le": format_bound(upper)}, count
            )
        family.add_sample(f"{family.name}_bucket", {**labels, "le": "+Inf"}, value.count)
        if has_sum_and_count(value):
            family.add_sample(f"{family.name}_sum", labels, value.sum or 0.0)
            family.add_sample(f"{family.name}_count", labels, value.count)
    else:
        suffix = "_total" if series.kind == "counter" else ""
        family.add_sample(f"{family.name}{suffix}", labels, value)  # type: ignore[arg-type]
