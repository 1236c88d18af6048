"""What the time series of a sampler's series begin with, as bytes; made once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from sampler.adapterkit.identity_labels import beside_own
from sampler.adapterkit.prometheus_names import (
    base_name,
    claimed_names,
    format_bound,
    label_name,
    sample_name,
)
from sampler.adapterkit.protobuf import message, tag, text, varint
from sampler.adapterkit.render_cache import Unencodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler.agent import Series

Made = TypeVar("Made")

LABELS, SAMPLES, HISTOGRAMS = 1, 2, 4
"""Fields of a time series."""
SERIES = 1
"""The field of a request."""
TIME_WIDTH = 6
"""Bytes of a time in milliseconds, from 1970 to 2109."""
_SAMPLE = 1 + 8 + 1 + TIME_WIDTH
"""Bytes of a sample."""
_BEFORE_VALUE = tag(SAMPLES, 2) + varint(_SAMPLE) + tag(1, 1)
STALE = 0x7FF0000000000002
"""The bits of the number that ends a series."""
ENDED = STALE.to_bytes(8, "little")
_LONGEST = 131_072
"""Bytes of the labels of a series, at most."""


@attrs.frozen
class Family:
    """The names that only one metric's series may use, with what those agree about."""

    names: tuple[tuple[str, str], ...]


@attrs.frozen(cache_hash=True)
class HistogramHead:
    """What the time series of one histogram begin with.

    Attributes:
        name: of the family.
        labels: of all its series, sorted.
        native: as one time series, its labels.
        written: what its series begin with that were written last.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    native: bytes = attrs.field(eq=False)
    _bounds: list[tuple[float, ...]] = attrs.field(eq=False, factory=list)
    written: list[bytes] = attrs.field(eq=False, factory=list)

    def heads(self, bounds: tuple[float, ...]) -> list[bytes]:
        """Return what the series of the sum, the count and the buckets begin with."""
        if not self._bounds or self._bounds[0] != bounds:
            self._bounds[:] = [bounds]
            uppers = [*map(format_bound, bounds), "+Inf"]
            self.written[:] = [
                self._head("_sum"),
                self._head("_count"),
                *(self._head("_bucket", ("le", upper)) for upper in uppers),
            ]
        return self.written

    def _head(self, suffix: str, *more: tuple[str, str]) -> bytes:
        return sample_head(_labels(self.name + suffix, (*self.labels, *more)))


class SeriesRenderer:
    """Renders series for one writer.

    Args:
        common: labels that every series gets.
    """

    def __init__(self, common: Mapping[str, str]) -> None:
        self._common = common

    def __call__(self, series: Series) -> bytes | HistogramHead:
        """Return what a series' sample begins with, or what those of a histogram do.

        Raises:
            Unencodable: ``collision``: two of its labels would get one name; ``too_long``.
        """
        family, pairs = self.named(series)
        written = _labels(sample_name(family, series.kind), pairs)
        if series.kind == "histogram":
            return HistogramHead(family, pairs, written)
        return sample_head(written)

    def named(self, series: Series) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the name of a series' family, and its labels; raises as a call does."""
        own = series.labels
        named = {label_name(name) for name in own}
        labels = beside_own(self._common, own, label_name)
        if len(named) < len(own) or len(labels) < len(named | self._common.keys()):
            raise Unencodable("collision")
        if sum(len(name) + 4 * len(value) for name, value in labels.items()) > _LONGEST:
            raise Unencodable("too_long")
        family = base_name(series.name, series.kind, series.unit)
        return family, tuple(sorted(labels.items()))

    def family(self, series: Series) -> Family:
        """Return the names that a series shares with those of its metric."""
        name = base_name(series.name, series.kind, series.unit)
        return Family(claimed_names(name, series.kind))


def sample_head(labels: bytes) -> bytes:
    """Return a time series of one sample up to the sample's value."""
    return tag(SERIES, 2) + varint(len(labels) + 2 + _SAMPLE) + labels + _BEFORE_VALUE


def sample_end(moment: int) -> bytes:
    """Return what follows a sample's value."""
    return tag(2, 0) + varint(moment, TIME_WIDTH)


def milliseconds(time: float) -> int:
    """Return epoch seconds as the protocol has them; what is before 1970 is then."""
    return max(0, int(time * 1000))


def ended(before: Mapping[int, list[Made]], now: Mapping[int, list[Made]]) -> Iterator[Made]:
    """Yield the series of the last snapshot that this one has not; the keys are ids of lists."""
    stay = set().union(*(made for key, made in now.items() if key not in before))
    for key, made in before.items():
        if key not in now:
            yield from (each for each in made if each not in stay)


def _labels(name: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return labels as fields, sorted."""
    labels = sorted([("__name__", name), *pairs])
    return b"".join(message(LABELS, text(1, label) + text(2, value)) for label, value in labels)
