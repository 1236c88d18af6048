"""What a cell of the table says: what was counted, what arrived of it, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Totals: TypeAlias = "dict[tuple[str, str], float]"


@attrs.define
class Cell:
    """One event of one row.

    Attributes:
        counted: pieces of work that were done, as their client knows it.
        unsure: pieces that the client does not know to be done, and the program may have counted.
        losable: how many of those counted the event may cost.
        arrived: what arrived of them, by source and place.
        workers: how many processes worked, how many were to, and how many reported.
        faults: what is wrong.
        lost: what an event cost, as it may.
        status: how the program ended, and after how many seconds.
        reason: why the event does not apply.
    """

    counted: int = 0
    unsure: int = 0
    losable: int = 0
    arrived: Totals = attrs.field(factory=dict)
    workers: str = ""
    faults: list[str] = attrs.field(factory=list)
    lost: str = ""
    status: str = ""
    took: float = 0.0
    reason: str = ""

    @property
    def verdict(self) -> str:
        """One word: ``ok``, ``lost`` what it may, ``red``, or ``none`` for no such event."""
        if self.reason:
            return "none"
        return "red" if self.faults else "lost" if self.lost else "ok"


def bounds(cell: Cell, before: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the least and the most that may have arrived since the beginning of a life.

    Args:
        cell: what was counted since the last cell.
        before: what had arrived by then.
    """
    least, most = cell.counted - cell.losable, cell.counted + cell.unsure
    return {at: (total + least, total + most) for at, total in before.items()}


def judge(cell: Cell, before: Totals, after: Totals, places: Iterable[tuple[str, str]]) -> None:
    """Fill in what arrived, and what is wrong with it.

    Args:
        cell: what was counted.
        before: what had arrived before, by source and place.
        after: what has arrived now.
        places: where it has to.
    """
    lost = 0.0
    for at in places:
        source, place = at
        if at not in after:
            cell.faults.append(f"{source}: nothing in {place}")
            continue
        got = cell.arrived[at] = after[at] - before.get(at, 0.0)
        if not cell.counted - cell.losable <= got <= cell.counted + cell.unsure:
            cell.faults.append(f"{source}: {got:g} of {cell.counted} in {place}")
        elif got < cell.counted:
            lost = max(lost, cell.counted - got)
    if lost:
        cell.lost = f"{lost:g} lost of {cell.losable} that may be"
