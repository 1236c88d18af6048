"""One process' part of one table: its last values, and where they lead.

Columns instead of rows: what has not changed costs one comparison, and what has, one subtraction.
"""

from __future__ import annotations

from operator import itemgetter, sub
from types import NoneType
from typing import TYPE_CHECKING, Any

from sampler._contract.histogram import HistogramValue
from sampler.relay.histograms import ZERO, grown
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
        self.pick = _picker(indices)
        self.numbers: tuple[int, ...] = tuple(rows[i].number for i in indices)
        self.starts: tuple[float | None, ...] = tuple(rows[i].start for i in indices)
        self.places: tuple[Any, ...] = tuple(places[i] for i in indices)
        self.last: Sequence[Any] = (None,) * len(indices)

    def __len__(self) -> int:
        return len(self.places)


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
        owner: object,
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
        self._histograms = columns.pop("histogram", none)
        self._shared = columns.pop("total", none)
        self.gauges: dict[str, Column] = columns
        bases = {row.number: base_value(row) for row in rows if row.kind != "gauge"}
        for column in (self._counters, self._histograms, self._shared):
            column.last = tuple(known.get(n, bases[n]) for n in column.numbers)
        self._counters.last = tuple(each or 0 for each in self._counters.last)

    def lasts(self) -> Iterator[tuple[int, Value | None]]:
        """Yield the number and the last value of each cumulative series."""
        for column in (self._counters, self._histograms, self._shared):
            yield from zip(column.numbers, column.last, strict=True)

    def histograms(self) -> Iterator[tuple[Place, HistogramValue]]:
        """Yield each histogram's place, and its last value if there is one."""
        for column in (self._histograms, self._shared):
            for place, last in zip(column.places, column.last, strict=True):
                if isinstance(last, HistogramValue):
                    yield place, last

    def take(self, values: list[Any], shapes: Sequence[HistogramValue]) -> int:
        """Take the values of one pull, and return how many there are.

        Args:
            values: one for each series, None where there is none.
            shapes: those of histograms, as values without observations.

        Raises:
            BadMessage: they do not fit the table; nothing of them has been taken.
        """
        if len(values) != self._size:
            raise BadMessage(f"VALUES: {len(values)} values for {self._size} series")
        gauges = [(column, column.pick(values)) for column in self.gauges.values()]
        counters = self._counters.pick(values)
        for row in (counters, *(row for _, row in gauges)):
            if not _NUMBERS.issuperset(map(type, row)):
                raise BadMessage("VALUES: a histogram for a series that is none")
        histograms = _histograms(self._histograms.pick(values), shapes)
        shared = _shared(self._shared, values, shapes)
        self._count(counters)
        for column, row in gauges:
            column.last = row
        self._observe(histograms)
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

    def _observe(self, new: list[HistogramValue | None]) -> None:
        column = self._histograms
        last = list(column.last)
        for index, value in enumerate(new):
            before = last[index]
            if value is None:
                continue
            total = column.places[index].histogram
            if before is None or value.bounds is not before.bounds:
                total.know(value)
            last[index] = value
            if value != before:
                total.add(grown(value, before or ZERO))
        column.last = last

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
        if place.histogram is not None:
            taken += _histograms((value,), shapes)
        elif isinstance(value, Histogram) or (value is not None and value < 0):
            raise BadMessage(f"VALUES: not a value of a {place.series.kind}")
        else:
            taken.append(value)
    return taken


def _histograms(
    new: Sequence[Any], shapes: Sequence[HistogramValue]
) -> list[HistogramValue | None]:
    taken: list[HistogramValue | None] = []
    for value in new:
        if value is None:
            taken.append(None)
        elif type(value) is not Histogram or value.shape >= len(shapes):
            raise BadMessage("VALUES: not a histogram, or one without a shape")
        else:
            taken.append(histogram(value, shapes[value.shape]))
    return taken
