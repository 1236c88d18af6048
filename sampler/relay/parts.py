"""One process' part of one table: its last values, and where they lead.

Columns instead of rows: what has not changed costs one comparison, and what has, one subtraction.
"""

from __future__ import annotations

from operator import itemgetter, sub
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol

from sampler._contract.histogram import HistogramValue
from sampler.relay.histograms import cells_between, cells_of, grown
from sampler.relay.messages import BadMessage, Histogram
from sampler.relay.places import SharedPlace
from sampler.relay.values import base_value, histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sampler._contract.snapshot import Value
    from sampler.relay.messages import Row
    from sampler.relay.places import Place

APART, SHARED = "apart", "shared"
"""How gauges combine that are not merged: each process has its own, or one speaks for all."""
_NUMBERS = frozenset({int, float, NoneType})


class Column:
    """The series of a table that are handled alike.

    Attributes:
        places: where their values lead.
        last: their last values; None where there has been none.
    """

    __slots__ = ("last", "numbers", "pick", "places", "starts")

    def __init__(
        self, indices: Sequence[int], rows: Sequence[Row], places: Sequence[Place]
    ) -> None:
        self.pick: Callable[[list[Any]], tuple[Any, ...]] = _picker(indices)
        self.numbers: tuple[int, ...] = tuple(rows[i].number for i in indices)
        self.starts: tuple[float | None, ...] = tuple(rows[i].start for i in indices)
        self.places: tuple[Any, ...] = tuple(places[i] for i in indices)
        self.last: Sequence[Any] = (None,) * len(indices)


class HistogramColumn:
    """The histograms of a table: each with its shape, and what it said last.

    What has been decoded is kept as it is: most of it is compared once, and forgotten.
    """

    def __init__(self, column: Column, known: Mapping[int, Any]) -> None:
        self.pick: Callable[[list[Any]], tuple[Any, ...]] = column.pick
        self.numbers: tuple[int, ...] = column.numbers
        self.places: tuple[Any, ...] = column.places
        values: list[HistogramValue | None] = [known[number] for number in self.numbers]
        self._shapes: list[HistogramValue | None] = values
        self._last = [
            None if v is None else Histogram(0, v.count, v.sum, v.counts) for v in values
        ]

    def read(self) -> Iterator[HistogramValue | None]:
        """Yield the last values."""
        for value, shape in zip(self._last, self._shapes, strict=True):
            yield None if value is None or shape is None else histogram(value, shape)

    def take(self, values: Sequence[Any], shapes: Sequence[HistogramValue]) -> None:
        """Take the values of one pull.

        Raises:
            BadMessage: something is no histogram, or none of these shapes; what is before it has
                been taken.
        """
        for index, value in enumerate(values):
            if value is None:
                continue
            if type(value) is not Histogram or value.shape >= len(shapes):
                raise BadMessage("VALUES: not a histogram, or one without a shape")
            last, before, shape = self._last[index], self._shapes[index], shapes[value.shape]
            if last is None or before is None or shape.bounds is not before.bounds:
                self._take_new(index, value, shape)
            elif (value.counts, value.count, value.sum) == (last.counts, last.count, last.sum):
                continue
            elif len(value.counts) == len(last.counts) and (
                cells := cells_between(value.counts, last.counts, value.count - last.count)
            ):
                total = self.places[index].histogram
                total.add(shape.bounds, cells, value.count - last.count, _less(value, last))
                self._last[index] = value
            else:
                self._take_new(index, value, shape)

    def _take_new(self, index: int, value: Histogram, shape: HistogramValue) -> None:
        """Take a value that is the first, has other bounds than the last, or begins anew."""
        more = new = histogram(value, shape)
        last, before = self._last[index], self._shapes[index]
        if last is not None and before is not None:
            more = grown(new, histogram(last, before))
        total = self.places[index].histogram
        total.know(shape)
        if more.count or more.sum:
            total.add(more.bounds, cells_of(more.counts), more.count, more.sum)
        self._last[index], self._shapes[index] = value, shape


def _less(value: Histogram, last: Histogram) -> float | None:
    """Return by how much a sum has grown, if both are known."""
    return None if value.sum is None or last.sum is None else value.sum - last.sum


class Owner(Protocol):
    """The process of a part."""

    claims: bool


class Part:
    """What one process says of the series of one table.

    Args:
        owner: the process.
        rows: the table.
        places: where each of its series leads.
        known: by number, the last values of series that go on.

    Attributes:
        places: as given.
        gauges: their columns, by how they combine: a ``merge``, :data:`APART` or :data:`SHARED`.
    """

    def __init__(
        self,
        owner: Owner,
        rows: Sequence[Row],
        places: Sequence[Place],
        known: Mapping[int, Value | None],
    ) -> None:
        self.places = places
        self._owner = owner
        kinds: dict[str, list[int]] = {}
        for index, (row, place) in enumerate(zip(rows, places, strict=True)):
            kinds.setdefault(_kind(row, place), []).append(index)
        columns = {kind: Column(indices, rows, places) for kind, indices in kinds.items()}
        self._size = len(rows)
        none = Column((), (), ())
        self._counters = columns.pop("counter", none)
        histograms = columns.pop("histogram", none)
        self._shared = columns.pop("total", none)
        self.gauges: dict[str, Column] = columns
        begun = {row.number: base_value(row) for row in rows if row.kind != "gauge"}
        begun.update((number, known[number]) for number in begun.keys() & known.keys())
        for row, place in zip(rows, places, strict=True) if owner.claims else ():
            base = begun.get(row.number)
            new = row.stands and row.number not in known
            if new and base is not None and isinstance(place, SharedPlace):
                place.claim(owner, row.start, base)
        self._counters.last = tuple(begun[number] or 0 for number in self._counters.numbers)
        self._shared.last = tuple(begun[number] for number in self._shared.numbers)
        self._histograms = HistogramColumn(histograms, begun)

    def lasts(self) -> Iterator[tuple[int, Value | None]]:
        """Yield the number and the last value of each cumulative series."""
        for column in (self._counters, self._shared):
            yield from zip(column.numbers, column.last, strict=True)
        yield from zip(self._histograms.numbers, self._histograms.read(), strict=True)

    def histograms(self) -> Iterator[tuple[Place, HistogramValue]]:
        """Yield each histogram's place, and its last value if there is one."""
        shared = zip(self._shared.places, self._shared.last, strict=True)
        own = zip(self._histograms.places, self._histograms.read(), strict=True)
        for place, last in (*shared, *own):
            if isinstance(last, HistogramValue):
                yield place, last

    def spoken(self) -> Iterator[int]:
        """Yield the numbers of the cumulative series with which this process speaks for all."""
        column = self._shared
        for number, place in zip(column.numbers, column.places, strict=True):
            if place.elected(self._owner):
                yield number

    def take(self, values: list[Any], shapes: Sequence[HistogramValue]) -> int:
        """Take the values of one pull, and return how many there are.

        Args:
            values: one for each series, None where there is none.
            shapes: those of histograms, as values without observations.

        Raises:
            BadMessage: they do not fit the table.
        """
        if len(values) != self._size:
            raise BadMessage(f"VALUES: {len(values)} values for {self._size} series")
        gauges = [(column, column.pick(values)) for column in self.gauges.values()]
        counters = self._counters.pick(values)
        for row in (counters, *(row for _, row in gauges)):
            if not _NUMBERS.issuperset(map(type, row)):
                raise BadMessage("VALUES: a histogram for a series that is none")
        histograms = self._histograms.pick(values)
        shared = _shared(self._shared, values, shapes)
        self._count(counters)
        for column, row in gauges:
            column.last = row
        self._histograms.take(histograms, shapes)
        self._report(shared)
        return len(values) - values.count(None)

    def _count(self, new: tuple[Any, ...]) -> None:
        column = self._counters
        old = column.last
        if new == old or not new:
            return
        try:
            increments = list(map(sub, new, old))
        except TypeError:  # what could not be read stands as it was
            new = tuple(o if n is None else n for n, o in zip(new, old, strict=True))
            increments = list(map(sub, new, old))
        if min(increments) < 0:
            if min(new) < 0:
                raise BadMessage("VALUES: a counter below 0")
            pairs = zip(new, increments, strict=True)
            increments = [value if fell < 0 else fell for value, fell in pairs]
        column.last = new
        for place, increment in zip(column.places, increments, strict=True):
            if increment:
                place.total += increment

    def _report(self, new: Sequence[Value | None]) -> None:
        column = self._shared
        reports = zip(column.places, column.starts, new, column.last, strict=True)
        for place, start, value, old in reports:
            if value is not None and place.elected(self._owner):
                place.report(self._owner, start, value, old)
        pairs = zip(new, column.last, strict=True)
        column.last = tuple(old if value is None else value for value, old in pairs)


def _kind(row: Row, place: Place) -> str:
    shared = isinstance(place, SharedPlace)
    if row.kind != "gauge":
        return "total" if shared else row.kind
    return SHARED if shared else row.merge or APART


def _picker(indices: Sequence[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return a function that takes the items at these indices out of a list."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple(values[i] for i in indices)


def _shared(
    column: Column, values: list[Any], shapes: Sequence[HistogramValue]
) -> list[Value | None]:
    taken: list[Value | None] = []
    for place, value in zip(column.places, column.pick(values), strict=True):
        is_histogram = isinstance(value, Histogram)
        if value is None:
            taken.append(None)
        elif is_histogram is not place.series.metric.histogram:
            raise BadMessage(f"VALUES: not a value of a {place.series.kind}")
        elif is_histogram and value.shape < len(shapes):
            taken.append(histogram(value, shapes[value.shape]))
        elif not is_histogram and value >= 0:
            taken.append(value)
        else:
            raise BadMessage("VALUES: a counter below 0, or a histogram without a shape")
    return taken
