"""What an encoder keeps of each block from pull to pull: what it wrote for each value.

A value that is the same object as last time is not written again, and those that are not are found
without a step of Python for each. When a block's series change, what was written for those that
stay is taken over; nothing is kept of those that have gone.

.. code-block:: python

    for block, kept in blocks.of(cache.of(snapshot), turn):
        with kept.updating(block.values) as before:
            for kind, first, last in kept.runs:
                for place in new_places(block.values, before, first, last):
                    kept.items[place] = written(kept.made[place], block.values[place])
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import compress, count, groupby, repeat
from operator import attrgetter, is_, is_not
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sampler.adapterkit.render_cache import NotRendered
from sampler.agent import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler.agent import Block, GiveWayTimer, Metric, Series

__all__ = ["KeptBlock", "KeptBlocks", "new_places"]

_RUN = 500
"""Series that are compared, or joined, at once: a small fraction of a millisecond."""
_HISTOGRAMS = 100
"""Histograms, likewise: each takes as long as several numbers."""
_NEVER = object()
"""A value that no series has."""

R = TypeVar("R")
T = TypeVar("T")


class KeptBlock(Generic[R, T]):
    """One block's series, and what an encoder wrote for them.

    Attributes:
        series: the block's.
        made: their renderings, as the cache has them.
        items: what was written for each value; the encoder changes it.
        befores: the earlier values that those of histograms were compared with, by place.
        runs: ``(kind, first, last)``: where series next to each other are of one kind; some
            hundreds of them, from ``first`` to before ``last``.
        refused: the reasons of the series without a rendering, by place.
    """

    __slots__ = ("_spans", "_values", "befores", "items", "made", "refused", "runs", "series")

    def __init__(
        self,
        series: tuple[Series, ...],
        made: list[R | NotRendered],
        nothing: T,
        turn: GiveWayTimer,
    ) -> None:
        self.series: tuple[Series, ...] = series
        self.made: list[R | NotRendered] = made
        self.items: list[T] = [nothing] * len(made)
        self.befores: dict[int, Any] = {}
        self.runs: list[tuple[str, int, int]] = []
        self._spans: list[tuple[Metric, int, int]] | None = None
        self.refused: dict[int, str] = {}
        self._values: Sequence[Any] | None = None
        for part in range(0, len(series), _RUN):
            last = part
            for kind, run in groupby(map(_kind, series[part : part + _RUN])):
                first, last = last, last + len(list(run))
                size = _HISTOGRAMS if kind == "histogram" else _RUN
                for start in range(first, last, size):
                    self.runs.append((kind, start, min(start + size, last)))
            for place, each in enumerate(made[part : part + _RUN], part):
                if type(each) is NotRendered:
                    self.refused[place] = each.reason
            turn.give_way_if_due()

    def take_over(self, earlier: KeptBlock[R, T], turn: GiveWayTimer) -> None:
        """Take over what an earlier block has of the same series with the same renderings."""
        if earlier._values is None:
            return
        found: dict[Series, int] = {}
        for first in range(0, len(earlier.series), _RUN):
            run = earlier.series[first : first + _RUN]
            found.update(zip(run, range(first, first + _RUN)))  # noqa: B905 - to its end
            turn.give_way_if_due()
        nowhere, nothing = len(earlier.series), self.items[:1]
        items, old = earlier.items + nothing, [*earlier.made, None]
        values = [*earlier._values, _NEVER]
        taken: list[Any] = []
        for first in range(0, len(self.series), _RUN):
            last = first + _RUN
            places = list(map(found.get, self.series[first:last], repeat(nowhere)))
            self.items[first:last] = map(items.__getitem__, places)
            taken += map(values.__getitem__, places)
            others = map(is_not, map(old.__getitem__, places), self.made[first:last])
            for place in compress(count(first), others):  # it is new, or got or lost its name
                taken[place], self.items[place] = _NEVER, nothing[0]
            if earlier.befores:
                for place, at in enumerate(places, first):
                    if at in earlier.befores:
                        self.befores[place] = earlier.befores[at]
            turn.give_way_if_due()
        self._values = taken

    @property
    def spans(self) -> list[tuple[Metric, int, int]]:
        """``(metric, first, last)``: where series next to each other are of one metric."""
        if self._spans is None:
            self._spans, last = [], 0
            for metric, run in groupby(self.series, _metric):
                start, last = last, last + len(list(run))
                for first in range(start, last, _RUN):
                    self._spans.append((metric, first, min(first + _RUN, last)))
        return self._spans

    @contextmanager
    def updating(self, values: Sequence[Any]) -> Iterator[Sequence[Any] | None]:
        """Let the encoder write what differs from the last values, which are returned.

        Should it be stopped halfway, nothing counts as written, and the next time all of it is.
        """
        before, self._values = self._values, None
        yield before
        self._values = values

    def missing(self, block: Block, first: int, last: int) -> list[tuple[int, str]]:
        """Return which places from ``first`` on are no samples: the reason, or "" if absent.

        The places are counted from ``first``.
        """
        found: dict[int, str] = {}
        if self.refused:
            places = enumerate(map(self.refused.get, range(first, last)))
            found = {i: reason for i, reason in places if reason is not None}
        if len(block) < len(self.series):
            absent = map(is_, block.values[first:last], repeat(ABSENT))
            found.update(zip(compress(count(), absent), repeat("")))
        return sorted(found.items())


class KeptBlocks(Generic[R, T]):
    """What an encoder keeps of the blocks of the last snapshot. Not for several threads at once.

    Args:
        nothing: what is written for a value that is absent.
    """

    def __init__(self, nothing: T) -> None:
        self._nothing = nothing
        self._kept: dict[str, KeptBlock[R, T]] = {}
        """By the sampler's name."""

    def of(
        self, blocks: Iterable[tuple[Block, list[R | NotRendered]]], turn: GiveWayTimer
    ) -> list[tuple[Block, KeptBlock[R, T]]]:
        """Return each block with what is kept of it.

        Args:
            blocks: what :meth:`RenderCache.of` returned.
            turn: gives way where there is much to do.
        """
        known = {id(kept.made): kept for kept in self._kept.values()}
        found = []
        for block, made in blocks:
            kept = known.pop(id(made), None)
            if kept is None:
                kept = KeptBlock(block.series, made, self._nothing, turn)
                if block.sampler in self._kept:
                    kept.take_over(self._kept[block.sampler], turn)
            found.append((block, kept))
        self._kept = {block.sampler: kept for block, kept in found}
        return found


def new_places(
    values: Sequence[Any], before: Sequence[Any] | None, first: int, last: int
) -> list[int]:
    """Return the places from ``first`` to before ``last`` whose value is another object."""
    now = values[first:last]
    known = repeat(_NEVER) if before is None else before[first:last]
    return list(compress(count(first), map(is_not, now, known)))


_metric = attrgetter("metric")
_kind = attrgetter("metric.kind")
