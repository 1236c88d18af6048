"""What a destination has accounted for: the values that its next differences start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.values import fell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from sampler._contract.snapshot import Block, Series, Snapshot, Value

    Carried: TypeAlias = "dict[tuple[object, ...], Value | None]"
    """Name, kind and labels to the value handed over; None: nothing was, it counts whole."""


def step(time: float, interval: float | None) -> float:
    """Return the beginning of the interval that ``time`` falls into, in epoch seconds.

    Pulls of one interval, as the last one at stop, belong to one point of a store: the later one
    replaces it, so differences in both have to start from the same values.
    """
    width = max(interval or 1.0, 1.0)
    return time // width * width


class Accounted:
    """Cumulative series to the value already handed over. The caller holds a lock."""

    def __init__(self) -> None:
        self._since: dict[Series, Value] = {}
        self._known: dict[int, Block] = {}
        self._carried: Carried = {}

    def since(self) -> dict[Series, Value]:
        """Return a copy; a series that is not in it counts whole."""
        return dict(self._since)

    def handed_over(self, entries: Iterable[tuple[Series, Value]]) -> None:
        """Take differences from these values from now on."""
        self._since.update(entry for entry in entries if entry[0].cumulative)

    def carried(self) -> Carried:
        """Return what is accounted for, for another consumer's series of the same names."""
        series = [s for block in self._known.values() for s in block.series if s.cumulative]
        return {**self._carried, **{_key(each): self._since.get(each) for each in series}}

    def carry(self, values: Carried) -> None:
        """Start from another consumer's values instead of baselines of one's own."""
        self._since, self._known, self._carried = {}, {}, values

    def offer(self, snapshot: Snapshot) -> None:
        """Note the first value of each series that adds nothing by itself (C: Baselines).

        Done when a snapshot is offered, not when it is sent: what happens during an outage right
        at the start is owed all the same.
        """
        shapes = {id(block.series): block for block in snapshot.blocks}
        if shapes.keys() == self._known.keys():
            return
        for shape in shapes.keys() - self._known.keys():
            for series, value in shapes[shape]:
                if series.cumulative and series not in self._since:
                    self._begin(series, value, snapshot.start)
        if not snapshot.failures:
            self._carried = {}
        self._known = shapes  # blocks keep their tuples, and so their ids, alive
        live = {series for block in snapshot.blocks for series in block.series}
        self._since = {s: value for s, value in self._since.items() if s in live}

    def _begin(self, series: Series, value: Value, start: float) -> None:
        key = _key(series)
        if key in self._carried:
            before = self._carried.pop(key)
            if before is not None and not fell(value, before):  # else it has restarted meanwhile
                self._since[series] = before
        elif series.start is None or series.start < start:
            self._since[series] = value


def _key(series: Series) -> tuple[object, ...]:
    return series.name, series.kind, *series.labels.items()


class Stepped:
    """What a stamped adapter's differences start from: the last pull of an earlier interval."""

    def __init__(self) -> None:
        self._accounted = Accounted()
        self._step = 0.0
        self._last: Iterable[tuple[Series, Value]] = ()

    def carried(self) -> Carried:
        """Return what is accounted for, for another consumer's series of the same names."""
        self._accounted.handed_over(self._last)
        return self._accounted.carried()

    def carry(self, values: Carried) -> None:
        """Start from another consumer's values."""
        self._accounted.carry(values)
        self._last = ()

    def since(self, snapshot: Snapshot) -> dict[Series, Value]:
        """Return the values that a snapshot's differences start from.

        A batch that is dropped later takes its differences with it: they are in its account.
        """
        began = step(snapshot.time, snapshot.interval)
        if began != self._step:
            self._accounted.handed_over(self._last)
        self._accounted.offer(snapshot)
        self._step, self._last = began, snapshot
        return self._accounted.since()
