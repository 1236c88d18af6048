"""Samples of the series that the last pull had, in its order: nothing is looked up or named.

Most samples of most pulls are such ones, so this loop decides what a pull costs.
"""

from __future__ import annotations

from _operator import is_not
from itertools import compress, count

from sampler._contract.declaration import short
from sampler._contract.snapshot import ABSENT
from sampler._contract.values import RefusedSample, fell, plain_value
from sampler._pull.reading import MISSING
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GIVE_WAY_EVERY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sampler._pull.reading import Reading, Row
    from sampler._runtime.gil_yield import GiveWayTimer

_STEP = 32
"""Rows that are prepared first; where series come and go, no more than a few may be in order."""
_HIGH = 2**63
_INFINITE = float("inf")


def read_unchanged(
    samples: Iterator[Any],
    rows: list[Row],
    last: list[Any],
    start: int,
    end: int,
    reading: Reading,
    restarted: list[int],
    turn: GiveWayTimer,
) -> tuple[list[Any], Any]:
    """Take samples for as long as they are those of these rows.

    Args:
        samples: what the sampler yields from here on.
        rows: in the order in which they are expected.
        last: their last values.
        start: the first of these rows that is expected.
        end: the row behind the last one.
        reading: the pull.
        restarted: gets the places of rows that have started over.
        turn: gives way to other threads.

    Returns:
        Their values, and the first sample of another series, or ``MISSING``.
    """
    values: list[Any] = []
    until, step = start, _STEP
    while until < end:
        if until > start:
            turn.give_way_if_due()
        first, until, step = until, min(until + step, end), min(4 * step, GIVE_WAY_EVERY)
        for row, before, item in zip(rows[first:until], last[first:until], samples, strict=False):
            try:
                if type(item) is not tuple:
                    return values, item
                if len(item) == 3:
                    metric, value, labels = item
                    if labels is not row.raw and labels != row.raw:
                        return values, item
                elif len(item) == 2 and row.raw is None:
                    metric, value = item
                elif len(item) > 3:
                    metric, value, labels = item[:3]
                    if labels is not row.raw and labels != row.raw:
                        return values, item
                else:
                    return values, item
                if metric != row.yielded:
                    return values, item
            except BaseException as error:  # an author's own __eq__: read() reports it
                if not is_foreign(error):
                    raise
                return values, item
            if value is not before:  # and before is plain
                kind = type(value)
                if (
                    row.metric.histogram
                    or not (
                        (kind is int and 0 <= value < _HIGH)
                        or (kind is float and 0.0 <= value < _INFINITE)
                    )
                    or (row.cumulative and (before is MISSING or value < before))
                ):
                    turn.give_way_if_due()  # a histogram takes as long as a hundred numbers
                    place = start + len(values)
                    value = taken(value, before, row, place, reading, restarted)
            values.append(value)
    return values, MISSING


def read_values(
    values: list[Any],
    rows: list[Row],
    last: list[Any],
    reading: Reading,
    restarted: list[int],
    turn: GiveWayTimer,
) -> list[int] | None:
    """Check the values of these rows, where they differ from the last ones.

    Args:
        values: in the order of the rows; a value that is refused becomes :data:`ABSENT`, and None,
            which says that there is no sample, ``MISSING``.
        rows: those of the last pull.
        last: their last values.
        reading: the pull.
        restarted: gets the places of rows that have started over.
        turn: gives way to other threads.

    Returns:
        The places of those that have samples; None: all.
    """
    reading.taken = len(values)
    for first in range(0, len(values), GIVE_WAY_EVERY):
        now, before = values[first : first + GIVE_WAY_EVERY], last[first : first + GIVE_WAY_EVERY]
        for place in compress(count(first), map(is_not, now, before)):
            value, row = values[place], rows[place]
            if value is None:
                values[place] = MISSING
                reading.taken -= 1
                continue
            kind = type(value)
            if (
                row.metric.histogram
                or not (
                    (kind is int and 0 <= value < _HIGH)
                    or (kind is float and 0.0 <= value < _INFINITE)
                )
                or (row.cumulative and (last[place] is MISSING or value < last[place]))
            ):
                turn.give_way_if_due()
                values[place] = taken(value, last[place], row, place, reading, restarted)
        turn.give_way_if_due()
    if reading.taken == len(values):
        return None
    return [place for place, value in enumerate(values) if value is not MISSING]


def taken(
    value: Any, before: Any, row: Row, index: int, reading: Reading, restarted: list[int]
) -> Any:
    """Return a value as :func:`checked` does; one that is refused keeps its series' place."""
    try:
        return checked(value, before, row, index, reading, restarted)
    except RefusedSample as refused:
        reading.refuse(refused)
        return ABSENT


def checked(
    value: Any, before: Any, row: Row, index: int, reading: Reading, restarted: list[int]
) -> Any:
    """Return a value that differs from the last one as a plain one; note a reset."""
    try:
        value = plain_value(value, row)
    except RefusedSample:
        raise
    except BaseException as error:  # an author's own mapping
        if not is_foreign(error):
            raise
        raise RefusedSample("S-14", "shape", f"{row}: {short(error)}") from None
    if value is ABSENT:
        reading.silent += 1
    elif row.cumulative and before is not MISSING and fell(value, before):
        restarted.append(index)
    return value
