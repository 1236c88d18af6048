"""What a group of instruments hands to its consumers, and who has seen what was removed from it.

A group and its consumers share these objects, and neither knows the other. A removed child stays
among the others until each consumer has kept a pull that had its final value, and then one that
had not: so its series ends, and what comes later under its name is a new one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

WAITING, BACK, GONE, FOLDED = "waiting", "back", "gone", "folded"
"""What has become of a child that was removed: it waits for consumers; was recorded to and goes
on; all have seen it end; it could not wait, and its total is part of the surplus."""
_NEVER = float("inf")


class Departure:
    """A counter or histogram that was removed.

    Attributes:
        child: it.
        total: what it had counted.
        amount: the same as a number, which grows when it counts more.
        kept: the same as the instrument keeps it.
        number: it has departed in each pull with a higher one.
        state: one of the words above.
    """

    __slots__ = ("amount", "child", "kept", "number", "state", "total")

    def __init__(self, child: Any, total: Any, amount: float, kept: Any) -> None:
        self.child = child
        self.total = total
        self.amount = amount
        self.kept = kept
        self.number: float = _NEVER
        self.state: str = WAITING


class View:
    """What one consumer has seen of a group.

    Attributes:
        final: departures up to this number were in a pull that it kept.
        absent: those up to this one were missing in another, later one.
    """

    __slots__ = ("__weakref__", "absent", "final")

    def __init__(self, number: int) -> None:
        self.final: float = number
        self.absent: float = number

    def hides(self, departure: Departure) -> bool:
        """Tell whether the consumer has seen the final value, so that the series ends for it."""
        return departure.number <= self.final

    def keep(self, number: int) -> None:
        """Take over a pull that began with this number."""
        self.absent, self.final = self.final, number


class InstrumentSamples:
    """The samples of a group of instruments; their values are enough for who has its last ones.

    Args:
        roster: the group's instruments.

    Attributes:
        view: what the consumer has seen of children that were removed; None: nobody asked.
        number: of departures that are in these samples, the highest.
        final: departures whose total the consumer sees here, perhaps for the last time.
        shape: the group, and how many children each of its instruments has; equal to the last
            one while they are the same, in the same order.
    """

    __slots__ = ("_roster", "final", "number", "shape", "view")

    def __init__(self, roster: Any) -> None:
        self._roster = roster
        self.view: View | None = None
        self.number = 0
        self.final: list[Departure] = []
        self.shape: tuple[Any, ...] = ()

    @property
    def refused(self) -> dict[str, int]:
        """Reason to number of recordings that the group has refused."""
        refused: dict[str, int] = self._roster.refused()
        return refused

    def begin(self, view: View | None) -> None:
        """Begin a pull by a consumer.

        Args:
            view: that of its last pull; None: it is its first one.
        """
        self.number, self.view = self._roster.begin(view)
        self.final = self._roster.final(self.view)
        self.shape = self._roster.shape(self.view)

    def keep(self) -> None:
        """Note that the consumer has taken over what it read."""
        if self.view is not None:
            self.view.keep(self.number)
            self._roster.settle()

    def values(self) -> list[Any]:
        """Return the values alone; None stands for a child that has nothing to report.

        There are none if children have come or gone meanwhile.
        """
        values: list[Any] = self._roster.values(self.view)
        return values if self.shape[0] == self._roster.shape(self.view)[0] else []

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        samples: Iterator[tuple[Any, ...]] = self._roster.samples(self.view)
        return samples
