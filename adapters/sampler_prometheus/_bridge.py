"""Every registered sampler behind a registry of ``prometheus_client``, with one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.registry import Collector as PrometheusCollector

from sampler.adapterkit.render_cache import NotRendered, Rendered, in_turns
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.adapterkit.threads import Lock
from sampler.agent import ABSENT, HistogramValue
from sampler_prometheus._exposition import consumer
from sampler_prometheus._lines import bound, line, names, sum_and_count
from sampler_prometheus._names import label_name, unit_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler import Registry
    from sampler.agent import Series
    from sampler_prometheus._lines import Line


class SamplerCollector(PrometheusCollector):
    """A collector for ``prometheus_client``: ``REGISTRY.register(SamplerCollector())``.

    Its names, labels and refusals are those of the ``prometheus`` adapter. Registering calls no
    sampler, and a sampler that fails costs itself only, never the page. Files of
    ``prometheus_client``'s multiprocess mode do not hold these numbers.

    Args:
        registry: where samplers are found; default: the default registry.
        interval: seconds between scrapes, told to samplers; a window is never shorter.
        deadline: seconds each sampler has.
    """

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        interval: float = 10.0,
        deadline: float = 5.0,
    ) -> None:
        self._collector = consumer(registry, "prometheus_client", interval, deadline)
        self._lock = Lock()
        self._rendered: Rendered[Line] = Rendered(line, names)

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance, so that registering pulls nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Pull, and return one family after the other."""
        snapshot = self._collector.collect()
        families: dict[str, Metric] = {}
        with self._lock:
            blocks = self._rendered.of(snapshot)
        for _, entries in in_turns(blocks):
            for begun, series, value in entries:
                if value is ABSENT or isinstance(begun, NotRendered):
                    continue
                family = families.get(begun.family)
                if family is None:
                    unit = unit_name(series.kind, series.unit)
                    family = Metric(begun.family, series.help, begun.kind, unit)
                    families[begun.family] = family
                _add(family, series, value)
        yield from families.values()

    def close(self) -> None:
        """End the Collector behind it."""
        self._collector.close()


def _add(family: Metric, series: Series, value: object) -> None:
    labels = {label_name(name): text for name, text in series.labels.items()}
    if isinstance(value, HistogramValue):
        value = at_shared_bounds(value, series)
        for upper, count in value.buckets:
            family.add_sample(f"{family.name}_bucket", {**labels, "le": bound(upper)}, count)
        family.add_sample(f"{family.name}_bucket", {**labels, "le": "+Inf"}, value.count)
        if sum_and_count(value):
            family.add_sample(f"{family.name}_sum", labels, value.sum or 0.0)
            family.add_sample(f"{family.name}_count", labels, value.count)
    else:
        suffix = "_total" if series.kind == "counter" else ""
        family.add_sample(f"{family.name}{suffix}", labels, value)  # type: ignore[arg-type]
