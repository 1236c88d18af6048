"""Metric and label names for Prometheus.

Dots become ``_``. A unit is appended by OpenTelemetry's table ("Prometheus and OpenMetrics
Compatibility", Metric Metadata), and values are never converted. Counters end in ``_total``. What
a name has of both already is not added again. A gauge's ``_count`` is ``_current``: Prometheus
keeps ``_count`` for histograms, and ``promtool check metrics`` objects to any other. A label that
Prometheus reserves gets a trailing ``_``, which no label name of a sampler ends in.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import Series

__all__ = [
    "PER",
    "RESERVED_LABELS",
    "UNITS",
    "base_name",
    "called",
    "claimed_names",
    "format_bound",
    "label_name",
    "sample_name",
    "unit_name",
    "unit_of",
]

UNITS: dict[str, str] = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
}
"""The word for each UCUM unit of an amount."""
PER: dict[str, str] = {
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
"""The word for each unit of time that an amount is divided by."""
_AMOUNTS: dict[str, str] = {"": "1", "ratio": "1"}
_AMOUNTS |= {word: unit for unit, word in UNITS.items() if unit != "KBy"}  # UCUM has kBy
_TIMES: dict[str, str] = {word: unit for unit, word in PER.items()}
RESERVED_LABELS: frozenset[str] = frozenset({"le", "quantile", "job", "instance"})
"""Labels that Prometheus gives a meaning, or that name who measures."""
_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
}
"""Suffixes of the names that only one family may use (OpenMetrics 1.0, "Suffixes")."""


def base_name(name: str, kind: str, unit: str) -> str:
    """Return a family's name in OpenMetrics: a counter's without ``_total``."""
    words, plain = unit_name(kind, unit), name.replace(".", "_")
    if kind == "counter":
        plain = plain.removesuffix("_total")
    elif kind == "gauge" and not words and plain.endswith("_count"):
        plain = f"{plain.removesuffix('count')}current"
    return plain if not words or plain.endswith(f"_{words}") else f"{plain}_{words}"


def sample_name(family: str, kind: str) -> str:
    """Return the name of a family's samples; of a histogram's, without ``_bucket`` and so on."""
    return f"{family}_total" if kind == "counter" else family


def claimed_names(family: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the names that only a family may use, with what series that share it agree about.

    Args:
        family: what :func:`base_name` returned.
        kind: ``counter``, ``gauge`` or ``histogram``.
    """
    return tuple((family + suffix, f"{family} {kind}") for suffix in _SUFFIXES[kind])


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


def called(series: Series) -> str:
    """Return what a page calls a series; of a histogram, without ``_bucket`` and so on."""
    return sample_name(base_name(series.name, series.kind, series.unit), series.kind)


def label_name(name: str) -> str:
    """Return the exposed name of a label."""
    plain = name.replace(".", "_")
    return plain + "_" if plain in RESERVED_LABELS or plain.startswith("__") else plain


def unit_name(kind: str, unit: str) -> str:
    """Return the suffix for a unit, or nothing if the table has no word for it."""
    if unit == "1":
        return "ratio" if kind == "gauge" else ""
    amount, slash, time = unit.partition("/")
    counted = amount == "1" or (amount.startswith("{") and amount.endswith("}"))
    words = [] if counted else [UNITS.get(amount, "")]
    if slash:
        words.append(f"per_{PER[time]}" if time in PER else "")
    return "_".join(words) if all(words) else ""


def unit_of(words: str) -> str:
    """Return the unit that a suffix stands for; one that the table has not is in braces."""
    if not words:
        return ""
    amount, per, time = words.rpartition("per_")
    amount = amount.removesuffix("_")
    if per and time in _TIMES:
        return f"{_AMOUNTS.get(amount) or f'{{{amount}}}'}/{_TIMES[time]}"
    return _AMOUNTS.get(words) or f"{{{words}}}"
