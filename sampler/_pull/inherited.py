"""What a forked child inherits of its parent's counts: its own begin where these end (C-19)."""

from __future__ import annotations

from sampler._contract.snapshot import ABSENT
from sampler._contract.values import fell
from sampler._pull.reading import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from sampler._contract.snapshot import Value
    from sampler._pull.reading import Key, Row


class Counted:
    """What one sampler had counted at a moment.

    Attributes:
        values: of its counters and histograms, as read; None: zero, as it restarted since.
        whole: a series that is not among them was not there.
    """

    __slots__ = ("values", "whole")

    def __init__(self, values: Mapping[Key, Value | None], *, whole: bool) -> None:
        self.values: Mapping[Key, Value | None] = values
        self.whole: bool = whole


UNKNOWN = Counted({}, whole=False)
"""The child's first pull is its baseline."""


def counted(
    rows: Iterable[Row], values: Iterable[Any], constant: Mapping[str, str], *, whole: bool
) -> Counted:
    """Return what rows had counted when they had these values."""
    counts = {
        row.key(constant): value
        for row, value in zip(rows, values, strict=True)
        if row.cumulative and value is not ABSENT and value is not MISSING
    }
    return Counted(counts, whole=whole)


def subtracted(
    rows: Iterable[Row], at_fork: Counted, constant: Mapping[str, str], *, whole: bool
) -> Counted:
    """Return what is subtracted from rows: another consumer begins with the same.

    Args:
        rows: those of the last pull.
        at_fork: what they had counted at the fork.
        constant: labels that all of them have.
        whole: a series that is not among them was not there in the last pull.
    """
    offsets = {row.key(constant): row.offset for row in rows if row.cumulative}
    if whole:
        return Counted(offsets, whole=True)
    return Counted({**at_fork.values, **offsets}, whole=at_fork.whole)


def inherit(
    begun: Iterable[tuple[Row, Any]], fork: float, at_fork: Counted, constant: Mapping[str, str]
) -> None:
    """Let the counts of rows begin at the fork.

    Args:
        begun: rows that the child has just met, with their values.
        fork: epoch seconds.
        at_fork: what they had counted then.
        constant: labels that all of them have.
    """
    for row, value in begun:
        later = row.start is not None and row.start >= fork  # it began in the child
        if not row.cumulative or value is ABSENT or later:
            continue
        row.start = fork
        before = at_fork.values.get(row.key(constant), None if at_fork.whole else value)
        if before is not None and not fell(value, before):  # else it restarted in the child
            row.offset = before
