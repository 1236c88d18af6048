"""Samples of known series in any order: each is looked up by what it yields, and none is named."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter

from sampler._pull.reading import MISSING
from sampler._pull.unchanged import taken
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GIVE_WAY_EVERY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sampler._pull.reading import Reading, Row
    from sampler._runtime.gil_yield import GiveWayTimer

_HIGH = 2**63
_INFINITE = float("inf")


class SampleTable:
    """Where a sample finds its row by its metric and its labels, as they are yielded.

    What it does not find may still be known: a metric's series that have other label names than
    most, and as many of them, are found by their keys alone.

    Args:
        rows: of the last pull.
    """

    __slots__ = ("_labelled", "_plain")

    def __init__(self, rows: list[Row]) -> None:
        self._plain: dict[Any, int] = {}
        """By metric: the numbers of rows without labels."""
        self._labelled: dict[tuple[Any, int], tuple[itemgetter[Any], dict[Any, int]]] = {}
        """By metric and number of labels: what takes the values from labels with the names of the
        first such row, and the numbers of rows by these values."""
        for number, row in enumerate(rows):
            labels = row.raw
            if not labels:
                self._plain[row.yielded] = number
            elif type(labels) is dict:
                place = row.yielded, len(labels)
                if place not in self._labelled:
                    self._labelled[place] = itemgetter(*labels), {}
                values_of, numbers = self._labelled[place]
                try:
                    numbers[values_of(labels)] = number
                except (KeyError, TypeError):  # other names; a value that cannot be hashed
                    continue

    def find(self, metric: Any, labels: Any) -> int:
        """Return the number of a sample's row, or -1."""
        try:
            if not labels:
                return self._plain[metric]
            if type(labels) is dict:
                values_of, numbers = self._labelled[metric, len(labels)]
                return numbers[values_of(labels)]
        except BaseException as error:  # not in the table, or an author's own __hash__
            if not is_foreign(error):
                raise
        return -1

    def read(
        self,
        samples: Iterator[Any],
        rows: list[Row],
        last: list[Any],
        values: list[Any],
        numbers: list[int],
        room: int,
        reading: Reading,
        restarted: list[int],
        turn: GiveWayTimer,
    ) -> Any:
        """Take samples for as long as each is in the table, and the first of its row.

        Args:
            samples: what the sampler yields from here on.
            rows: those of the table.
            last: their last values.
            values: gets what they have now; ``MISSING`` where there is nothing yet.
            numbers: gets the numbers of the rows as they are yielded.
            room: how many samples may be taken.
            reading: the pull.
            restarted: gets the numbers of rows that have started over.
            turn: gives way to other threads.

        Returns:
            The first sample that is another, or ``MISSING``.
        """
        plain, labelled = self._plain, self._labelled
        expected = numbers[-1] + 1 if numbers else 0
        same, size = MISSING, 0
        values_of: itemgetter[Any] = itemgetter("")
        by_values: dict[Any, int] = {}
        for first in range(0, room, GIVE_WAY_EVERY):
            turn.give_way_if_due()
            item = MISSING
            for item in islice(samples, min(GIVE_WAY_EVERY, room - first)):
                if type(item) is not tuple:
                    return item
                try:
                    if len(item) == 3:
                        metric, value, labels = item
                        if type(labels) is dict:
                            if metric is not same or len(labels) != size:
                                same, size = metric, len(labels)
                                values_of, by_values = labelled[metric, size]
                            number = by_values[values_of(labels)]
                        elif labels is None:
                            number = plain[metric]
                        else:
                            return item
                    elif len(item) == 2:
                        metric, value = item
                        number = plain[metric]
                    else:
                        return item
                except BaseException as error:  # not in the table, or an author's own __hash__
                    if not is_foreign(error):
                        raise
                    return item
                if values[number] is not MISSING:
                    return item
                if number != expected:
                    reading.moved += 1
                expected = number + 1
                numbers.append(number)
                if value is not (before := last[number]):
                    row, kind = rows[number], type(value)
                    if (
                        row.metric.histogram
                        or not (
                            (kind is int and 0 <= value < _HIGH)
                            or (kind is float and 0.0 <= value < _INFINITE)
                        )
                        or (row.cumulative and (before is MISSING or value < before))
                    ):
                        turn.give_way_if_due()
                        value = taken(value, before, row, number, reading, restarted)
                values[number] = value
            if item is MISSING:
                break
        return MISSING
