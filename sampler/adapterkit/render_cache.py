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

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import attrs

from sampler._runtime.gil_yield import GIVE_WAY_EVERY, give_way
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from sampler.agent import Block, Series, Snapshot

__all__ = ["COLLISION", "NotRendered", "RenderCache", "Unencodable", "iter_entries"]

_LOGGED = 5
"""Refused series that the log names."""

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


@attrs.define
class _Claim:
    """The owners of a backend's name: series with an equal ``share``."""

    first: Series
    share: Hashable
    holders: int


class RenderCache(Generic[R]):
    """The renderings of one adapter. Not for several threads at once.

    Args:
        render: turns a series into whatever the encoder needs; called once per series. It may
            raise :class:`Unencodable`.
        names: yields the names that a rendering takes in the backend, as ``(name, share)``. If
            ``share`` is None, no other series may have the name; else those may that yield an
            equal ``share``. Default: the rendering itself, which no other series may have. The
            first series keeps a name as long as it exists, resets included; another one that
            wants it is refused as ``collision``.
    """

    def __init__(
        self,
        render: Callable[[Series], R],
        names: Callable[[R], Iterable[tuple[Hashable, Hashable]]] | None = None,
    ) -> None:
        self._render = render
        self._names = names or _itself
        self._kept: dict[int, tuple[tuple[Series, ...], list[R | NotRendered]]] = {}
        self._made: dict[Series, R | NotRendered] = {}
        self._claims: dict[Hashable, Series | _Claim] = {}
        """By a backend's name: its owner, or its owners."""
        self._waiting: dict[Series, int] = {}
        self._wanted: set[Hashable] = set()

    def of(self, snapshot: Snapshot) -> list[tuple[Block, list[R | NotRendered]]]:
        """Return each block of a snapshot with its renderings, aligned with ``block.series``."""
        tuples = {id(block.series): block.series for block in snapshot.blocks}
        if tuples.keys() != self._kept.keys():
            self._update(tuples)
        kept = self._kept
        return [(block, kept[id(block.series)][1]) for block in snapshot.blocks]

    def _update(self, tuples: dict[int, tuple[Series, ...]]) -> None:
        """Render what is new and forget what is gone; unchanged tuples cost nothing."""
        gone = {key: old for key, (old, _) in self._kept.items() if key not in tuples}
        fresh = {key: new for key, new in tuples.items() if key not in self._kept}
        home = {series: key for key, new in fresh.items() for series in new}
        made = {s: self._rendering(s) for s in home if s not in self._made}
        # Nothing has been changed so far, so a render function may raise anything.
        self._made.update(made)
        again = [s for s in home if self._waiting.pop(s, None) is not None]
        said = {str(series) for series in (*self._waiting, *again)}
        leaving = {s for old in gone.values() for s in old if s not in home}
        freed, heirs = self._free(leaving, made)
        rest = (s for s in home if s in made and s not in heirs)
        waiting = dict(self._waiting) if freed & self._wanted else {}
        stale = set(fresh)
        for series in chain(heirs, waiting, again, rest):
            key = waiting.get(series, home.get(series, 0))
            if not self._claim(series):
                self._waiting[series] = key
            elif self._waiting.pop(series, None) is not None:
                stale.add(key)
        for key in gone:
            del self._kept[key]
        for key in stale:
            kept = tuples[key]
            self._kept[key] = (
                kept,
                [COLLISION if s in self._waiting else self._made[s] for s in kept],
            )
        self._wanted = {n for s in self._waiting for n, _ in self._taken(s)}
        self._log([s for s in self._waiting if str(s) not in said])

    def _rendering(self, series: Series) -> R | NotRendered:
        try:
            return self._render(series)
        except Unencodable as error:
            return NotRendered(error.reason)

    def _taken(self, series: Series) -> Iterable[tuple[Hashable, Hashable]]:
        made = self._made[series]
        return () if isinstance(made, NotRendered) else self._names(made)

    def _free(
        self, leaving: set[Series], made: Iterable[Series]
    ) -> tuple[set[Hashable], dict[Series, None]]:
        """Free the names of the leaving series.

        Returns:
            The names that no series has now; and the new series that continue a leaving one
            after a reset, which may claim their names first.
        """
        freed: set[Hashable] = set()
        owners = set()
        for series in leaving:
            taken = self._taken(series)
            del self._made[series]
            if self._waiting.pop(series, None) is not None:
                continue
            owners.add((series.name, *series.labels.items()))
            for name, _ in taken:
                claim = self._claims.get(name)
                if isinstance(claim, _Claim):
                    claim.holders -= 1
                    if claim.holders:
                        continue
                if claim is not None:
                    del self._claims[name]
                    freed.add(name)
        return freed, {s: None for s in made if (s.name, *s.labels.items()) in owners}

    def _claim(self, series: Series) -> bool:
        """Claim all names of a series, or none if one is taken; tell which."""
        if self._rival(series):
            return False
        claims = self._claims
        for name, share in self._taken(series):
            claim = claims.get(name)
            if isinstance(claim, _Claim):
                claim.holders += 1
            else:
                claims[name] = series if share is None else _Claim(series, share, 1)
        return True

    def _rival(self, series: Series) -> Series | None:
        """Return a series that has a name which this one wants for itself, if there is one."""
        for name, share in self._taken(series):
            claim = self._claims.get(name)
            if isinstance(claim, _Claim):
                if share is None or share != claim.share:
                    return claim.first
            elif claim is not None:
                return claim
        return None

    def _log(self, refused: list[Series]) -> None:
        for series in refused[:_LOGGED]:
            owner = self._rival(series)
            log.warning("%r is dropped: %r has its name in the backend already", series, owner)
        if len(refused) > _LOGGED:
            log.warning(
                "%d more series are dropped because of such collisions", len(refused) - _LOGGED
            )


def _itself(rendering: Any) -> Iterable[tuple[Hashable, Hashable]]:
    return ((rendering, None),)


def iter_entries(
    blocks: Iterable[tuple[Block, list[T]]],
) -> Iterator[tuple[Block, Iterator[tuple[T, Series, Any]]]]:
    """Iterate over all entries, and let the application's threads run every few thousand.

    Args:
        blocks: what :meth:`RenderCache.of` returned.

    Yields:
        A block, and an iterator of ``(rendering, series, value)`` over its series; the value may
        be :data:`ABSENT`. A large block is yielded in several parts.
    """
    done = 0
    for block, made in blocks:
        entries = zip(made, block.series, block.values, strict=True)
        for first in range(0, len(made), GIVE_WAY_EVERY):
            yield block, islice(entries, GIVE_WAY_EVERY) if len(made) > GIVE_WAY_EVERY else entries
            done += min(len(made) - first, GIVE_WAY_EVERY)
            if done >= GIVE_WAY_EVERY:
                give_way()
                done = 0
