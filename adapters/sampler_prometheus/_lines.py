"""What the lines of a series begin with, in both formats; rendered once per series.

One bad line makes Prometheus discard the whole scrape. So nothing is written that it would refuse,
and both formats carry the same series.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

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


@attrs.define(eq=False)
class SeriesLines:
    """What the lines of one series begin with, and its lines in the last page.

    Attributes:
        family: the family's name; a counter's without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        text_header: the family's TYPE line in the text format, and its HELP line, if it has one.
        openmetrics_header: the same in OpenMetrics, with UNIT where the name ends in the unit.
        start: name, labels and a space; of a histogram, up to the value of the label ``le``.
        labels: of a histogram: the labels of its sum and count.
        value: the value in the last page; while it is the same object, its lines are kept.
        text_lines: its lines in the text format.
        openmetrics_lines: its lines in OpenMetrics.
    """

    family: str
    kind: str
    text_header: str
    openmetrics_header: str
    start: str
    labels: str = ""
    value: object = None
    text_lines: str = ""
    openmetrics_lines: str = ""


def render_series(series: Series) -> SeriesLines:
    """Return what the lines of a series begin with.

    Raises:
        Unencodable: ``collision``: two of its labels would get the same name.
    """
    kind = series.kind
    family = base_name(series.name, kind, series.unit)
    name = sample_name(family, kind)
    labels = {label_name(label): text for label, text in series.labels.items()}
    if len(labels) < len(series.labels):
        raise Unencodable("collision")
    pairs = ",".join(f'{label}="{text.translate(_QUOTED)}"' for label, text in labels.items())
    closed = f"{{{pairs}}}" if pairs else ""
    if kind == "histogram":
        start = f"{family}_bucket{{{pairs},le=" if pairs else f"{family}_bucket{{le="
    else:
        start = f"{name}{closed} "
    text, openmetrics = _headers(series, name, family)
    return SeriesLines(intern(family), kind, text, openmetrics, start, closed)


def names_taken(rendered: SeriesLines) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a series takes: its own, and those of its family.

    Series of the same family and kind share the latter; see :class:`RenderCache`.
    """
    yield rendered.start, None
    owner = f"{rendered.family} {rendered.kind}"
    for suffix in _SUFFIXES[rendered.kind]:
        yield rendered.family + suffix, owner


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


def _headers(series: Series, name: str, family: str) -> tuple[str, str]:
    kind, unit = series.kind, unit_name(series.kind, series.unit)
    text = f"# TYPE {name} {kind}\n"
    openmetrics = f"# TYPE {family} {kind}\n"
    if unit:
        openmetrics += f"# UNIT {family} {unit}\n"
    if series.help:
        text = f"# HELP {name} {series.help.translate(_HELP)}\n{text}"
        openmetrics += f"# HELP {family} {series.help.translate(_QUOTED)}\n"
    return text, openmetrics
