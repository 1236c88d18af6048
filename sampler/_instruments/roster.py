"""The instruments of a group: what its sampler yields, and what its consumers have seen.

Several :class:`Instruments` share one roster where a module is reloaded, or imported twice.
"""

from __future__ import annotations

import time
from _weakref import ref  # weakref, without all of weakref
from itertools import chain, count

from sampler._contract.declaration import Bounded
from sampler._instruments.all_groups import reduced, remember
from sampler._instruments.counter import Counter
from sampler._instruments.labelled import Labelled
from sampler._registry.comparison import is_file
from sampler._registry.registry import take_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType
    from typing import Any

    from sampler._contract.instrument_samples import Departure, InstrumentSamples, View
    from sampler._registry.registry import Registration, Registry


class Roster:
    """The instruments of one group, and its registration.

    Args:
        name: the sampler's name.
        registry: where it is registered.
        labels: constant labels.
        max_children: sets of label values of each instrument, unless that says otherwise.
        frame: the line of the program that makes the group.

    Attributes:
        name: likewise.
        registry: likewise.
        labels: likewise.
        max_children: likewise.
        instruments: by metric: the instrument, and how it was described.
        registration: its registration.
        place: where in the source the group is made.
        group: the last object that stands for it.

    Raises:
        InvalidSampler: ``name`` is not a sampler name, or ``labels`` are no labels.
        SamplerConflict: another sampler has that name.
    """

    def __init__(
        self,
        name: str,
        registry: Registry,
        labels: Mapping[str, object],
        max_children: int,
        frame: FrameType | None,
    ) -> None:
        self.name: str = name
        self.max_children = max_children
        self.registry: Registry = registry
        self.labels: dict[str, Any] = {f"{key}": text for key, text in labels.items()}
        self.instruments: dict[str, tuple[Any, Mapping[str, object]]] = {}
        self.group: Any = None
        self.place = Place(frame)
        self._start = time.time()
        self._numbers = count(1)
        self._changes = 0
        self._views: set[ref[View]] = set()
        self._refused: dict[str, Counter] = {}
        self._described: dict[str, Mapping[str, Any]] = {}
        self.registration: Registration = registry.register(self._mapping())
        remember(self)

    def without(self, name: str) -> None:
        """Take out an instrument that is described otherwise now; all begin at zero."""
        before = self.registration
        before.unregister()
        del self.instruments[name], self._described[name]
        self.restart()
        self.registration = self.registry.register(self._mapping())
        for other, description in self._described.items():
            self.registration.declare(other, description)
        take_place(before, self.registration)

    def declare(self, name: str, description: Mapping[str, Any]) -> None:
        """Describe an instrument to consumers."""
        self.registration.declare(name, description)
        self._described[name] = description

    def module(self) -> str:
        """Return the name of the module that made the group."""
        return self.place.module

    def reduced(self, instrument: Any = None) -> tuple[Any, ...]:
        """Return how a copy of the group, or of one of its instruments, is found."""
        return reduced(self, instrument)

    def count_refused(self, reason: str) -> None:
        """Count a recording that an instrument has refused."""
        known = self._refused.get(reason)
        (self._refused.setdefault(reason, Counter()) if known is None else known).inc()

    def next_number(self) -> int:
        """Return a number that is higher than all before."""
        return next(self._numbers)

    def changed(self) -> None:
        """Note that children have gone, or come back."""
        self._changes = next(self._numbers)

    # What consumers ask for.

    def sample(self) -> InstrumentSamples:
        """Return the samples of one pull."""
        from sampler._contract.instrument_samples import InstrumentSamples

        for each in self._departures():
            each.look()
        return InstrumentSamples(self)

    def refused(self) -> dict[str, int]:
        """Return reason to number of recordings that were refused."""
        return {reason: int(count.read()) for reason, count in list(self._refused.items())}

    def begin(self, view: View | None) -> tuple[int, View]:
        """Begin a pull; return its number, and what its consumer has seen."""
        if view is None:
            from sampler._contract.instrument_samples import View

            view = View(next(self._numbers))
            self._views.add(ref(view, self._views.discard))
        return next(self._numbers), view

    def final(self, view: View | None) -> list[Departure]:
        """Return the departures that a consumer sees in this pull."""
        return [
            each
            for departures in self._departures()
            for each in list(departures.leaving.values())
            if view is None or not view.hides(each)
        ]

    def settle(self) -> None:
        """Let children go that each consumer has seen end."""
        departures = [each for each in self._departures() if each.leaving or each.folded]
        if departures:
            views = [view for each in self._views.copy() if (view := each()) is not None]
            absent = min((view.absent for view in views), default=0)
            final = min((view.final for view in views), default=0)
            for each in departures:
                each.settle(absent, final)

    def shape(self, view: View | None) -> tuple[Any, ...]:
        """Return the group and the numbers of children that a consumer sees."""
        counts = (
            each._count(view) if isinstance(each, Labelled) else 1
            for each, _ in list(self.instruments.values())
        )
        hidden = 0
        if view is not None and self._changes:
            known = [d for each in self._departures() for d in list(each.leaving.values())]
            hidden = sum(map(view.hides, known))
        return (self, self._changes, hidden), *counts

    def samples(self, view: View | None) -> Iterator[tuple[Any, ...]]:
        """Return the samples that a consumer sees."""
        return chain.from_iterable(self._samples(view))

    def values(self, view: View | None) -> list[Any]:
        """Return their values; None stands for a child that has nothing to report."""
        values: list[Any] = []
        for instrument, _ in list(self.instruments.values()):
            if isinstance(instrument, Labelled):
                values += instrument._values(view)
            else:
                values.append(instrument.read())
        return values

    def _samples(self, view: View | None) -> Iterator[list[tuple[Any, ...]]]:
        for name, (instrument, _) in list(self.instruments.items()):
            if isinstance(instrument, Labelled):
                yield instrument._samples(name, view)
            elif (value := instrument.read()) is not None:
                labels = instrument._labels
                yield [(name, value) if labels is None else (name, value, labels)]

    def restart(self) -> None:
        """Start at zero, as a forked child does: what was counted belongs to the parent."""
        self._start = time.time()
        self._views.clear()
        self._refused.clear()
        self.changed()
        for instrument, _ in list(self.instruments.values()):
            if isinstance(instrument, Labelled):
                instrument._restart()
            else:
                instrument.restart()

    def _departures(self) -> list[Any]:
        return [
            instrument._departures
            for instrument, _ in list(self.instruments.values())
            if isinstance(instrument, Labelled) and instrument._departures is not None
        ]

    def _mapping(self) -> Bounded:
        mapping = {"name": self.name, "sample": self.sample, "start": self._started}
        return Bounded({**mapping, "labels": self.labels} if self.labels else mapping)

    def _started(self) -> float:
        return self._start


class Place:
    """Where in its source a program makes a group.

    Args:
        frame: the frame that does it.
    """

    __slots__ = ("_code", "_line", "_where", "module")

    def __init__(self, frame: FrameType | None) -> None:
        code = None if frame is None else frame.f_code
        self._code = code
        self._line = None if frame is None else frame.f_lineno
        self.module: str = "" if frame is None else str(frame.f_globals.get("__name__"))
        # A cell of a notebook has another file each time, which is none.
        file = "" if code is None or not is_file(code.co_filename) else code.co_filename
        self._where = code and (file or self.module, code.co_qualname)

    def is_again(self, other: Place) -> bool:
        """Tell whether the same place in the source was reached once more.

        Two lines of one module, in one run of it, are two places; a module that was edited and
        reloaded has other lines.
        """
        if self._where is None or self._where != other._where:
            return False
        return self._code is not other._code or self._line == other._line
