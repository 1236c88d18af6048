"""What a consumer pulls that is told nothing else: the registrations of all registries.

Other distributions announce theirs by entry points. Iterating one runs foreign code: it is done on
a worker, with a deadline and a bound, and only where there is one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._registry import registry as registries
from sampler._registry.announcements import announcements
from sampler._registry.other_registry import Announced, OtherRegistration
from sampler._registry.registry import Registration, state_of
from sampler._runtime.worker import Job, Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from sampler._registry.other_registry import Key
    from sampler.types import Registered

    Either: TypeAlias = "Registration | OtherRegistration"

GROUP = "sampler.registries"
_OURS = "sampler"
"""The package whose registry needs no entry point to be found."""
_DEADLINE = 1.0
"""Seconds for a registry of others, at most: iterating it calls no sampler."""


class PerRound:
    """Registrations that are looked up at the beginning of each round of one consumer."""

    def begin_round(self, deadline: float, until: float) -> tuple[Registered, ...]:
        """Return what the round pulls.

        Args:
            deadline: seconds that each registry of others has.
            until: monotonic moment at which the round ends.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Return about how many calls of foreign code a round will make."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Registered]:
        return iter(self.begin_round(_DEADLINE, float("inf")))


def begin_round(
    registry: Iterable[Registered], deadline: float, until: float
) -> tuple[Registered, ...]:
    """Return what a round pulls of ``registry``; the arguments are those of `PerRound`."""
    if isinstance(registry, PerRound):
        return registry.begin_round(deadline, until)
    return tuple(registry)


def expected_calls(registry: Iterable[Registered]) -> int:
    """Return about how many calls of foreign code a round of ``registry`` will make."""
    return len(registry) if isinstance(registry, PerRound) else len(tuple(registry))


class AllRegistries(PerRound):
    """The default registry, and every announced one whose package has been imported (R-14).

    Of two registrations with one name and the same constant labels the earlier stands. One that
    takes the place of another has been there for ever, as far as the consumer can tell: its
    cumulative series begin with baselines.
    """

    def __init__(self) -> None:
        self._others: tuple[Announced, ...] | None = None
        self._last: tuple[Either, ...] = ()
        """What stood in the last round, without the masks of successors."""
        self._shadowed: dict[int, Either] = {}
        """By identity, as in what follows: those that had to stand back in the last round."""
        self._successors: dict[int, tuple[Either, Either]] = {}
        """Those that have taken the place of others, each with what is shown of it."""

    def begin_round(self, deadline: float, until: float) -> tuple[Either, ...]:
        """See `PerRound`."""
        if self._others is None:
            found = announcements(GROUP)
            others = {each.value: Announced(each) for each in found if each.package != _OURS}
            self._others = tuple(others.values())
        if self._others:
            _ask(self._others, min(deadline, _DEADLINE), until)
        ours = tuple(registries.default)
        others_too = [r for each in self._others for r in each.registrations]
        if not (others_too or self._shadowed or self._successors):
            self._last = ours
            return ours
        return self._merged((*ours, *others_too))

    def __len__(self) -> int:
        return len(registries.default) + sum(
            1 + len(each.registrations) for each in self._others or ()
        )

    def _merged(self, present: tuple[Either, ...]) -> tuple[Either, ...]:
        before = {_key(each): each for each in self._last}
        standing: dict[Key, Either] = {}
        for each in present:
            other = standing.get(key := _key(each))
            if other is None or each.time < other.time:
                standing[key] = each
        successors = self._successors
        self._successors = {}
        for key, each in standing.items():
            last = before.get(key)
            if id(each) in successors:
                self._successors[id(each)] = successors[id(each)]
            elif id(each) in self._shadowed or (
                last is not None and last is not each and _home(last) is not _home(each)
            ):
                self._successors[id(each)] = each, _as_old(each)
        self._last = tuple(standing.values())
        stands = set(map(id, self._last))
        self._shadowed = {id(each): each for each in present if id(each) not in stands}
        return tuple(self._successors.get(id(each), (each, each))[1] for each in self._last)


def _ask(others: Iterable[Announced], deadline: float, until: float) -> None:
    """Ask registries for their registrations."""
    now = time.monotonic()
    asked = [each for each in others if each.can_be_asked(now)]
    if not asked:
        return
    jobs = [Job(each.read) for each in asked]
    with Worker("sampler-registries") as worker:
        worker.run(jobs, deadline, until)
    for each, job in zip(asked, jobs, strict=True):
        each.take(job, deadline)


def _key(registration: Either) -> Key:
    if isinstance(registration, OtherRegistration):
        return registration.key
    labels = state_of(registration).declaration.labels
    return registration.name, frozenset(labels.items())


def _home(registration: Either) -> object:
    return registration.home if isinstance(registration, OtherRegistration) else None


def _as_old(registration: Either) -> Either:
    """Return a registration as if it had been there for ever."""
    if isinstance(registration, OtherRegistration):
        return OtherRegistration(registration.home, registration, registration.sampler, 0.0)
    return _Successor(registration)


class _Successor(Registration):
    """A registration that takes the place of another registry's."""

    __slots__ = ()

    def __init__(self, registration: Registration) -> None:
        for name in Registration.__slots__:
            if name != "__weakref__":
                setattr(self, name, getattr(registration, name))
        self.time: float = 0.0
