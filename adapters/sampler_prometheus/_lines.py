"""What the lines of a series begin with, in both formats; rendered once per series.

One bad line makes Prometheus discard the whole scrape. So nothing is written that it would refuse,
and both formats carry the same series.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import attrs

from sampler.adapterkit.render_cache import Unencodable
from sampler_prometheus._names import base_name, label_name, sample_name, unit_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import HistogramValue, Series

_QUOTED = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
}
"""Suffixes of the names that only one family may use (OpenMetrics 1.0, "Suffixes")."""


@attrs.frozen(eq=False)
class Family:
    """What series of one metric have in common.

    Attributes:
        name: a counter's without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        sample_name: the name of its samples; of a histogram's, without ``_bucket`` and so on.
        text_header: the TYPE line in the text format, and the HELP line, if it has one.
        openmetrics_header: the same in OpenMetrics, with UNIT where the name ends in the unit.
        names: those that only this family may use, with what series that share it agree about.
    """

    name: str
    kind: str
    sample_name: str
    text_header: str
    openmetrics_header: str
    names: tuple[tuple[str, str], ...]


@attrs.define(eq=False)
class SeriesLines:
    """What the lines of one series begin with, and its lines in the last page.

    Attributes:
        family: what it shares with others.
        start: name, labels and a space; of a histogram, up to the value of the label ``le``.
        labels: of a histogram: the labels of its sum and count.
        value: the value in the last page; while it is the same object, its lines are kept.
        text_lines: its lines in the text format.
        openmetrics_lines: its lines in OpenMetrics.
    """

    family: Family
    start: str
    labels: str = ""
    value: object = None
    text_lines: str = ""
    openmetrics_lines: str = ""


class SeriesRenderer:
    """Renders series, those of one metric with one :class:`Family`, while one of them lives."""

    def __init__(self) -> None:
        self._families: WeakValueDictionary[tuple[str, ...], Family] = WeakValueDictionary()

    def __call__(self, series: Series) -> SeriesLines:
        """Return what the lines of a series begin with.

        Raises:
            Unencodable: ``collision``: two of its labels would get the same name.
        """
        labels = {label_name(label): text for label, text in series.labels.items()}
        if len(labels) < len(series.labels):
            raise Unencodable("collision")
        family = self._family(series)
        pairs = ",".join(f'{label}="{text.translate(_QUOTED)}"' for label, text in labels.items())
        closed = f"{{{pairs}}}" if pairs else ""
        if family.kind != "histogram":
            return SeriesLines(family, f"{family.sample_name}{closed} ")
        start = f"{family.name}_bucket{{{pairs},le=" if pairs else f"{family.name}_bucket{{le="
        return SeriesLines(family, start, closed)

    def _family(self, series: Series) -> Family:
        said = series.name, series.kind, series.unit, series.help
        if (known := self._families.get(said)) is None:
            known = self._families[said] = _family(*said)
        return known


def names_taken(rendered: SeriesLines) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a series takes: its own, and those of its family.

    Series of the same family and kind share the latter; see :class:`RenderCache`.
    """
    yield rendered.start, None
    yield from rendered.family.names


def _family(full_name: str, kind: str, unit: str, text: str) -> Family:
    name = base_name(full_name, kind, unit)
    sampled = sample_name(name, kind)
    header, openmetrics = f"# TYPE {sampled} {kind}\n", f"# TYPE {name} {kind}\n"
    if words := unit_name(kind, unit):
        openmetrics += f"# UNIT {name} {words}\n"
    if text:
        header = f"# HELP {sampled} {text.translate(_HELP)}\n{header}"
        openmetrics += f"# HELP {name} {text.translate(_QUOTED)}\n"
    owner = f"{name} {kind}"
    names = tuple((name + suffix, owner) for suffix in _SUFFIXES[kind])
    return Family(name, kind, sampled, header, openmetrics, names)


@lru_cache(4096)
def format_bound(upper: float) -> str:
    """Return a bound as Go writes it: OpenMetrics prescribes one spelling of each ``le``."""
    text = repr(float(upper))
    whole, dot, part = text.partition(".")
    if upper > 0 and dot and len(whole) > 6 and "e" not in text:
        digits = f"{whole}{part}".rstrip("0")
        mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
        return f"{mantissa}e+{len(whole) - 1:02d}"
    return text


def has_sum_and_count(value: HistogramValue) -> bool:
    """Tell whether OpenMetrics allows sum and count: negative values could make the sum fall."""
    below = bool(value.buckets) and value.buckets[0][0] < 0
    return value.sum is not None and value.sum >= 0 and not below
