"""Names that would do: in the place of one that is no name, or that says what backends add."""

from __future__ import annotations

from sampler._contract.names import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

UNIT_WORDS = {
    "bytes": "By",
    "celsius": "Cel",
    "days": "d",
    "grams": "g",
    "hertz": "Hz",
    "hours": "h",
    "joules": "J",
    "meters": "m",
    "microseconds": "us",
    "milliseconds": "ms",
    "minutes": "min",
    "nanoseconds": "ns",
    "percent": "%",
    "seconds": "s",
    "volts": "V",
    "watts": "W",
}
"""Words that Prometheus puts behind names, and the units that they stand for."""


def name_like(text: object) -> str:
    """Return a name like a text that is none: ``ordersPlaced`` gives ``orders_placed``."""
    if not isinstance(text, str):
        return ""
    parts: list[str] = []
    for number, letter in enumerate(text[:150]):
        before = text[number - 1 : number] if number else ""
        after = text[number + 1 : number + 2]
        if letter.isupper() and (before.islower() or (before.isupper() and after.islower())):
            parts.append("_")
        known = letter.isascii() and (letter.isalnum() or letter == ".")
        parts.append(letter.lower() if known else "_")
    words = ["_".join(filter(None, word.split("_"))) for word in "".join(parts).split(".")]
    words = [f"n{word}" if word[:1].isdigit() else word for word in words if word]
    name = ".".join(words)
    return name if is_name(name) else ""


def better_name(metric: str, kind: str, unit: str) -> tuple[str, str] | None:
    """Return a better name for a metric, and the unit to declare; None: its name is good.

    Kind and unit are said beside the name, and each backend that wants them in it puts them there.
    """
    better = metric.removesuffix("_total") if kind == "counter" else metric
    stem, _, word = better.rpartition("_")
    meant = UNIT_WORDS.get(word)
    if stem and meant is not None and unit in {meant, ""}:
        return stem, meant
    return (better, unit) if better != metric else None


def hints(sampler: str, metrics: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each metric that could have a better name.

    Args:
        sampler: the sampler's name.
        metrics: descriptions by metric.
    """
    for metric, said in metrics.items():
        found = better_name(metric, said.kind, said.unit)
        if found is not None:
            name, unit = found
            declared = f" with the unit {unit!r}" if unit else ""
            yield (
                f"'{sampler}.{metric}': call it {name!r}{declared}; backends that want the kind "
                "and the unit in a name put them there"
            )
