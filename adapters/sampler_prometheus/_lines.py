"""What the lines of a series begin with, in both formats; rendered once per series.

A line begins with the end of the one before, so that a value is written as it is.
One bad line makes Prometheus discard the whole scrape. So nothing is written that it would refuse,
and both formats carry the same series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import attrs

from sampler.adapterkit.prometheus_names import (
    base_name,
    claimed_names,
    format_bound,
    label_name,
    sample_name,
    unit_name,
)
from sampler.adapterkit.render_cache import Unencodable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent import HistogramValue, Metric, Series

_QUOTED = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})

_REMEMBERED = 1_000
"""Sets of label names whose exposed names are kept."""


@attrs.frozen(eq=False)
class Family:
    """What series of one metric have in common.

    Attributes:
        name: a counter's without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        sample_name: the name of its samples; of a histogram's, without ``_bucket`` and so on.
        text_header: the HELP line in the text format, if it has one, and the TYPE line.
        openmetrics_header: the same in OpenMetrics, with UNIT where the name ends in the unit.
        names: those that only this family may use, with what series that share it agree about.
    """

    name: str
    kind: str
    sample_name: str
    text_header: str
    openmetrics_header: str
    names: tuple[tuple[str, str], ...]


@attrs.frozen
class HistogramStart:
    """What the lines of one histogram begin with; no other has an equal one.

    Attributes:
        bucket: of a bucket, up to the value of the label ``le``.
        sum: of the sum, with a space behind.
        count: of the count, likewise.
    """

    bucket: str
    sum: str = attrs.field(eq=False)
    count: str = attrs.field(eq=False)


class SeriesRenderer:
    """Renders series, and tells their families: one for each metric, while it lives.

    Args:
        group: labels that the receiver gives every series: a series' own label of such a name,
            with another value, gets a trailing ``_``, which no label name of a sampler ends in.
    """

    def __init__(self, group: Mapping[str, str] | None = None) -> None:
        self._group = dict(group or {})
        self._families: WeakKeyDictionary[Metric, Family] = WeakKeyDictionary()
        self._last: tuple[Metric | None, Family | None] = None, None
        self._exposed: dict[tuple[str, ...], str] = {}
        """By label names: them with ``%s`` for each value."""

    def __call__(self, series: Series) -> str | HistogramStart:
        """Return what the lines of a series begin with: a line feed, name, labels and a space.

        Raises:
            Unencodable: ``collision``: two of its labels would get the same name.
        """
        labels, family = series.labels, self.family(series.metric)
        if self._group and labels:
            labels = {self._own(name, text): text for name, text in labels.items()}
        pairs = self._pairs(labels) if labels else ""
        if family.kind != "histogram":
            return f"\n{family.sample_name}{{{pairs}}} " if pairs else f"\n{family.sample_name} "
        name, more, closed = family.name, f"{pairs}," if pairs else "", f"{{{pairs}}}"
        closed = closed if pairs else ""
        return HistogramStart(
            f"\n{name}_bucket{{{more}le=", f"\n{name}_sum{closed} ", f"\n{name}_count{closed} "
        )

    def _own(self, name: str, text: str) -> str:
        exposed = label_name(name)
        return f"{exposed}_" if self._group.get(exposed, text) != text else name

    def _pairs(self, labels: Mapping[str, str]) -> str:
        names, texts = tuple(labels), tuple(labels.values())
        exposed = self._exposed.get(names) or self._expose(names)
        every = "".join(texts)
        if '"' in every or "\\" in every or "\n" in every:
            texts = tuple(text.translate(_QUOTED) for text in texts)
        return exposed % texts

    def _expose(self, names: tuple[str, ...]) -> str:
        exposed = [f'{label_name(name)}="%s"' for name in names]
        if len(set(exposed)) < len(names):
            raise Unencodable("collision")
        if len(self._exposed) >= _REMEMBERED:
            self._exposed.clear()
        text = self._exposed[names] = ",".join(exposed)
        return text

    def family_of(self, series: Series) -> Family:
        """Return the family of a series."""
        return self.family(series.metric)

    def family(self, metric: Metric) -> Family:
        """Return the family of a metric's series."""
        last, family = self._last
        if family is None or metric is not last:
            family = self._families.get(metric)
            if family is None:
                family = _family(metric.name, metric.kind, metric.unit, metric.help)
                self._families[metric] = family
            self._last = metric, family
        return family


class HistogramWriter:
    """Writes the lines of histograms, most of which have the same bounds as the one before."""

    __slots__ = ("_bounds", "_texts")

    def __init__(self) -> None:
        self._bounds: tuple[float, ...] = ()
        self._texts: list[str] = []
        """What follows the start of a bucket's line, for each bound."""

    def lines(self, start: HistogramStart, value: HistogramValue) -> tuple[str, str]:
        """Return the lines of the buckets, and those of sum and count."""
        if value.bounds is not self._bounds:
            self._bounds = value.bounds
            self._texts = [f'"{format_bound(upper)}"}} ' for upper in value.bounds]
        bucket, count = start.bucket, value.count
        pairs = zip(self._texts, value.counts, strict=True)
        lines = "".join([f"{bucket}{text}{at}" for text, at in pairs])
        total = "" if value.sum is None else f"{start.sum}{value.sum!r}"
        return f'{lines}{bucket}"+Inf"}} {count}', f"{total}{start.count}{count}"


def _family(full_name: str, kind: str, unit: str, text: str) -> Family:
    name = base_name(full_name, kind, unit)
    sampled = sample_name(name, kind)
    header, openmetrics = f"\n# TYPE {sampled} {kind}", f"\n# TYPE {name} {kind}"
    if words := unit_name(kind, unit):
        openmetrics += f"\n# UNIT {name} {words}"
    if text:
        header = f"\n# HELP {sampled} {text.translate(_HELP)}{header}"
        openmetrics += f"\n# HELP {name} {text.translate(_QUOTED)}"
    return Family(name, kind, sampled, header, openmetrics, claimed_names(name, kind))


def has_sum_and_count(value: HistogramValue) -> bool:
    """Tell whether OpenMetrics allows sum and count: negative values could make the sum fall."""
    below = bool(value.bounds) and value.bounds[0] < 0
    return value.sum is not None and value.sum >= 0 and not below
