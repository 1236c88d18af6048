"""Documents of the embedded metric format: log events that CloudWatch makes metrics of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.dotted_paths import Alphabet
from sampler.adapterkit.identity_labels import beside_own
from sampler.adapterkit.render_cache import Unencodable
from sampler.agent import HistogramValue, difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.agent import Series

MAX_METRICS = 100
"""Metrics of a document."""
_MAX_DIMENSIONS = 30
_MAX_VALUE = 2.0**360
"""CloudWatch refuses larger numbers, and has the whole document refused."""
_VALUES = Alphabet("_.:/@+=-")
"""Dimension values are ASCII; these need no quoting anywhere."""
_LONGEST = 1024
UNITS: Mapping[str, str] = {
    "s": "Seconds",
    "ms": "Milliseconds",
    "us": "Microseconds",
    "By": "Bytes",
    "kBy": "Kilobytes",
    "MBy": "Megabytes",
    "GBy": "Gigabytes",
    "TBy": "Terabytes",
    "bit": "Bits",
    "%": "Percent",
}
"""CloudWatch's word for each UCUM unit that it knows."""
_PER_SECOND = "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Count"


@attrs.frozen
class Named:
    """How a series is called.

    Attributes:
        name: of the metric.
        dimensions: names and values, sorted.
        unit: of the metric.
    """

    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str = attrs.field(eq=False)

    @property
    def names(self) -> tuple[tuple[str, object], ...]:
        """What no other series may have: members of the documents with these dimensions."""
        return tuple((self.name + suffix, self.dimensions) for suffix in ("", *PARTS))


PARTS = ".count", ".sum"
"""Of a histogram."""


def named(series: Series, common: Mapping[str, str]) -> Named:
    """Return how a series is called.

    Raises:
        Unencodable: ``unsupported``: it has too many labels; ``collision``: a label is called as
            the metric is, or as another label.
    """
    own = series.labels
    labels = beside_own(common, own)
    if len(labels) > _MAX_DIMENSIONS:
        raise Unencodable("unsupported")
    if not {series.name, *(series.name + part for part in PARTS)}.isdisjoint(labels):
        raise Unencodable("collision")
    pairs = tuple(sorted((key, _VALUES.write(text, _LONGEST)) for key, text in labels.items()))
    return Named(series.name, pairs, unit_of(series.unit))


def numbers(name: Named, value: Any, before: Any, *, increase: bool) -> list[tuple[str, str, Any]]:
    """Return the metrics of an entry: name, unit and number.

    Raises:
        Unencodable: ``out_of_range``: CloudWatch takes no such number.
    """
    if isinstance(value, HistogramValue):
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        if not recent.count:
            return []
        found: list[tuple[str, str, Any]] = [(name.name + PARTS[0], "Count", recent.count)]
        if recent.sum is not None:
            found.append((name.name + PARTS[1], name.unit, recent.sum))
    else:
        number = value - (before or 0) if increase else value
        found = [(name.name, name.unit, number)] if number or not increase else []
    if any(abs(number) > _MAX_VALUE for _, _, number in found):
        raise Unencodable("out_of_range")
    return found


def document(
    namespace: str,
    dimensions: tuple[tuple[str, str], ...],
    metrics: Sequence[tuple[str, str, Any]],
    time: float,
) -> bytes:
    """Return a document as a line.

    Args:
        namespace: CloudWatch's, in which the metrics are.
        dimensions: names and values.
        metrics: name, unit and number of each.
        time: epoch seconds.
    """
    directive = {
        "Namespace": namespace,
        "Dimensions": [[key for key, _ in dimensions]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit, _ in metrics],
    }
    members: dict[str, Any] = dict(dimensions)
    members |= {name: number for name, _, number in metrics}
    about = {"Timestamp": int(time * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, **members}).encode() + b"\n"


def unit_of(unit: str) -> str:
    """Return CloudWatch's word for a UCUM unit; ``None`` is one of its words."""
    amount, slash, time = unit.partition("/")
    if slash and time != "s":
        return "None"
    counted = amount in ("", "1") or (amount.startswith("{") and amount.endswith("}"))
    word = UNITS.get(amount) or ("Count" if counted and unit not in ("", "1") else "None")
    return word if not slash else f"{word}/Second" if word in _PER_SECOND else "None"
