"""What cumulative series have counted, divided between two ways to one endpoint.

Each increment goes one way. While a snapshot goes the first way, what the second one has got
stands still, and is no part of what the first one gets; and the other way round. So both add up to
what was counted, whichever way is taken, and however often that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler._contract.snapshot import ABSENT, Block, Series, Snapshot, with_blocks
from sampler._contract.values import add, fell, subtract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler._contract.snapshot import Absent, Value

_SHARED = ("server", "host")
"""Scopes of which one process speaks for all: who elects it is at the end of the first way."""


class Portion(Snapshot):
    """What goes the first way; ``turn`` is another one each time that the way has changed."""

    __slots__ = ("turn",)

    def __init__(self, blocks: tuple[Block, ...], of: Snapshot, turn: int) -> None:
        super().__init__(
            blocks, of.time, of.start, of.identity, of.failures, of.interval, of.labels
        )
        self.turn: int = turn


@attrs.define(eq=False)
class _Divided:
    """One series.

    Attributes:
        first: what the first way has got when the present way was taken.
        second: what the second one had got then.
        at: the value of the series then.
        last: its value when it went the second way last.
        series: stands for it on the second way.
        turn: when it took that way.
    """

    first: Any
    second: Any
    at: Any
    last: Any
    series: Series
    turn: int

    def now(self, value: Value, *, second: bool) -> Value:
        """Return what a way has got that is taken now."""
        # Never as value - what the other has got: rounded, that may fall.
        return add(self.second if second else self.first, subtract(value, self.at))


class Split:
    """Divides the snapshots of one Collector, for one thread.

    Attributes:
        second: whether snapshots go the second way.
        turn: how often the way has changed.
    """

    def __init__(self) -> None:
        self.second: bool = False
        self.turn: int = 0
        self._divided: dict[Series, _Divided] = {}
        self._handed: Mapping[Series, Value] = {}
        self._since: Mapping[Series, Value] = {}
        self._shapes: dict[int, tuple[tuple[Series, ...], list[int], tuple[Series, ...]]] = {}
        self._inherited: dict[tuple[object, ...], _Divided] = {}

    def take_second(self, handed: Mapping[Series, Value], since: Mapping[Series, Value]) -> None:
        """Send the snapshots to come the second way.

        Args:
            handed: what the first way's endpoint may have been told, by series.
            since: what it has confirmed, or where its differences start; absent: at zero.
        """
        self.second = True
        self.turn += 1
        self._handed, self._since = handed, since

    def take_first(self) -> None:
        """Send the snapshots to come the first way."""
        self.second = False
        for each in self._divided.values():
            if each.turn == self.turn:  # else it could not be read since
                each.second, each.at = each.now(each.last, second=True), each.last
        self.turn += 1
        self._handed = self._since = {}

    def first_part(self, snapshot: Snapshot) -> Snapshot:
        """Return what goes the first way: all that has not gone the second."""
        if not self.turn and not self._inherited:
            return snapshot
        if len(self._divided) > sum(len(block.series) for block in snapshot.blocks):
            here = {series for block in snapshot.blocks for series in block.series}
            self._divided = {s: each for s, each in self._divided.items() if s in here}
        blocks = tuple(
            Block(each.sampler, each.series, list(self._first(each, snapshot)), each.time)
            for each in snapshot.blocks
        )
        return Portion(blocks, snapshot, self.turn)

    def second_part(self, snapshot: Snapshot, identity: Mapping[str, str]) -> Snapshot:
        """Return what goes the second way: what was counted since it was taken, each time."""
        before, self._shapes = self._shapes, {}
        blocks = tuple(self._second(each, before) for each in snapshot.blocks)
        return with_blocks(snapshot, tuple(each for each in blocks if each.series), identity)

    def inherit(self, before: Split) -> None:
        """Go on where the split of another Collector ended, whose series have the same names."""
        if before.second:
            before.take_first()
        self.turn = before.turn
        divided = {_key(series): each for series, each in before._divided.items()}
        self._inherited = {**before._inherited, **divided}

    def _first(self, block: Block, snapshot: Snapshot) -> Iterator[Value | Absent]:
        value: Any
        for series, value in zip(block.series, block.values, strict=True):
            known = None
            if series.cumulative and value is not ABSENT:
                known = self._known(series, value)
                if self.second and series.metric.scope not in _SHARED:
                    known = self._turned(known, series, value, snapshot)
            if known is None:
                yield value
            else:
                yield known.first if self.second else known.now(value, second=False)

    def _second(self, block: Block, before: Mapping[int, Any]) -> Block:
        key = id(block.series)
        shape = before.get(key)
        if shape is None:
            kept = [
                index
                for index, series in enumerate(block.series)
                if series.metric.scope not in _SHARED
            ]
            shape = block.series, kept, ()
        values: list[Value | Absent] = []
        made: list[Series] = []
        for index in shape[1]:
            series, value = block.series[index], block.values[index]
            known = self._divided.get(series)
            if known is not None and value is not ABSENT:
                known.last = value
                value = known.now(value, second=True)  # type: ignore[arg-type]
            elif known is None and series.cumulative:
                value = ABSENT  # it has had no value yet
            values.append(value)
            made.append(series if known is None else known.series)
        if tuple(made) != shape[2]:
            shape = shape[0], shape[1], tuple(made)
        self._shapes[key] = shape
        return Block(block.sampler, shape[2], values, block.time)

    def _turned(
        self, known: _Divided | None, series: Series, value: Value, snapshot: Snapshot
    ) -> _Divided:
        """Return how a series is divided from this turn on."""
        if known is not None and known.turn == self.turn:
            return known
        told: Any = self._handed.get(series, self._since.get(series))
        if known is not None:
            told = known.first if told is None else told
            at: Any = add(known.at, subtract(told, known.first))
            if not series.metric.histogram:
                at = min(at, value)  # rounded, it may lie beyond
            known.first, known.at, known.last, known.turn = told, at, at, self.turn
            return known
        none, at, start = _zero(value), told, snapshot.time
        if told is None:  # it begins now: at zero, or with a baseline (C-16)
            told, at = none, value
            if series.start is not None and series.start >= snapshot.start:
                at, start = none, series.start
        new = series.restarted(start)
        known = self._divided[series] = _Divided(told, none, at, at, new, self.turn)
        return known

    def _known(self, series: Series, value: Value) -> _Divided | None:
        """Return how a series is divided, also if it was another Collector's."""
        known = self._divided.get(series)
        if known is None and self._inherited:
            known = self._inherited.pop(_key(series), None)
            if known is not None and fell(value, known.last if self.second else known.at):
                known = None  # it has restarted meanwhile
            if known is not None:
                self._divided[series] = known
        return known


def _zero(value: Value) -> Value:
    """Return the value of a kind before anything was counted, with the shape of a histogram."""
    return subtract(value, value)


def _key(series: Series) -> tuple[object, ...]:
    return series.name, series.kind, *series.labels.items()
