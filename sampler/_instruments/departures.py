"""Children that go: removed, expired, and what is recorded to them afterwards.

A recording finds its child as ever and is told nothing, so it costs nothing: each pull looks
whether a child that departed has counted since. What the application still holds when its child
is gone is looked at, too, and becomes a child again.
"""

from __future__ import annotations

import sys
import time

from sampler._contract.instrument_samples import BACK, FOLDED, GONE, Departure
from sampler._contract.values import add
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._runtime.typing_stubs import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sampler._contract.instrument_samples import View
Child = TypeVar("Child", Counter, Gauge, Histogram)
MAX_WAITING = 2_000
"""Departures of an instrument that wait for consumers; the total of another one is folded."""
MAX_FOLDED = 2_000
"""Sets of label values that were folded and are remembered."""
MAX_HELD = 2_000
"""Children that are gone and may be recorded to, as the application holds them."""
_TRIES = 100
"""To read children while others are folded."""
_NEVER = float("inf")
_NOTHING: frozenset[tuple[str, ...]] = frozenset()


class Departures(Generic[Child]):
    """What was removed from one instrument.

    Args:
        instrument: the instrument.

    Attributes:
        leaving: departures that wait for consumers, the oldest first; their children are still
            among the instrument's.
        expire: seconds after which a child that nobody records to is removed; None: never.
    """

    def __init__(self, instrument: Any, expire: float | None = None) -> None:
        self._instrument: Any = instrument
        self.leaving: dict[tuple[str, ...], Departure] = {}
        self.expire: float | None = expire
        self.folded: dict[tuple[str, ...], float] = {}
        """Label values of what was folded, until each consumer has pulled: the surplus counts what
        is recorded with them, for whoever saw their child would take a new one for the same."""
        self._ages: dict[tuple[str, ...], tuple[object, float]] = {}
        """By label values: what each child had counted, and since when."""
        self._held: list[Child] = []
        """Children that are gone and that the application holds."""
        self._folded: tuple[Any, frozenset[tuple[str, ...]]] = None, _NOTHING
        """What was folded, and the child that is being folded; both replaced in one step."""

    def count(self, view: View | None, children: int) -> int:
        """Return how many of the instrument's children a consumer sees."""
        more = self._folded[0] is not None and not self._instrument._surplus
        return children + more - (0 if view is None else sum(map(view.hides, self._waiting())))

    def read(self, view: View | None) -> list[tuple[Child, Any]]:
        """Return the children that a consumer sees, each with what it has to report."""
        instrument = self._instrument
        found: list[tuple[Child, Any]] = []
        folded = self._folded
        for _ in range(_TRIES):
            folded = self._folded
            if folded[0] is not None:
                instrument._overflow()
            hidden = set(folded[1])
            if view is not None:
                hidden |= {each.child.texts for each in self._waiting() if view.hides(each)}
            children = [c for c in list(instrument._children.values()) if c.texts not in hidden]
            children += instrument._surplus.values()
            found = [(child, child.read()) for child in children]
            if self._folded is folded:
                break
        if folded[0] is not None:
            surplus, own = found[-1]
            found[-1] = surplus, add(own, folded[0])
        return found

    def remove(self, children: Iterable[Child]) -> None:
        """Remove children; gauges go at once, as they have no totals."""
        group = self._group
        for child in children:
            if isinstance(child, Gauge):
                self._drop([child])
                child.restart()
                child._function = None
            elif child.texts not in self.leaving:
                departure = Departure(child, *_counted(child))
                self.leaving[child.texts] = departure
                departure.number = group.next_number()
        while len(self.leaving) > MAX_WAITING:
            self._fold(next(iter(self.leaving.values())))
        group.changed()

    def look(self) -> None:
        """Look who has come back, and who is too old."""
        for each in self._waiting():
            if _amount(each.child) != each.amount:
                self._take_back(each)
        if self._held:
            self._look_at_held()
        if self.expire is not None:
            self._look_at_ages(time.monotonic())

    def settle(self, number: float, pulled: float) -> None:
        """Let those go that each consumer has seen end.

        Args:
            number: all consumers have seen departures up to this one end.
            pulled: all consumers have pulled since this number.
        """
        for texts, folded in list(self.folded.items()):
            if folded <= pulled:
                self.folded.pop(texts, None)
        ended = [each for each in self._waiting() if each.number <= number]
        for each in ended:
            if _amount(each.child) != each.amount:
                self._take_back(each)
            elif self.leaving.pop(each.child.texts, None) is each:
                each.state = GONE
                self._drop([each.child])
                _clear(each)
        if ended:
            self._group.changed()

    def restart(self) -> None:
        """Forget all, as a forked child does."""
        gone = [each.child for each in self._waiting()]
        self.leaving.clear()
        self._folded = None, _NOTHING
        self.folded.clear()
        self._drop(gone)
        self._ages.clear()
        for child in self._held:
            child.restart()

    @property
    def _group(self) -> Any:
        home = self._instrument._home
        assert home is not None  # noqa: S101 - only a group makes instruments with labels
        return home.group

    def _waiting(self) -> list[Departure]:
        return list(self.leaving.values())

    def _take_back(self, departure: Departure) -> None:
        if self.leaving.pop(departure.child.texts, None) is departure:
            departure.state = BACK
            self._group.changed()

    def _fold(self, departure: Departure) -> None:
        """Make a departure's total part of the surplus: it cannot wait any longer."""
        child = departure.child
        if _amount(child) != departure.amount:
            self._take_back(departure)
        elif self.leaving.pop(child.texts, None) is departure:
            departure.state = FOLDED
            self.folded[child.texts] = _NEVER
            before = self._folded[0]
            total = departure.total if before is None else add(before, departure.total)
            self._folded = total, frozenset((child.texts,))
            self._drop([child])
            self._folded = total, _NOTHING
            self.folded[child.texts] = self._group.next_number()
            if len(self.folded) > MAX_FOLDED:
                self.folded.pop(next(iter(self.folded)), None)
            _clear(departure)

    def _drop(self, children: list[Child]) -> None:
        """Take children out of the instrument; who is held elsewhere may still record to them."""
        instrument = self._instrument
        known, by_text = instrument._children, instrument._by_text
        gone = set()
        for child in children:
            if known.get(child.texts) is child:
                del known[child.texts]
            if by_text.get(child.texts[0]) is child:
                by_text.pop(child.texts[0], None)
            self._ages.pop(child.texts, None)
            gone.add(id(child))
        by_values = instrument._by_values
        for values in [v for v, child in list(by_values.items()) if id(child) in gone]:
            by_values.pop(values, None)
        self._held += children[: MAX_HELD - len(self._held)]

    def _look_at_held(self) -> None:
        """Make children again of those that were recorded to; forget those nobody holds."""
        instrument, kept = self._instrument, []
        held, self._held = self._held, []
        while held:
            child = held.pop()
            if child.read() is None or not _amount(child):
                if _count(child) > _REFERENCES:
                    kept.append(child)
                continue
            if child.texts in self.folded:
                known = instrument._overflow()
            else:
                known = instrument._children.setdefault(child.texts, child)
            if known is not child:  # another one has its labels
                _pour(child, known)
                kept.append(child)
            self._group.changed()
        self._held += kept

    def _look_at_ages(self, now: float) -> None:
        assert self.expire is not None  # noqa: S101 - the caller has looked
        old = []
        for child in list(self._instrument._children.values()):
            amount = _amount(child)
            before = self._ages.get(child.texts)
            if before is None or before[0] != amount:
                self._ages[child.texts] = amount, now
            elif now - before[1] >= self.expire and child.texts not in self.leaving:
                lives = isinstance(child, Gauge) and child._function is not None
                old += [] if lives else [child]
        if old:
            self.remove(old)


_count = getattr(sys, "getrefcount", lambda _: sys.maxsize)  # PyPy has none: somebody may hold it
_REFERENCES = 2
"""To a child that nobody else holds: a local variable, and the argument of a call."""


def _amount(child: Any) -> Any:
    """Return what changes when a child is recorded to."""
    if isinstance(child, Histogram):
        return sum(child._counts.values())
    if isinstance(child, Gauge):
        touched = getattr(child, "_touched", None)
        return touched if touched is not None else child._value is not None
    return child._value


def _counted(child: Any) -> tuple[Any, float, Any]:
    """Return what a child has counted: as it is reported, as a number, and as it is kept."""
    if not isinstance(child, Histogram):
        total = child.read()
        return total, total, total
    kept, total = child._kept(), child.read()
    for _ in range(_TRIES):
        if kept[1] == child._kept()[1]:
            break
        kept, total = child._kept(), child.read()
    return total, sum(kept[0].values()), kept


def _clear(departure: Departure) -> None:
    """Set a child that is gone to zero, but for what was counted in the last moment."""
    child, kept = departure.child, departure.kept
    if isinstance(child, Counter):
        value, child._value = child._value, 0
        child._value += value - kept
    else:
        child._forget(*kept)


def _pour(child: Any, known: Any) -> None:
    """Record to one child what another one has recorded."""
    if isinstance(child, Counter):
        value, child._value = child._value, 0
        known.inc(value)
    elif isinstance(child, Histogram):
        known._absorb(child)
    else:
        known.set(child.read())
        child.restart()
