"""The series that a sampler yielded last, and where a sample finds its own among them."""

from __future__ import annotations

from sampler._pull.reading import MISSING
from sampler._pull.sample_table import SampleTable
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GIVE_WAY_EVERY, GiveWayTimer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sampler._contract.snapshot import Series
    from sampler._pull.reading import Key, Reading, Row

_AHEAD = 4
"""Where a row is sought first; further away it is looked up."""


class KnownRows:
    """The rows of one consumer's last pull of one sampler.

    Args:
        rows: in the order of the snapshot.
        constant: labels that all of them have.
        by_key: the same rows by their keys, if there is such a table.
        regular: none of them has ``merge`` or an offset, so nothing has to be looked for.

    Attributes:
        rows: likewise.
        series: the same, as the snapshot has them.
        order: numbers of rows in the order in which they were yielded last; None: that of the
            rows. Only series that come or go change the order of a snapshot.
        combining: the number of the first row of a gauge with ``merge``, or -1.
        disordered: in the last pull, or the one before, many were not where they were expected.
        offsets: whether a forked child subtracts what its parent counted.
    """

    __slots__ = (
        "_asked",
        "_by_key",
        "_calm",
        "_constant",
        "_numbers",
        "_places",
        "_table",
        "combining",
        "disordered",
        "offsets",
        "order",
        "rows",
        "series",
    )

    def __init__(
        self,
        rows: list[Row],
        constant: Mapping[str, str],
        by_key: dict[Key, Row] | None = None,
        *,
        regular: bool = False,
    ) -> None:
        self.rows = rows
        self.series: tuple[Series, ...] = tuple(rows)
        self.order: list[int] | None = None
        self._constant = constant
        combining = (i for i, row in enumerate(rows) if row.metric.merge is not None)
        self.combining: int = -1 if regular else next(combining, -1)
        self.offsets: bool = not regular and any(row.offset is not None for row in rows)
        self._places: list[int] | None = None
        self._by_key = by_key
        self._asked = False
        self._numbers: dict[Row, int] | None = None
        self._table: SampleTable | None = None
        self.disordered = self._calm = False

    def followed_by(self, reading: Reading, *, regular: bool) -> KnownRows:
        """Return the rows of the next pull, in which series came, went or restarted.

        Args:
            reading: that pull.
            regular: none of its rows has ``merge`` or an offset.
        """
        by_key = None if reading.restarted else self._by_key
        if by_key is not None:  # where series come and go all the time, it costs only those
            by_key.update(reading.additions().new)
            for row in reading.gone:
                by_key.pop(row.key(self._constant), None)
        return KnownRows(reading.rows, self._constant, by_key, regular=regular)

    def stay(self, *, disordered: bool) -> None:
        """Stay the rows for another pull: no series came or went. Keys nobody asked for can go.

        Args:
            disordered: many were not where they were expected; then there is a table of all.
        """
        if not self._asked:
            self._by_key = None
        self._asked = False
        again = disordered or (self.shuffled is not None and not self._calm)
        self._calm = not disordered  # two orders in turns look calm each second time
        if not again:
            self._table = None
        elif self._table is None:
            self._table = SampleTable(self.rows)
        self.disordered = again

    def expected(self, last: list[Any]) -> tuple[list[Row], list[Any]]:
        """Return the rows and their last values in the order in which they are expected."""
        assert self.order is not None  # noqa: S101 - the caller has looked
        return [self.rows[number] for number in self.order], [last[n] for n in self.order]

    def as_rows(
        self, values: list[Any], restarted: list[int], taken: list[int] | None
    ) -> tuple[list[Any], list[int], list[int] | None]:
        """Return by the numbers of rows what was read by their places in the expected order."""
        order = self.order or []
        numbers = [*order, *range(len(order), max(taken or (), default=0) + 1)]
        by_row: list[Any] = [MISSING] * len(order)
        for number, value in zip(order, values, strict=True):
            by_row[number] = value
        return by_row, [order[i] for i in restarted], taken and [numbers[i] for i in taken]

    def keep_order(self, order: list[int] | None) -> None:
        """Expect the rows in this order from now on."""
        if order != self.order:
            self.order, self._places = order, None

    def number(self, key: Key) -> int:
        """Return the number of the row of a series, or -1."""
        by_key = self._by_key
        if by_key is None and not self.rows:
            return -1
        self._asked = True
        if by_key is None:
            by_key, turn = {}, GiveWayTimer()
            for first in range(0, len(self.rows), GIVE_WAY_EVERY):
                part = self.rows[first : first + GIVE_WAY_EVERY]
                by_key.update((row.key(self._constant), row) for row in part)
                turn.give_way_if_due()
            self._by_key = by_key
        row = by_key.get(key)
        if row is None:
            return -1
        if self._numbers is None:
            self._numbers = dict(zip(self.rows, range(len(self.rows)), strict=True))
        return self._numbers.get(row, -1)

    def find(self, key: Key) -> int:
        """Return the place where the row of a series is expected, or -1."""
        number = self.number(key)
        return number if self.order is None else self._place(number)

    @property
    def keyed(self) -> bool:
        """True while there is a table of all keys, which new series are added to."""
        return self._by_key is not None

    def find_sample(self, metric: Any, labels: Any) -> int:
        """Return the place of a sample's row, or -1 if its key has to be made to find that."""
        if self._table is None:
            self._table = SampleTable(self.rows)
        number = self._table.find(metric, labels)
        return number if self.order is None else self._place(number)

    @property
    def shuffled(self) -> SampleTable | None:
        """The table of samples, if they come in another order each time; None: they do not."""
        return self._table if self.disordered and self.order is None else None

    @property
    def tabled(self) -> bool:
        """True if there is a table of all samples, so that finding one is cheap."""
        return self._table is not None

    def find_again(self, previous: int, metric: Any, labels: Any) -> int:
        """Return the place of a gauge with ``merge`` that this sample probably repeats, or -1.

        Args:
            previous: the place of the row that was read before.
            metric: the sample's name.
            labels: its labels.
        """
        if self.order is not None and previous >= 0:
            previous = self.order[previous]
        for number in (previous, self.combining):
            row = self.rows[number]
            if row.metric.merge is None or metric != row.yielded:
                continue
            if labels is row.raw or labels == row.raw:
                return self._place(number if number >= 0 else len(self.rows) - 1)
        return -1

    def _place(self, number: int) -> int:
        if self.order is None or number < 0:
            return number
        if self._places is None:
            self._places = [0] * len(self.order)
            for place, row in enumerate(self.order):
                self._places[row] = place
        return self._places[number]


def find_ahead(rows: list[Row], position: int, metric: Any, labels: Any) -> int:
    """Return the place of a sample's row if it is one of the next few behind a position, or -1.

    There it is if rows before it have gone, or if a new series has taken the place of one.
    """
    try:
        place = position
        for row in rows[position + 1 : position + _AHEAD]:
            place += 1
            if (row.raw is labels or row.raw == labels) and row.yielded == metric:
                return place
    except BaseException as error:  # an author's own __eq__: its key tells
        if not is_foreign(error):
            raise
    return -1


def arranged(rows: list[Row], values: list[Any], taken: list[int]) -> tuple[list[Row], list[Any]]:
    """Return rows and their values in the order in which they were yielded.

    So the next pull finds them where it looks first, however the set has changed.

    Args:
        rows: those of the last pull, and then new ones.
        values: their values; ``MISSING`` where there is none.
        taken: numbers of rows as they were yielded.
    """
    if len(taken) + values.count(MISSING) < len(values):  # a pull that was cut has more
        seen = set(taken)
        rest = (i for i, value in enumerate(values) if i not in seen and value is not MISSING)
        taken = [*taken, *rest]
    return list(map(rows.__getitem__, taken)), list(map(values.__getitem__, taken))


def completed(taken: list[int], count: int) -> list[int] | None:
    """Return the order of all rows, those that were not taken last; None: that of the rows."""
    if len(taken) < count:
        seen = set(taken)
        taken = [*taken, *(number for number in range(count) if number not in seen)]
    return None if taken == list(range(count)) else taken
