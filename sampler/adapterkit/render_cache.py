"""Keeps what an adapter writes before each value, such as a path, from pull to pull.

A block's ``series`` is the same tuple until that sampler's set of series changes. Until then its
renderings are reused, and a pull costs one ``zip``. The cache also refuses the second of two
series that would get the same name in the backend.

.. code-block:: python

    cache = RenderCache(lambda series: series_path(series.name, series.labels))


    def encode(self, snapshot, since):
        for block, entries in iter_entries(cache.of(snapshot)):
            for path, series, value in entries:
                if value is ABSENT:  # no entry
                    continue
                if isinstance(path, NotRendered):
                    refused[path.reason] = refused.get(path.reason, 0) + 1
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, final

import attrs

from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from sampler.agent import Block, Series, Snapshot

__all__ = [
    "COLLISION",
    "Family",
    "NotRendered",
    "RenderCache",
    "Unencodable",
    "iter_entries",
]

_LOGGED = 5
"""Refused series that the log names."""
_LOOK_EVERY = 20
"""New series between two looks at the clock."""
_PART = 100
"""Entries between two looks at the clock; histograms take up to a hundredth of a millisecond."""

R = TypeVar("R")
T = TypeVar("T")


class Unencodable(Exception):
    """To be raised by a render function: the format cannot carry this series.

    Attributes:
        reason: one word, under which its entries are counted as ``dropped``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@final
@attrs.frozen
class NotRendered:
    """Takes the place of the rendering of a series that the format cannot carry.

    Attributes:
        reason: one word, under which its entries are counted as ``dropped``.
    """

    reason: str


COLLISION = NotRendered("collision")
"""For a series whose name in the backend another series has already."""


class Family(Protocol):
    """Series that share names in the backend. Compared by identity, or hashable."""

    @property
    def names(self) -> Iterable[tuple[Hashable, Hashable]]:
        """The names, each with what other families must be equal in to have it, too."""
        ...


@attrs.define
class _Claim:
    """The owners of a name that families share: those with an equal ``share``."""

    first: Series
    share: Hashable
    families: int


class _Kept(NamedTuple, Generic[R]):
    """What is kept of a block: its series, and their renderings."""

    series: tuple[Series, ...]
    made: list[R | NotRendered]


class RenderCache(Generic[R]):
    """The renderings of one adapter. Not for several threads at once.

    Args:
        render: turns a series into whatever the encoder needs; called once per series. It may
            raise :class:`Unencodable`.
        names: returns the names in the backend that a series with this rendering has for itself.
            Default: the rendering. The first series keeps a name as long as it exists, resets
            included; another one that wants it is refused as ``collision``.
        family: returns with whom a series shares more names; default: with nobody.
    """

    def __init__(
        self,
        render: Callable[[Series], R],
        names: Callable[[R], Iterable[Hashable]] | None = None,
        family: Callable[[Series], Family] | None = None,
    ) -> None:
        self._render = render
        self._names: Callable[[R], Iterable[Hashable]] = names or _itself
        self._family = family
        self._kept: dict[int, _Kept[R]] = {}
        self._owners: dict[Hashable, Series] = {}
        """By a backend's name: the only series that has it."""
        self._claims: dict[Hashable, _Claim] = {}
        self._families: dict[Family, int] = {}
        """How many series each has."""
        self._waiting: dict[Series, R] = {}
        """Series without their names, and their renderings."""
        self._wanted: set[Hashable] = set()
        """Names that those want."""

    def of(self, snapshot: Snapshot) -> list[tuple[Block, list[R | NotRendered]]]:
        """Return each block of a snapshot with its renderings, aligned with ``block.series``.

        The list is the same object until one of them changes.
        """
        tuples = {id(block.series): block.series for block in snapshot.blocks}
        if tuples.keys() != self._kept.keys():
            self._update(tuples)
        kept = self._kept
        return [(block, kept[id(block.series)].made) for block in snapshot.blocks]

    def _update(self, tuples: dict[int, tuple[Series, ...]]) -> None:
        """Render what is new and forget what is gone; unchanged tuples cost nothing."""
        turn = GiveWayTimer()
        known: dict[Series, R | NotRendered] = {}
        for key, old in self._kept.items():
            if key not in tuples:
                known.update(zip(old.series, old.made, strict=True))
                turn.give_way_if_due()
        new: dict[Series, R | NotRendered] = {}
        kept: dict[int, _Kept[R]] = {}
        leaving = set(known)
        for key, series in tuples.items():
            if key not in self._kept:
                kept[key] = _Kept(series, self._renderings(series, known, new, turn))
                leaving.difference_update(series)
        # Nothing has been changed so far, so a render function may raise anything.
        kept |= {key: old for key, old in self._kept.items() if key in tuples}
        said, self._kept = set(map(str, self._waiting)), kept
        try:
            freed = self._free({series: known[series] for series in leaving}, turn)
            again = {} if self._wanted.isdisjoint(freed) else self._waiting.copy()
            refused = self._claim_all(self._in_order(new, again, freed), turn)
            if refused or again:
                self._place_waiting(again, turn)
        except BaseException:  # stopped halfway, by a signal's handler for example
            self._forget()
            raise
        self._log(refused, said)

    def _forget(self) -> None:
        """Begin anew: the next snapshot is rendered and named from the beginning."""
        for each in (self._kept, self._owners, self._claims, self._families, self._waiting):
            each.clear()
        self._wanted = set()

    def _renderings(
        self,
        series: tuple[Series, ...],
        known: dict[Series, R | NotRendered],
        new: dict[Series, R | NotRendered],
        turn: GiveWayTimer,
    ) -> list[R | NotRendered]:
        """Return the renderings of a block: those that are known, and others."""
        found = list(map(known.get, series))
        turn.give_way_if_due()
        if None in found:
            for place, rendering in enumerate(found):
                if rendering is None:
                    new[series[place]] = found[place] = self._rendering(series[place])
                    if not len(new) % _LOOK_EVERY:
                        turn.give_way_if_due()
        return found  # type: ignore[return-value]  # no None is left

    def _rendering(self, series: Series) -> R | NotRendered:
        try:
            return self._render(series)
        except Unencodable as error:
            return NotRendered(error.reason)

    def _free(
        self, leaving: dict[Series, R | NotRendered], turn: GiveWayTimer
    ) -> dict[Hashable, Series]:
        """Free the names of the leaving series; return those that are free now, and whose."""
        freed: dict[Hashable, Series] = {}
        for series, rendering in leaving.items():
            turn.give_way_if_due()
            if isinstance(rendering, NotRendered):
                self._waiting.pop(series, None)
                continue
            for name in self._names(rendering):
                if self._owners.pop(name, None) is not None:  # it may be named twice
                    freed[name] = series
            if self._family is not None:
                self._leave(self._family(series), series, freed)
        return freed

    def _leave(self, family: Family, series: Series, freed: dict[Hashable, Series]) -> None:
        self._families[family] -= 1
        if self._families[family]:
            return
        del self._families[family]
        for name, _ in family.names:
            self._claims[name].families -= 1
            if not self._claims[name].families:
                del self._claims[name]
                freed[name] = series

    def _in_order(
        self,
        new: dict[Series, R | NotRendered],
        again: dict[Series, R],
        freed: dict[Hashable, Series],
    ) -> dict[Series, R | NotRendered]:
        """Return who may claim names, in turn: first who continues a series after a reset."""
        if not freed:
            return new
        heirs = {
            series: rendering
            for series, rendering in new.items()
            if not isinstance(rendering, NotRendered)
            and any(_continues(series, freed.get(name)) for name in self._names(rendering))
        }
        return {**heirs, **again, **new} if heirs or again else new

    def _claim_all(
        self, claimants: dict[Series, R | NotRendered], turn: GiveWayTimer
    ) -> list[Series]:
        """Give series their names; return those that wait for theirs."""
        refused = []
        done = 0
        for series, rendering in claimants.items():
            if isinstance(rendering, NotRendered):
                continue
            names = tuple(self._names(rendering))
            if self._rival(series, names) is None:
                self._claim(series, names)
                if self._waiting:
                    self._waiting.pop(series, None)
            else:
                self._waiting[series] = rendering
                refused.append(series)
            done += 1
            if not done % _LOOK_EVERY:
                turn.give_way_if_due()
        return refused

    def _claim(self, series: Series, names: Iterable[Hashable]) -> None:
        for name in names:
            self._owners[name] = series
        if self._family is None:
            return
        family = self._family(series)
        members = self._families.get(family, 0)
        self._families[family] = members + 1
        if not members:
            for name, share in family.names:
                claim = self._claims.setdefault(name, _Claim(series, share, 0))
                claim.families += 1

    def _rival(self, series: Series, names: Iterable[Hashable]) -> Series | None:
        """Return a series that has a name which this one wants, if there is one."""
        owners, claims = self._owners, self._claims
        for name in names:
            if (owner := owners.get(name)) is not None and owner is not series:
                return owner
            if claims and (claim := claims.get(name)) is not None:
                return claim.first
        if self._family is not None and (family := self._family(series)) not in self._families:
            for name, share in family.names:
                if (owner := owners.get(name)) is not None:
                    return owner
                if (claim := claims.get(name)) is not None and claim.share != share:
                    return claim.first
        return None

    def _place_waiting(self, again: dict[Series, R], turn: GiveWayTimer) -> None:
        """Make new lists of the blocks in which series got their names or did not."""
        waiting = self._waiting
        for key, (series, made) in list(self._kept.items()):
            turn.give_way_if_due()
            placed: list[R | NotRendered] = [
                COLLISION if each in waiting else again.get(each, rendering)
                for each, rendering in zip(series, made, strict=True)
            ]
            if placed != made:
                self._kept[key] = _Kept(series, placed)
        self._wanted = set()
        for each, rendering in waiting.items():
            self._wanted.update(self._names(rendering))
            if self._family is not None:
                self._wanted.update(name for name, _ in self._family(each).names)

    def _log(self, refused: list[Series], said: set[str]) -> None:
        unsaid = [series for series in refused if str(series) not in said]
        for series in unsaid[:_LOGGED]:
            owner = self._rival(series, self._names(self._waiting[series]))
            log.warning("%r is dropped: %r has its name in the backend already", series, owner)
        if len(unsaid) > _LOGGED:
            log.warning(
                "%d more series are dropped because of such collisions", len(unsaid) - _LOGGED
            )


def _itself(rendering: Any) -> tuple[Hashable]:
    return (rendering,)


def _continues(series: Series, other: Series | None) -> bool:
    return (
        other is not None
        and series.name == other.name
        and dict(series.labels) == dict(other.labels)
    )


def iter_entries(
    blocks: Iterable[tuple[Block, list[T]]],
) -> Iterator[tuple[Block, Iterator[tuple[T, Series, Any]]]]:
    """Iterate over all entries, and let the application's threads run every half millisecond.

    Args:
        blocks: what :meth:`RenderCache.of` returned.

    Yields:
        A block, and an iterator of ``(rendering, series, value)`` over its series; the value may
        be :data:`ABSENT`. A large block is yielded in several parts.
    """
    turn = GiveWayTimer()
    for block, made in blocks:
        entries = zip(made, block.series, block.values, strict=True)
        for _ in range(0, len(made), _PART):
            yield block, islice(entries, _PART) if len(made) > _PART else entries
            turn.give_way_if_due()
