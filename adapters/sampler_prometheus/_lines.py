"""What the lines of each series begin with, in both formats; rendered once in a series' life.

One bad line loses every sample of a scrape, so nothing is written that Prometheus does not take,
and nothing is written in one format that the other would refuse.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

import attrs

from sampler.adapterkit.render_cache import Unencodable
from sampler_prometheus._names import base_name, label_name, unit_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import HistogramValue, Series

_QUOTED = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_OWNED = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
}
"""Suffixes of the names that a family has to itself (OpenMetrics 1.0, "Suffixes")."""


@attrs.define(eq=False)
class Line:
    """What one series' lines begin with, and what they last were.

    Attributes:
        family: the family's name; a counter's without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        text: the family's header in the text format: HELP, where there is one, and TYPE.
        openmetrics: the same in OpenMetrics, with UNIT where the name ends in it.
        start: name, labels and a space; of a histogram name and open labels, for more to come.
        labels: of a histogram: the labels, for its sum and count.
        value: what was last written; unchanged, it is not written again.
        in_text: its lines in the text format.
        in_openmetrics: the same in OpenMetrics.
    """

    family: str
    kind: str
    text: str
    openmetrics: str
    start: str
    labels: str = ""
    value: object = None
    in_text: str = ""
    in_openmetrics: str = ""


def line(series: Series) -> Line:
    """Render what a series' lines begin with.

    Raises:
        Unencodable: ``collision``, two of its labels would have one name.
    """
    kind = series.kind
    family = base_name(series.name, kind, series.unit)
    name = f"{family}_total" if kind == "counter" else family
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
    return Line(intern(family), kind, text, openmetrics, start, closed)


def names(begun: Line) -> Iterator[tuple[str, str | None]]:
    """Yield the names a series takes: its own, and those its family has to itself."""
    yield begun.start, None
    owner = f"{begun.family} {begun.kind}"
    for suffix in _OWNED[begun.kind]:
        yield begun.family + suffix, owner


@lru_cache(4096)
def bound(upper: float) -> str:
    """Return a bound as Go writes it: OpenMetrics asks for one spelling of each ``le``."""
    text = repr(float(upper))
    whole, dot, part = text.partition(".")
    if upper > 0 and dot and len(whole) > 6 and "e" not in text:
        digits = f"{whole}{part}".rstrip("0")
        mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
        return f"{mantissa}e+{len(whole) - 1:02d}"
    return text


def sum_and_count(value: HistogramValue) -> bool:
    """Tell whether OpenMetrics has them: not where negative values may make the sum fall."""
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
