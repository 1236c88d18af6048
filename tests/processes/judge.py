"""What a cell of the table says: what was counted, what arrived of it, and what is wrong."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Where: TypeAlias = "tuple[str, str]"
"""A source and a place."""


@attrs.define
class Cell:
    """One event of one row.

    Attributes:
        counted: pieces of work that were done, as their client knows it.
        unsure: pieces that the client does not know to be done, and the program may have counted.
        losable: how many of those counted the event may cost.
        arrived: what arrived of them.
        processes: how many worked, and how many were to.
        faults: what is wrong.
        lost: how many the event cost, as it may.
        status: how the program ended.
        took: after how many seconds.
        reason: why the event does not apply.
        apart: places that cannot add it up, as nobody merges the processes.
    """

    counted: int = 0
    unsure: int = 0
    losable: int = 0
    arrived: dict[Where, float] = attrs.field(factory=dict)
    processes: str = ""
    faults: list[str] = attrs.field(factory=list)
    lost: float = 0.0
    status: str = ""
    took: float = 0.0
    reason: str = ""
    apart: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """One word: ``ok``, ``lost`` what it may, ``red``, or ``none`` for no such event."""
        if self.reason:
            return "none"
        return "red" if self.faults else "lost" if self.lost else "ok"

    def bounds(self) -> tuple[int, int]:
        """Return the least and the most that may have arrived."""
        return self.counted - self.losable, self.counted + self.unsure


def judge(
    cell: Cell,
    before: Mapping[Where, float],
    after: Mapping[Where, float],
    places: Iterable[Where],
) -> None:
    """Fill in what arrived, and what is wrong with it.

    Args:
        cell: what was counted.
        before: what had arrived before, since the beginning of a life.
        after: what has arrived now.
        places: where it has to.
    """
    least, most = cell.bounds()
    wrong: dict[str, list[Where]] = defaultdict(list)
    for where in places:
        if where not in after:
            wrong["none"].append(where)
            continue
        got = cell.arrived[where] = after[where] - before.get(where, 0.0)
        if not least <= got <= most:
            wrong[f"{got:g} of {cell.counted}"].append(where)
        else:
            cell.lost = max(cell.lost, cell.counted - got)
    cell.faults += [f"{got}: {_together(wheres)}" for got, wheres in wrong.items()]


def _together(wheres: Iterable[Where]) -> str:
    """Name places together that the same sources are wrong at."""
    sources: dict[str, list[str]] = defaultdict(list)
    for source, place in wheres:
        sources[place].append(source)
    places: dict[str, list[str]] = defaultdict(list)
    for place, names in sources.items():
        places[", ".join(names)].append(place)
    return "; ".join(f"{names} in {', '.join(each)}" for names, each in places.items())
