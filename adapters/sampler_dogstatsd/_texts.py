"""Lines of DogStatsD: a metric, its number and its type, and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.dotted_paths import Alphabet
from sampler.adapterkit.identity_labels import beside_own
from sampler.adapterkit.render_cache import Unencodable
from sampler.agent import HistogramValue, difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Series

RESERVED = frozenset({"device", "host", "source"})
"""Tags that say to Datadog where a metric is from."""
SUMS, DISTRIBUTIONS = "sums", "distributions"
PARTS = ".count", ".sum"
_VALUES = Alphabet("_-./:")
_LONGEST_TAG = 200
_LONGEST_NAME = 200
_LONGEST_KEY = 100


@attrs.frozen
class Named:
    """How a series is called.

    Attributes:
        name: of the metric.
        tags: with ``|#`` before them, or nothing.
    """

    name: str
    tags: str

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What no other series may have: Datadog reads tags as if they had no capitals."""
        tags = self.tags.lower()
        return tuple((self.name + suffix, tags) for suffix in ("", *PARTS))


def named(series: Series, common: Mapping[str, str]) -> Named:
    """Return how a series is called.

    Raises:
        Unencodable: ``too_long``, of its name or a label's; ``collision``, of two labels.
    """
    own, name = series.labels, series.name
    labels = beside_own(common, own, tag_name)
    if (
        len(name) + len(PARTS[0]) > _LONGEST_NAME
        or max(map(len, labels), default=0) > _LONGEST_KEY
    ):
        raise Unencodable("too_long")
    tags = [f"{key}:{tag_value(key, text)}" for key, text in sorted(labels.items())]
    return Named(name, f"|#{','.join(tags)}" if tags else "")


def tag_name(label: str) -> str:
    """Return the name of a tag."""
    return f"{label}_" if label in RESERVED else label


def tag_value(key: str, text: str) -> str:
    """Return the value of a tag; what a line cannot have becomes a stem and a mark."""
    return _VALUES.write(text, _LONGEST_TAG - len(key) - 1)


def lines(
    name: Named, series: Series, value: Any, before: Any, *, distributions: bool
) -> Iterator[str]:
    """Yield the lines of an entry, without line ends; none for what has not changed."""
    if not isinstance(value, HistogramValue):
        if not series.cumulative:
            yield f"{name.name}:{value!r}|g{name.tags}"
        elif change := value - (before or 0):
            yield f"{name.name}:{change!r}|c{name.tags}"
        return
    recent = difference(value, before) if isinstance(before, HistogramValue) else value
    if distributions:
        for number, count in observations(recent):
            yield f"{name.name}:{number!r}|d{_rate(count)}{name.tags}"
        return
    if recent.count:
        yield f"{name.name}{PARTS[0]}:{recent.count}|c{name.tags}"
    if recent.sum:
        yield f"{name.name}{PARTS[1]}:{recent.sum!r}|c{name.tags}"


def observations(value: HistogramValue) -> Iterator[tuple[float, int]]:
    """Yield a number for each bucket that is not empty, and how many were observed there.

    The number is the middle of the bucket; the bound, where only one is known.
    """
    lower, below = None, 0
    for upper, at in zip(value.bounds, value.counts, strict=True):
        if at > below:
            yield (upper if lower is None else lower / 2 + upper / 2), at - below
        lower, below = upper, at
    if value.count > below:
        mean = value.sum / value.count if value.sum is not None else 0.0
        yield (mean if lower is None else lower), value.count - below


def _rate(count: int) -> str:
    """Return the sample rate at which one observation stands for so many, without an exponent."""
    return "" if count == 1 else f"|@{1 / count:.20f}"
