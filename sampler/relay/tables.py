"""A worker's snapshots as messages: tables of series, and their values."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from sampler.agent import ABSENT, MAX_BATCH, HistogramValue
from sampler.relay.frames import frame
from sampler.relay.messages import MAX_ROWS, MAX_TEXT, Kind, encode_body, packed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sampler.agent import Block, Series, Since
    from sampler.relay.exemplars import NewExemplars

_NUMBER = 9
"""Bytes of a number, at most."""
_HISTOGRAM = 1_100 * 2 * _NUMBER
"""Bytes of a histogram with its bounds, at most."""
_numbers = count(1)
"""No two series of this interpreter have one number, whichever adapter sends them."""


@attrs.frozen(eq=False)
class Slice:
    """Series of one block whose values always fit into one message.

    Attributes:
        sampler: the block's sampler.
        series: the block's series.
        first: the first of these.
        last: the one after the last.
        histograms: which are histograms, counted from the first.
        exemplified: which may have exemplars, likewise.
    """

    sampler: str
    series: tuple[Series, ...]
    first: int
    last: int
    histograms: tuple[int, ...]
    exemplified: tuple[int, ...]

    def values(self, block: Block, place: int, new: NewExemplars) -> tuple[bytes, int]:
        """Return the message with a block's values and new exemplars; and how many values."""
        values: list[Any] = block.values[self.first : self.last]
        shapes: dict[object, int] = {}
        shape, bounds, scale, zero = 0, None, None, None
        for index in self.histograms:
            value = values[index]
            if value is ABSENT:
                continue
            # Those of one metric mostly have one shape.
            if value.bounds is not bounds or value.scale != scale or value.zero_threshold != zero:
                bounds, scale, zero = value.bounds, value.scale, value.zero_threshold
                shape = shapes.setdefault((packed(bounds), scale, zero), len(shapes))
            values[index] = shape, value.count, value.sum, value.counts
        present = len(values)
        if len(block) < len(block.values):
            values = [None if value is ABSENT else value for value in values]
            present -= values.count(None)
        told = new.of(self.series[self.first : self.last], self.exemplified)
        more = (told,) if told else ()
        return frame(Kind.VALUES, (place, values, list(shapes), *more)), present


class Slices:
    """The slices of a consumer's blocks; the same objects as long as a block's series are."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Slice, ...]] = {}

    def of(self, blocks: Sequence[Block]) -> list[tuple[Block, Slice]]:
        """Return the slices of these blocks, in order; those of others are forgotten."""
        known = self._known
        self._known = {
            id(block.series): known.get(id(block.series)) or tuple(_cut(block))
            for block in blocks
            if block.series
        }
        return [
            (block, each) for block in blocks for each in self._known.get(id(block.series), ())
        ]


class Tables:
    """What one connection has been told.

    Args:
        numbers: of the series that were told before, on any connection of this adapter; it is
            brought up to date.
    """

    def __init__(self, numbers: dict[Series, int]) -> None:
        self._numbers = numbers
        self._layout: list[int] | None = None
        self._ids: dict[Slice, int] = {}
        self._next = count()

    def update(
        self, slices: Sequence[Slice], since: Since, stands: Collection[int] = ()
    ) -> Iterator[bytes]:
        """Yield the messages without which the relay cannot read values of these slices.

        Args:
            slices: the slices.
            since: where series begin that it does not know.
            stands: numbers of series with which this process spoke for all to another relay.
        """
        if self._ids.keys() == set(slices):
            ids = [self._ids[each] for each in slices]
            if ids == self._layout:
                return
        self._number(slices)
        before, self._ids = self._ids, {}
        for each in slices:
            table = before.get(each)
            if table is None:
                table = next(self._next)
                for part in _rows(each, self._numbers, since, stands):
                    yield frame(Kind.TABLE, (table, each.sampler, part))
            self._ids[each] = table
        self._layout = list(self._ids.values())
        yield frame(Kind.LAYOUT, (self._layout,))

    def _number(self, slices: Sequence[Slice]) -> None:
        before = self._numbers.copy()
        self._numbers.clear()
        for each in slices:
            for series in each.series[each.first : each.last]:
                self._numbers[series] = before.get(series) or next(_numbers)


def _cut(block: Block) -> Iterator[Slice]:
    first = size = 0
    histograms: list[int] = []
    exemplified: list[int] = []

    def cut(last: int) -> Slice:
        more = tuple(histograms), tuple(exemplified)
        return Slice(block.sampler, block.series, first, last, *more)

    for index, series in enumerate(block.series):
        more = _HISTOGRAM if series.kind == "histogram" else _NUMBER
        if size + more > MAX_BATCH - 2**10 or index - first == MAX_ROWS:
            yield cut(index)
            first, size, histograms, exemplified = index, 0, [], []
        if series.kind == "histogram":
            histograms.append(index - first)
        if series.exemplars is not None:
            exemplified.append(index - first)
        size += more
    yield cut(len(block.series))


def _rows(
    part: Slice, numbers: Mapping[Series, int], since: Since, stands: Collection[int]
) -> Iterator[list[msgspec.Raw]]:
    """Yield the rows of a slice, each encoded, as many at a time as a message holds."""
    rows: list[msgspec.Raw] = []
    size = 0
    for series in part.series[part.first : part.last]:
        number = numbers[series]
        row = encode_body(_row(series, number, since.get(series), number in stands))
        if rows and size + len(row) > MAX_BATCH:
            yield rows
            rows, size = [], 0
        rows.append(msgspec.Raw(row))
        size += len(row)
    yield rows


def _row(series: Series, number: int, base: Any, stands: bool) -> tuple[object, ...]:
    if isinstance(base, HistogramValue):
        shape = packed(base.bounds), base.scale, base.zero_threshold
        base = shape, (0, base.count, base.sum, base.counts)
    metric = series.metric
    exemplars = series.exemplars is not None
    return (
        number,
        metric.name,
        tuple(series.labels.items()),
        metric.kind,
        metric.unit[:MAX_TEXT],
        metric.help[:MAX_TEXT],
        metric.scope,
        metric.merge,
        series.start,
        base,
        *((stands, True) if exemplars else (True,) if stands else ()),
    )
