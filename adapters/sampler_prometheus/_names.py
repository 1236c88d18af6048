"""Names as Prometheus wants them.

Dots become ``_``; the unit becomes a suffix by the table that OpenTelemetry uses for
Prometheus ("Prometheus and OpenMetrics Compatibility", Metric Metadata), always appended and never
converting a value; counters end in ``_total``. Labels that Prometheus keeps for itself get a
trailing ``_``, which the grammar of label names leaves free.
"""

from __future__ import annotations

UNITS = {
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
PER = {
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
RESERVED_LABELS = frozenset({"le", "quantile", "job", "instance"})


def family_name(name: str, kind: str, unit: str) -> str:
    """Return the exposed name of a metric; a histogram's without ``_bucket`` and so on."""
    parts = [name.replace(".", "_"), *_suffix(kind, unit)]
    if kind == "counter":
        parts.append("total")
    return "_".join(parts)


def label_name(name: str) -> str:
    """Return the exposed name of a label."""
    plain = name.replace(".", "_")
    return plain + "_" if plain in RESERVED_LABELS or plain.startswith("__") else plain


def _suffix(kind: str, unit: str) -> list[str]:
    if unit == "1":
        return ["ratio"] if kind == "gauge" else []
    amount, slash, time = unit.partition("/")
    counted = amount == "1" or (amount.startswith("{") and amount.endswith("}"))
    words = [] if counted else [UNITS.get(amount, "")]
    if slash:
        words.append(f"per_{PER[time]}" if time in PER else "")
    return words if all(words) else []
