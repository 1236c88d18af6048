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

from itertools import chain, compress, count, groupby, islice, repeat
from operator import is_
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, final

import attrs

from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.log import log
from sampler.adapterkit._same_ends import same_ends

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
_NAMED = 500
"""Series that get or lose their names at once: a small fraction of a millisecond."""
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
    """What is kept of a block: its sampler, its series, and their renderings."""

    sampler: str
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
        self._names = names
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
        blocks = {id(block.series): block for block in snapshot.blocks}
        if blocks.keys() != self._kept.keys():
            self._update(blocks)
        kept = self._kept
        return [(block, kept[id(block.series)].made) for block in snapshot.blocks]

    def _update(self, blocks: dict[int, Block]) -> None:
        """Render what is new, forget what is gone; blocks are by the identity of their series."""
        turn = GiveWayTimer()
        gone: dict[str, list[_Kept[R]]] = {}
        for key, old in self._kept.items():
            if key not in blocks:
                gone.setdefault(old.sampler, []).append(old)
        known: dict[Series, R | NotRendered] = {}
        changed: list[tuple[int, Block, _Kept[R], int, int]] = []
        for key, block in blocks.items():
            if key not in self._kept:
                olds = gone.get(block.sampler)
                old = olds.pop(0) if olds else _Kept(block.sampler, (), [])
                begin, end = same_ends(old.series, block.series)
                middle = slice(begin, len(old.series) - end)
                known.update(zip(old.series[middle], old.made[middle], strict=True))
                changed.append((key, block, old, begin, end))
                turn.give_way_if_due()
        for old in chain.from_iterable(gone.values()):
            known.update(zip(old.series, old.made, strict=True))
            turn.give_way_if_due()
        new: dict[Series, R | NotRendered] = {}
        kept: dict[int, _Kept[R]] = {}
        leaving = set(known)
        for key, block, old, begin, end in changed:
            series = block.series[begin : len(block.series) - end]
            leaving.difference_update(series)
            made = self._renderings(series, known, new, turn)
            made = [*old.made[:begin], *made, *old.made[len(old.made) - end :]]
            kept[key] = _Kept(block.sampler, block.series, made)
        # Nothing has been changed so far, so a render function may raise anything.
        kept |= {key: old for key, old in self._kept.items() if key in blocks}
        said, self._kept = set(map(str, self._waiting)), kept
        try:
            freed = self._free({s: made for s, made in known.items() if s in leaving}, turn)
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
        """Return the renderings of series: those that are known, and others."""
        found = list(map(known.get, series))
        turn.give_way_if_due()
        render = self._render
        for place in compress(count(), map(is_, found, repeat(None))):
            try:
                rendering: R | NotRendered = render(series[place])
            except Unencodable as error:
                rendering = NotRendered(error.reason)
            new[series[place]] = found[place] = rendering
            if not len(new) % _LOOK_EVERY:
                turn.give_way_if_due()
        return found  # type: ignore[return-value]  # no None is left

    def _named(self, part: dict[Series, R]) -> list[tuple[Hashable, Series]]:
        """Return the names that series have or want for themselves, each with the series."""
        if self._names is None:
            return list(zip(part.values(), part, strict=True))
        return [(name, series) for series, made in part.items() for name in self._names(made)]

    def _free(
        self, leaving: dict[Series, R | NotRendered], turn: GiveWayTimer
    ) -> dict[Hashable, Series]:
        """Free the names of the leaving series; return those that are free now, and whose."""
        freed: dict[Hashable, Series] = {}
        for series in self._waiting.keys() & leaving.keys():
            del self._waiting[series]
        for part in _parts(leaving):
            names = dict(self._named(part))
            freed.update(names)
            for name in names:
                del self._owners[name]
            for family, members in self._by_family(part):
                self._families[family] -= len(members)
                if not self._families[family]:
                    del self._families[family]
                    self._unclaim(family, members[0], freed)
            turn.give_way_if_due()
        return freed

    def _unclaim(self, family: Family, series: Series, freed: dict[Hashable, Series]) -> None:
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
        heirs: dict[Series, R | NotRendered] = {}
        for part in _parts(new) if freed else ():
            for name, series in self._named(part):
                if name in freed and _continues(series, freed[name]):
                    heirs[series] = new[series]
        return {**heirs, **again, **new} if heirs or again else new

    def _claim_all(
        self, claimants: dict[Series, R | NotRendered], turn: GiveWayTimer
    ) -> list[Series]:
        """Give series their names, in turn; return those that wait for theirs."""
        refused: list[Series] = []
        for part in _parts(claimants):
            if self._claim(part) is None:
                turn.give_way_if_due()
                continue
            for series, rendering in part.items():
                if self._claim({series: rendering}) is not None:
                    self._waiting[series] = rendering
                    refused.append(series)
                turn.give_way_if_due()
        return refused

    def _claim(self, part: dict[Series, R]) -> Series | None:
        """Give series their names, unless one of them has a rival; return the rival."""
        named, families = self._named(part), self._by_family(part)
        if (rival := self._rival(named, families)) is not None:
            return rival
        self._owners.update(named)
        for family, members in families:
            if family not in self._families:
                self._families[family] = 0
                for name, share in family.names:
                    claim = self._claims.setdefault(name, _Claim(members[0], share, 0))
                    claim.families += 1
            self._families[family] += len(members)
        for series in self._waiting.keys() & part.keys():
            del self._waiting[series]
        return None

    def _rival(
        self, named: list[tuple[Hashable, Series]], families: list[tuple[Family, list[Series]]]
    ) -> Series | None:
        """Return a series that has a name which another wants, or wants it, too; None: none."""
        wanted, owners, claims = dict(named), self._owners, self._claims
        if len(wanted) < len(named):
            for name, series in named:
                if wanted[name] is not series:
                    return series
        for name in wanted.keys() & owners.keys():
            return owners[name]
        for name in wanted.keys() & claims.keys():
            return claims[name].first
        shares: dict[Hashable, Hashable] = {}
        for family, members in families:
            for name, share in () if family in self._families else family.names:
                if (owner := owners.get(name, wanted.get(name, members[0]))) is not members[0]:
                    return owner
                if (claim := claims.get(name)) is not None and claim.share != share:
                    return claim.first
                if shares.setdefault(name, share) != share:
                    return members[0]
        return None

    def _by_family(self, part: Iterable[Series]) -> list[tuple[Family, list[Series]]]:
        """Return runs of series with the same family."""
        if self._family is None:
            return []
        return [(family, list(run)) for family, run in groupby(part, self._family)]

    def _place_waiting(self, again: dict[Series, R], turn: GiveWayTimer) -> None:
        """Make new lists of the blocks in which series got their names or did not."""
        waiting = self._waiting
        for key, (sampler, series, made) in list(self._kept.items()):
            turn.give_way_if_due()
            placed: list[R | NotRendered] = [
                COLLISION if each in waiting else again.get(each, rendering)
                for each, rendering in zip(series, made, strict=True)
            ]
            if placed != made:
                self._kept[key] = _Kept(sampler, series, placed)
        self._wanted = {name for name, _ in self._named(waiting)}
        for family, _ in self._by_family(waiting):
            self._wanted.update(name for name, _ in family.names)

    def _log(self, refused: list[Series], said: set[str]) -> None:
        unsaid = [series for series in refused if str(series) not in said]
        for series in unsaid[:_LOGGED]:
            only = {series: self._waiting[series]}
            owner = self._rival(self._named(only), self._by_family(only))
            log.warning("%r is dropped: %r has its name in the backend already", series, owner)
        if len(unsaid) > _LOGGED:
            log.warning(
                "%d more series are dropped because of such collisions", len(unsaid) - _LOGGED
            )


def _parts(renderings: dict[Series, R | NotRendered]) -> Iterator[dict[Series, R]]:
    """Yield those of the series that have one, some hundreds at once."""
    entries = iter(renderings.items())
    while part := list(islice(entries, _NAMED)):
        yield {series: made for series, made in part if type(made) is not NotRendered}


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
