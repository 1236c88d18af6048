"""What a consumer pulls: the registrations of the registry that it was given, or of all.

Other distributions announce theirs by entry points. Iterating one runs foreign code: it is done on
a worker, with a deadline and a bound, and only where there is one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler._registry import registry as registries
from sampler._registry.other_registry import Given, OtherRegistration, OtherRegistry
from sampler._registry.registry import Registration, state_of
from sampler._runtime.native import isolated
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
_REMEMBERED = 10_000
"""Samplers of which a consumer remembers the registry, after they have gone, too."""
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


def registry_of(given: Iterable[Registered] | None) -> Iterable[Registered]:
    """Return what a consumer pulls that was given a registry, or nothing."""
    if given is None:
        return AllRegistries() if isolated() else _Discovering()
    own = isinstance(given, PerRound | registries.Registry) or type(given) in {list, tuple}
    return given if own else _GivenRegistry(given)


def begin_round(
    registry: Iterable[Registered], deadline: float, until: float
) -> tuple[Registered, ...]:
    """Return what a round pulls of ``registry``; the arguments are those of `PerRound`."""
    if isinstance(registry, PerRound):
        return registry.begin_round(deadline, until)
    return tuple(registry)


def takes_over(registration: Registered) -> bool:
    """Tell whether a registration has taken the place of another registry's (R-14)."""
    return isinstance(registration, _Successor | _OtherSuccessor)


def expected_calls(registry: Iterable[Registered]) -> int:
    """Return about how many calls of foreign code a round of ``registry`` will make."""
    return len(registry) if isinstance(registry, PerRound) else len(tuple(registry))


class _Discovering(PerRound):
    """What a consumer pulls that is told nothing else, with what is announced (R-14, C-01)."""

    def __init__(self) -> None:
        from sampler._registry.discovery import Discovery, log_failures

        self._discovery = Discovery(registries.default, report=log_failures)
        log_failures(self._discovery.look())
        self._all = AllRegistries()

    def begin_round(self, deadline: float, until: float) -> tuple[Either, ...]:
        """See `PerRound`."""
        self._discovery.look_again()
        return self._all.begin_round(deadline, until)

    def __len__(self) -> int:
        return len(self._all)


class _GivenRegistry(PerRound):
    """Another vendor's registry that a consumer was given; it is asked as announced ones are."""

    def __init__(self, registry: Iterable[Registered]) -> None:
        self._other = OtherRegistry(Given(registry))

    def begin_round(self, deadline: float, until: float) -> tuple[Either, ...]:
        """See `PerRound`."""
        _ask((self._other,), min(deadline, _DEADLINE), until)
        return self._other.registrations

    def __len__(self) -> int:
        return 1 + len(self._other.registrations)


class AllRegistries(PerRound):
    """The default registry, and every announced one whose package has been imported (R-14).

    Of two registrations with one name and the same constant labels the earlier stands. One that
    takes the place of another registry's, then or later, begins with baselines, whatever its time
    and its ``start``: the consumer may have counted the same already.
    """

    def __init__(self) -> None:
        self._others: tuple[OtherRegistry, ...] | None = None
        self._ours: tuple[Either, ...] | None = None
        """What the default registry held in the last round, if no other one held anything."""
        self._homes: dict[Key, object] = {}
        """The registry that each name and labels were pulled from last."""
        self._successors: dict[int, tuple[Either, Either]] = {}
        """By identity: those that have taken the place of others, and what is shown of each."""

    def begin_round(self, deadline: float, until: float) -> tuple[Either, ...]:
        """See `PerRound`."""
        if self._others is None:
            self._others = _announced()
        if self._others:
            _ask(self._others, min(deadline, _DEADLINE), until)
        ours = tuple(registries.default)
        others_too = [r for each in self._others for r in each.registrations]
        if ours == self._ours and not (others_too or self._successors):
            return ours
        self._ours = None if others_too else ours
        return self._merged((*ours, *others_too))

    def __len__(self) -> int:
        return len(registries.default) + sum(
            1 + len(each.registrations) for each in self._others or ()
        )

    def _merged(self, present: tuple[Either, ...]) -> tuple[Either, ...]:
        standing: dict[Key, Either] = {}
        for each in present:
            other = standing.get(key := _key(each))
            if other is None or each.time < other.time:
                standing[key] = each
        before, self._successors = self._successors, {}
        for key, each in standing.items():
            home = _home(each)
            if id(each) in before:
                self._successors[id(each)] = before[id(each)]
            elif self._homes.get(key, home) is not home:
                self._successors[id(each)] = each, _as_old(each)
            self._homes.pop(key, None)  # so that the newest come last
            self._homes[key] = home
        while len(self._homes) > _REMEMBERED:
            del self._homes[next(iter(self._homes))]
        return tuple(self._successors.get(id(each), (each, each))[1] for each in standing.values())


def _announced() -> tuple[OtherRegistry, ...]:
    if isolated():  # no pull can succeed here, and what reads metadata crashes 3.12.1
        return ()
    from sampler._registry.announcements import announcements

    found = announcements(GROUP)
    others = {each.value: OtherRegistry(each) for each in found if each.package != _OURS}
    return tuple(others.values())


def _ask(others: Iterable[OtherRegistry], deadline: float, until: float) -> None:
    """Ask registries for their registrations."""
    now = time.monotonic()
    asked = [each for each in others if each.can_be_asked(now)]
    if not asked:
        return
    jobs = [Job(each.read) for each in asked]
    with Worker("sampler-registries", once=True) as worker:
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
    """Return a registration as one that takes over, and as if it had been there for ever."""
    if isinstance(registration, OtherRegistration):
        return _OtherSuccessor(registration.home, registration, registration.sampler, 0.0)
    return _Successor(registration)


class _OtherSuccessor(OtherRegistration):
    """A registration of others that takes the place of another registry's."""

    __slots__ = ()


class _Successor(Registration):
    """A registration that takes the place of another registry's."""

    __slots__ = ()

    def __init__(self, registration: Registration) -> None:
        for name in Registration.__slots__:
            if name != "__weakref__":
                setattr(self, name, getattr(registration, name))
        self.time: float = 0.0
