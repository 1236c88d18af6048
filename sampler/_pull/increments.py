"""What cumulative series grew by between the snapshots of one Collector (C-15 to C-19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.snapshot import ABSENT, Series
from sampler._contract.values import subtract
from sampler._runtime.gil_yield import GIVE_WAY_EVERY, GiveWayTimer

if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.snapshot import Block, Snapshot, Value


class Increments:
    """Takes differences, for consumers whose backend wants what came since the last time.

    For one Collector, and one thread at a time::

        increments = sampler.Increments()
        with sampler.Collector(interval=10) as consumer:
            ...
            for series, grown, value in increments.take(consumer.collect()):
                send(series, value if grown is None else grown)

    A first value counts whole if the series was zero when the consumer began or later, and is a
    baseline otherwise: then it has grown by 0. After a restart all of the new value counts.
    """

    def __init__(self) -> None:
        self._since: dict[Series, Value] = {}
        self._known: dict[int, Block] = {}

    def take(self, snapshot: Snapshot) -> list[tuple[Series, Value | None, Value]]:
        """Return each entry of a snapshot with what it grew by since the last one taken.

        Whoever takes a snapshot has its increments: keep them until they have arrived, as no later
        snapshot brings them again.

        Args:
            snapshot: of the same Collector as those before it, and later than they.

        Returns:
            ``(series, grown, value)`` for each entry: ``grown`` is a number, or for a histogram a
            :class:`~sampler.HistogramValue`; None for a gauge.
        """
        self._begin(snapshot)
        since = self._since
        entries: list[tuple[Series, Value | None, Value]] = []
        for series, value in snapshot:
            grown: Value | None = None
            if series.cumulative:
                grown = subtract(value, since[series]) if series in since else value
                since[series] = value
            entries.append((series, grown, value))
        return entries

    def _begin(self, snapshot: Snapshot) -> None:
        """Note the first value of each series whose first value is a baseline; forget the ended.

        Args:
            snapshot: what was collected, delivered or not: an outage right at the start loses no
                counts.
        """
        shapes = {id(block.series): block for block in snapshot.blocks}
        if shapes.keys() == self._known.keys():
            return
        turn, here = GiveWayTimer(), set[Series]()
        value: Any
        for block in (each for shape, each in shapes.items() if shape not in self._known):
            here.update(block.series)
            for first in range(0, len(block.series), GIVE_WAY_EVERY):
                until = first + GIVE_WAY_EVERY
                entries = zip(block.series[first:until], block.values[first:until], strict=True)
                for series, value in entries:
                    if series.cumulative and value is not ABSENT and series not in self._since:
                        self._begin_series(series, value, snapshot.start)
                turn.give_way_if_due()
        for block in (each for shape, each in self._known.items() if shape not in shapes):
            for series in block.series:
                if series not in here:
                    self._since.pop(series, None)
            turn.give_way_if_due()
        self._known = shapes  # blocks keep their tuples, and so their ids, alive
        if len(self._since) > sum(len(block.series) for block in snapshot.blocks):
            live = {series for block in snapshot.blocks for series in block.series}
            self._since = {s: value for s, value in self._since.items() if s in live}

    def _begin_series(self, series: Series, value: Value, start: float) -> None:
        """Make a first value a baseline unless its zero lies within the consumer's time (C-16)."""
        if series.start is None or series.start < start:
            self._since[series] = value
