"""What adapters write before each value, kept from pull to pull.

A block's ``series`` is the same tuple until that sampler's set of series changes, so what was
rendered for it stays good and a pull costs one ``zip``. Only here are two series noticed that
a backend would take for one.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import attrs

from sampler._runtime.gil_yield import GIVE_WAY_EVERY, give_way
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from sampler._contract.snapshot import Block, Series, Snapshot

_NAMED = 5

R = TypeVar("R")
T = TypeVar("T")


class Unencodable(Exception):
    """Raised by a render function: the format cannot carry this series.

    Attributes:
        reason: one word for the ``dropped`` counter.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@final
@attrs.frozen
class NotRendered:
    """Stands where a rendering would, for a series that is not carried.

    Attributes:
        reason: one word for the ``dropped`` counter.
    """

    reason: str


COLLISION = NotRendered("collision")


@attrs.define
class _Claim:
    """Who holds a backend's name: one series, or several that agree on ``share``."""

    first: Series
    share: Hashable
    holders: int = 0


class Rendered(Generic[R]):
    """One adapter's renderings of the series it sees. Not for several threads at once.

    Args:
        render: turns a series into whatever the encoder wants; called once in a series' life.
            Raises :class:`Unencodable`.
        names: the backend's names a rendering takes, as ``(name, share)``: with ``None`` for
            itself alone, else together with those that give an equal ``share``. Default: the
            rendering itself, alone. Of two series that want one name the first keeps it
            while it lives, resets included; the other is refused as ``collision``.
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
        self._claims: dict[Hashable, _Claim] = {}
        self._waiting: dict[Series, int] = {}
        self._wanted: set[Hashable] = set()

    def of(self, snapshot: Snapshot) -> list[tuple[Block, list[R | NotRendered]]]:
        """Return each block with a list aligned with ``block.series``."""
        tuples = {id(block.series): block.series for block in snapshot.blocks}
        if tuples.keys() != self._kept.keys():
            self._turn(tuples)
        kept = self._kept
        return [(block, kept[id(block.series)][1]) for block in snapshot.blocks]

    def _turn(self, tuples: dict[int, tuple[Series, ...]]) -> None:
        """Take over what changed; costs the changed tuples only."""
        gone = {key: old for key, (old, _) in self._kept.items() if key not in tuples}
        fresh = {key: new for key, new in tuples.items() if key not in self._kept}
        home = {series: key for key, new in fresh.items() for series in new}
        made = {s: self._rendering(s) for s in home if s not in self._made}
        # Nothing has changed so far: whatever a render function raises, the state stays sound.
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
        self._say([s for s in self._waiting if str(s) not in said])

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
        """Give up what the leaving series held.

        Returns:
            The names nobody holds now; the new series that only continue a leaving owner after
            a reset, which come first.
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
                claim = self._claims[name]
                claim.holders -= 1
                if not claim.holders:
                    del self._claims[name]
                    freed.add(name)
        return freed, {s: None for s in made if (s.name, *s.labels.items()) in owners}

    def _claim(self, series: Series) -> bool:
        """Take a series' names, all or none."""
        if self._rival(series):
            return False
        for name, share in self._taken(series):
            self._claims.setdefault(name, _Claim(series, share)).holders += 1
        return True

    def _rival(self, series: Series) -> _Claim | None:
        """Return the claim that keeps a series from its names, if there is one."""
        for name, share in self._taken(series):
            claim = self._claims.get(name)
            if claim is not None and (share is None or share != claim.share):
                return claim
        return None

    def _say(self, refused: list[Series]) -> None:
        for series in refused[:_NAMED]:
            rival = self._rival(series)
            owner = rival.first if rival else None
            log.warning("%r is dropped: its name here is that of %r already", series, owner)
        if len(refused) > _NAMED:
            log.warning("%d more series are dropped for such collisions", len(refused) - _NAMED)


def _itself(rendering: Any) -> Iterable[tuple[Hashable, Hashable]]:
    return ((rendering, None),)


def in_turns(
    blocks: Iterable[tuple[Block, list[T]]],
) -> Iterator[tuple[Block, Iterator[tuple[T, Series, Any]]]]:
    """Go through renderings and entries; the application's threads have their turns in between.

    Args:
        blocks: what :meth:`Rendered.of` returned.

    Yields:
        A block, and ``(rendering, series, value)`` of some of its series, the value perhaps
        :data:`ABSENT`; a large block comes in parts.
    """
    gone = 0
    for block, made in blocks:
        entries = zip(made, block.series, block.values, strict=True)
        for first in range(0, len(made), GIVE_WAY_EVERY):
            yield block, islice(entries, GIVE_WAY_EVERY) if len(made) > GIVE_WAY_EVERY else entries
            gone += min(len(made) - first, GIVE_WAY_EVERY)
            if gone >= GIVE_WAY_EVERY:
                give_way()
                gone = 0
