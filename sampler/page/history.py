"""An hour of every series, in memory: one ``array('d')`` a pull."""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from sampler.adapterkit.threads import Lock
from sampler.page.plan import Plan

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from sampler.agent import Series, Snapshot

SPAN = 3600.0
"""Seconds that are kept."""
MAX_PULLS = 3600
"""Pulls that are kept, at most."""
MAX_SERIES = 5000
"""Series that are kept; those beyond are counted."""
SPARE = 500
"""Series that have gone, beside as many as there are, whose numbers are remembered."""
MAX_BYTES = 64 * 2**20
"""Bytes that all of it may take."""


class Row:
    """One pull.

    Args:
        time: epoch seconds at which it began.
        plans: of its blocks.
        reads: for each of them, epoch seconds of its read.
        numbers: for each of them, a number for each column.
    """

    __slots__ = ("numbers", "plans", "reads", "time")

    def __init__(
        self,
        time: float,
        plans: tuple[Plan, ...],
        reads: tuple[float, ...],
        numbers: tuple[array[float], ...],
    ) -> None:
        self.time: float = time
        self.plans: tuple[Plan, ...] = plans
        self.reads: tuple[float, ...] = reads
        self.numbers: tuple[array[float], ...] = numbers

    @property
    def size(self) -> int:
        """Bytes of its numbers, and of the plans that churn would make for each row."""
        return sum(2 * each.itemsize * len(each) for each in self.numbers)


class History:
    """What was pulled within the last hour. Safe to use from any thread.

    Attributes:
        catalogue: rises with each change of the series.
        omitted: series of the last pull that are not kept.
    """

    def __init__(self) -> None:
        self.catalogue: int = 0
        self.omitted: int = 0
        self._lock = Lock()
        self._rows: deque[Row] = deque()
        self._size = 0
        self._plans: tuple[Plan, ...] = ()
        self._whole: tuple[tuple[Series, ...], ...] = ()
        self._samplers: list[str] = []
        self._index: Mapping[int, tuple[Series, str]] = {}
        self._ids: dict[str, int] = {}
        self._next = 1

    def record(self, snapshot: Snapshot) -> None:
        """Keep a snapshot's numbers; called by one thread at a time."""
        blocks = snapshot.blocks
        if len(blocks) != len(self._whole) or any(
            block.series is not series for block, series in zip(blocks, self._whole, strict=True)
        ):
            self._lay_out(snapshot)
        numbers = tuple(plan.row(block) for plan, block in zip(self._plans, blocks, strict=True))
        reads = tuple(block.time for block in blocks)
        row = Row(snapshot.time, self._plans, reads, numbers)
        with self._lock:
            self._rows.append(row)
            self._size += row.size
            while self._too_much(row.time):
                self._size -= self._rows.popleft().size

    def rows(self, points: int | None = None, seconds: float | None = None) -> list[Row]:
        """Return the newest pulls, the oldest of them first.

        Args:
            points: how many, at most.
            seconds: how old the first of them may be, counted from the last one.
        """
        with self._lock:
            rows = list(self._rows)
        if points is not None:
            rows = rows[-points:]
        if seconds is not None and rows:
            since = rows[-1].time - seconds
            rows = [row for row in rows if row.time >= since]
        return rows

    @property
    def index(self) -> Mapping[int, tuple[Series, str]]:
        """The series that are kept now, each with its sampler, by their numbers."""
        return self._index

    def _too_much(self, now: float) -> bool:
        rows = self._rows
        return len(rows) > 1 and (
            len(rows) > MAX_PULLS or now - rows[0].time > SPAN or self._size > MAX_BYTES
        )

    def _lay_out(self, snapshot: Snapshot) -> None:
        by_series = {id(plan.series): plan for plan in self._plans}
        by_sampler = dict(zip(self._samplers, self._plans, strict=True))
        room, plans = MAX_SERIES, []
        for block in snapshot.blocks:
            plan = by_series.get(id(block.series))
            if plan is None or plan.kept > room or (plan.kept < len(block.series)):
                before = by_sampler.get(block.sampler)
                plan = self._plan(block.series, room, before, snapshot.start)
            plans.append(plan)
            room -= plan.kept
        self._plans = tuple(plans)
        self._samplers = [block.sampler for block in snapshot.blocks]
        self._whole = tuple(block.series for block in snapshot.blocks)
        self.omitted = sum(len(plan.series) - plan.kept for plan in plans)
        self._forget()
        self._index = {
            number: (each, block.sampler)
            for plan, block in zip(plans, snapshot.blocks, strict=True)
            for number, each in zip(plan.numbers, plan.series, strict=False)
        }
        self.catalogue += 1

    def _plan(
        self, series: tuple[Series, ...], room: int, before: Plan | None, began: float
    ) -> Plan:
        """Return where the numbers of one block are from now on.

        Args:
            series: the block's.
            room: how many of them may be kept.
            before: the same sampler's plan in the row before.
            began: epoch seconds at which the consumer began.
        """
        there = set(() if before is None else before.series)
        numbers: list[int] = []
        whole: dict[int, float] = {}
        last = self._rows[-1].time if self._rows else None
        for each in series[: max(0, room)]:
            number, new = self._number(each)
            numbers.append(number)
            if last is not None and each.cumulative and each not in there:
                since = _since(each.start, last, began, first=before is None, new=new)
                if since is not None:
                    whole[number] = since
        return Plan(series, numbers, before, whole)

    def _number(self, series: Series) -> tuple[int, bool]:
        """Return the number of a series, and whether it is the first time."""
        key = "\0".join((series.name, *chain.from_iterable(series.labels.items())))
        number = self._ids.get(key)
        if number is not None:
            return number, False
        self._ids[key] = number = self._next
        self._next += 1
        return number, True

    def _forget(self) -> None:
        """Forget the numbers of series that have gone, once they are many."""
        if len(self._ids) > SPARE + 2 * sum(plan.kept for plan in self._plans):
            there = {number for plan in self._plans for number in plan.numbers}
            self._ids = {key: number for key, number in self._ids.items() if number in there}


def _since(
    start: float | None, last: float, began: float, *, first: bool, new: bool
) -> float | None:
    """Return since when a series that was not in the row before has counted; None: nobody knows.

    Args:
        start: when it was zero, as it says.
        last: when the row before was pulled.
        began: when the consumer began.
        first: its whole sampler was not in the row before.
        new: it was in no row.
    """
    if start is None or start < began:
        return None
    if start > last or (not first and (new or start == last)):
        return last
    # It has counted before it was found. Its consumer gives the time at which it began itself, as
    # a relay does, or pulled last: of a whole sampler these say nothing. Another time is its own.
    return start if new and first and start not in (began, last) else None
