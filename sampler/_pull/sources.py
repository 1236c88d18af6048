"""The samplers of one consumer, as their registrations come and go."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING

from sampler._contract.declaration import short
from sampler._contract.names import plain_str
from sampler._contract.snapshot import Failure
from sampler._pull.owners import Owners, rivals
from sampler._registry.comparison import same_call
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GiveWayTimer
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from sampler._pull.source import Source
    from sampler.types import Registered

    class Make(Protocol):
        """Makes the source of a registration."""

        def __call__(self, registration: Registered, *, has_past: bool) -> Source:
            """Make a source."""
            ...


class Sources:
    """One source for each registration; iterating gives those of the last round.

    Registrations are told apart by identity: those of other vendors may compare as they like.

    Args:
        make: makes the source of a registration, which may have a past in spite of its time; what
            it raises costs that one only.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._sources: dict[int, Source] = {}
        self._unreadable: dict[int, tuple[Registered, Failure]] = {}
        self._hung: list[Source] = []
        """Those that have gone while a call of theirs had not returned."""
        self._owners = Owners()
        self._round: tuple[tuple[Registered, ...], list[Source]] = ((), [])
        """The registrations of the last round, and their sources."""

    def update(
        self, registrations: tuple[Registered, ...], anew: frozenset[Source] = frozenset()
    ) -> tuple[list[Source], list[Source]]:
        """Take the registrations of a round.

        Args:
            registrations: what is registered now.
            anew: sources that end, while their registrations get others.

        Returns:
            Their sources, and those that have gone.
        """
        before, last = self._round
        same = len(before) == len(registrations) and all(map(is_, before, registrations))
        if same and not anew:
            return last, []
        sources, unreadable = self._sources, self._unreadable
        live = {id(registration) for registration in registrations}
        again = {id(source.registration) for source in anew}
        gone = [sources.pop(key) for key in (sources.keys() - live) | again]
        for key in unreadable.keys() - live:
            del unreadable[key]
        for source in gone:
            source.intake.share(None)
            if source.busy:
                self._hung.append(source)
        new = [r for r in registrations if id(r) not in sources and id(r) not in unreadable]
        turn = GiveWayTimer()
        for registration in new:
            self._add(registration, has_past=id(registration) in again)
            turn.give_way_if_due()
        if gone or new:
            shared = rivals(source.name for source in sources.values())
            for source in sources.values():
                source.intake.share(self._owners if source.name in shared else None)
                turn.give_way_if_due()
        now = [sources[id(r)] for r in registrations if id(r) in sources]
        self._round = registrations, now
        return now, gone

    def of(self, registration: Registered) -> Source:
        """Return the source of a registration of the last round."""
        return self._sources[id(registration)]

    def unreadable(self) -> Iterator[Failure]:
        """Return a failure for each registration that cannot be read."""
        return (failure for _, failure in self._unreadable.values())

    def __iter__(self) -> Iterator[Source]:
        return iter(list(self._sources.values()))

    def __len__(self) -> int:
        return len(self._sources)

    def _add(self, registration: Registered, *, has_past: bool) -> None:
        try:
            source = self._make(registration, has_past=has_past)
        except BaseException as error:  # of another vendor's registry
            if not is_foreign(error):
                raise
            failure = Failure(_name_of(registration), "invalid", short(error))
            log.warning("a registration cannot be read: %s: %s", failure.sampler, failure.message)
            self._unreadable[id(registration)] = registration, failure
            return
        self._hung = [old for old in self._hung if old.busy]
        for old in self._hung:  # a sampler that is registered anew still hangs
            if same_call(old.state.declaration, source.state.declaration):
                source.take_over(old)
        self._sources[id(registration)] = source


def _name_of(registration: object) -> str:
    try:
        name = dict(registration.sampler).get("name")  # type: ignore[attr-defined]
    except BaseException as error:  # of another vendor's registry
        if not is_foreign(error):
            raise
        name = None
    return plain_str(name) if isinstance(name, str) else short(registration)
