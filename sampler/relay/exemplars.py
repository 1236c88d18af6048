"""Exemplars of many processes: what is new of them in a worker, and the series that keep them.

They are told as far as there is room, and once: what a relay has missed is not said again.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import msgspec

from sampler._contract.exemplar import MAX_CHARACTERS, Exemplar
from sampler._contract.names import is_name
from sampler.agent import MAX_BATCH, Series
from sampler.relay.frames import MAX_BODY
from sampler.relay.messages import BadMessage, Histogram, encode_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sampler._contract.histogram import HistogramValue
    from sampler.relay.messages import Row, ToldExemplar

_ROOM = MAX_BODY - MAX_BATCH - 2**10
"""Bytes of the exemplars of one message, whose values take at most :data:`MAX_BATCH`."""
_INFINITE = float("inf")


class NewExemplars:
    """What has not been told of the exemplars of a consumer's series."""

    def __init__(self) -> None:
        self._told: dict[Series, tuple[Exemplar, ...]] = {}
        self._now: dict[Series, tuple[Exemplar, ...]] = {}

    def of(self, series: Sequence[Series], places: Iterable[int]) -> list[msgspec.Raw]:
        """Return what is new, each encoded.

        Args:
            series: of one message.
            places: of those that may have exemplars.
        """
        new: list[msgspec.Raw] = []
        room = _ROOM
        for place in places:
            each = series[place]
            told = self._told.get(each, ())
            known: list[Exemplar] = []
            for exemplar in each.exemplars or ():
                if exemplar not in told:  # they are compared by identity
                    labels = tuple(exemplar.labels.items())
                    data = encode_body((place, exemplar.value, labels, exemplar.time))
                    if len(data) > room:
                        continue
                    room -= len(data)
                    new.append(msgspec.Raw(data))
                known.append(exemplar)
            self._now[each] = tuple(known)
        return new

    def end(self) -> None:
        """End a snapshot: series that were not in it are forgotten."""
        self._told, self._now = self._now, {}

    def forget(self) -> None:
        """Tell all of them anew, to another relay."""
        self._told = {}


class ExemplarSeries(Series):
    """A merged series with the newest exemplar of each bucket, whichever process has it."""

    __slots__ = ("_kept",)

    _kept: dict[float, Exemplar]

    @property
    def exemplars(self) -> tuple[Exemplar, ...]:
        """Single events of a counter or a histogram, by their values."""
        kept = self._kept.copy()  # another thread may keep more
        return tuple(kept[bound] for bound in sorted(kept))

    def keep(self, exemplar: Exemplar, bounds: Sequence[float]) -> None:
        """Keep an exemplar, if none that is newer is in its bucket; a counter has no bounds."""
        index = bisect_left(bounds, exemplar.value)
        bound = bounds[index] if index < len(bounds) else _INFINITE
        before = self._kept.get(bound)
        if before is None or before.time <= exemplar.time:
            self._kept[bound] = exemplar

    def restarted(self, start: float | None) -> ExemplarSeries:
        """See :meth:`Series.restarted`; it begins without exemplars."""
        new = object.__new__(ExemplarSeries)
        new.metric, new._labels, new.cumulative = self.metric, self._labels, self.cumulative
        new.start, new._kept = start, {}
        return new


def series_of(row: Row, labels: dict[str, str], start: float | None) -> Series:
    """Return a series as a row of a table declares it."""
    declared = row.kind, row.unit, row.help, row.scope, row.merge, start
    if not row.exemplars or row.kind == "gauge":
        return Series(row.name, labels, *declared)
    series = ExemplarSeries(row.name, labels, *declared)
    series._kept = {}  # noqa: SLF001 - one module
    return series


def keep(
    told: Iterable[ToldExemplar],
    series: Sequence[Series],
    values: Sequence[Any],
    shapes: Sequence[HistogramValue],
) -> None:
    """Let series keep the exemplars that a message tells with their values.

    Args:
        told: the exemplars.
        series: those of the message.
        values: theirs.
        shapes: of histograms among them.

    Raises:
        BadMessage: an exemplar breaks the contract; those before it are kept.
    """
    for each in told:
        characters = sum(len(name) + len(text) for name, text in each.labels)
        if each.place >= len(series) or characters > MAX_CHARACTERS:
            raise BadMessage("VALUES: an exemplar of no series, or of too many characters")
        if not all(is_name(name) for name, _ in each.labels):
            raise BadMessage("VALUES: an exemplar with a label that is no name")
        keeper, value = series[each.place], values[each.place]
        if isinstance(keeper, ExemplarSeries) and value is not None:
            bounds = shapes[value.shape].bounds if isinstance(value, Histogram) else ()
            keeper.keep(Exemplar(float(each.value), dict(each.labels), each.time), bounds)
