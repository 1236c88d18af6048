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
from itertools import chain, compress, count, groupby, repeat
from operator import attrgetter, is_, is_not
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sampler.adapterkit._same_ends import same_ends
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
        spans: ``(metric, first, last)``: where they are of one metric, likewise.
        refused: the reasons of the series without a rendering, by place.
    """

    __slots__ = ("_values", "befores", "items", "made", "refused", "runs", "series", "spans")

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
        self.spans: list[tuple[Metric, int, int]] = []
        self.refused: dict[int, str] = {}
        self._values: Sequence[Any] | None = None
        for part in range(0, len(series), _RUN):
            last, spans = part, []
            for metric, same in groupby(map(_metric, series[part : part + _RUN])):
                first, last = last, last + len(list(same))
                spans.append((metric, first, last))
            self.spans += spans
            for kind, group in groupby(spans, _kind):
                run = list(group)
                begin, end = run[0][1], run[-1][2]
                size = _HISTOGRAMS if kind == "histogram" else _RUN
                self.runs += [
                    (kind, start, min(start + size, end)) for start in range(begin, end, size)
                ]
            if NotRendered in map(type, made[part : part + _RUN]):
                for place, each in enumerate(made[part : part + _RUN], part):
                    if type(each) is NotRendered:
                        self.refused[place] = each.reason
            turn.give_way_if_due()

    def take_over(self, earlier: KeptBlock[R, T], turn: GiveWayTimer) -> None:
        """Take over what an earlier block has of the same series with the same renderings."""
        if earlier._values is None:
            return
        nowhere, nothing = len(earlier.series), self.items[:1]
        begin, end = same_ends(earlier.series, self.series)
        old_end, new_end = nowhere - end, len(self.series) - end
        found: dict[Series, int] = {}
        for first in range(begin, old_end, _RUN):
            last = min(first + _RUN, old_end)
            found.update(zip(earlier.series[first:last], range(first, last), strict=True))
            turn.give_way_if_due()
        old_items, old_made = earlier.items + nothing, [*earlier.made, None]
        old_values = [*earlier._values, _NEVER]
        items, made, values = old_items[:begin], old_made[:begin], old_values[:begin]
        moved: list[int] = []
        for first in range(begin, new_end, _RUN):
            last = min(first + _RUN, new_end)
            places = list(map(found.get, self.series[first:last], repeat(nowhere)))
            moved += places
            items += map(old_items.__getitem__, places)
            made += map(old_made.__getitem__, places)
            values += map(old_values.__getitem__, places)
            turn.give_way_if_due()
        items += old_items[old_end:nowhere]
        made += old_made[old_end:nowhere]
        values += old_values[old_end:nowhere]
        for first in range(0, len(made), _RUN):
            others = map(is_not, made[first : first + _RUN], self.made[first : first + _RUN])
            for place in compress(count(first), others):  # it is new, or got or lost its name
                values[place], items[place] = _NEVER, nothing[0]
            turn.give_way_if_due()
        if earlier.befores:
            for place, at in enumerate(chain(range(begin), moved, range(old_end, nowhere))):
                if at in earlier.befores:
                    self.befores[place] = earlier.befores[at]
                turn.give_way_if_due()
        self.items, self._values = items, values

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
        self._kept: list[tuple[str, KeptBlock[R, T]]] = []
        """Each with its sampler's name, which several may have."""

    def of(
        self, blocks: Iterable[tuple[Block, list[R | NotRendered]]], turn: GiveWayTimer
    ) -> list[tuple[Block, KeptBlock[R, T]]]:
        """Return each block with what is kept of it.

        Args:
            blocks: what :meth:`RenderCache.of` returned.
            turn: gives way where there is much to do.
        """
        known = {id(kept.made): kept for _, kept in self._kept}
        blocks = list(blocks)
        stay = {id(made) for _, made in blocks}
        gone: dict[str, list[KeptBlock[R, T]]] = {}
        for sampler, kept in self._kept:
            if id(kept.made) not in stay:
                gone.setdefault(sampler, []).append(kept)
        found = []
        for block, made in blocks:
            now = known.pop(id(made), None)
            if now is None:
                now = KeptBlock(block.series, made, self._nothing, turn)
                if olds := gone.get(block.sampler):
                    now.take_over(olds.pop(0), turn)
            found.append((block, now))
        self._kept = [(block.sampler, kept) for block, kept in found]
        return found


def new_places(
    values: Sequence[Any], before: Sequence[Any] | None, first: int, last: int
) -> list[int]:
    """Return the places from ``first`` to before ``last`` whose value is another object."""
    now = values[first:last]
    known = repeat(_NEVER) if before is None else before[first:last]
    return list(compress(count(first), map(is_not, now, known)))


_metric = attrgetter("metric")


def _kind(span: tuple[Metric, int, int]) -> str:
    return span[0].kind
