"""What samplers had counted at a fork, read in the parent: a child's counts begin there (C-19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._pull.collector import Collector
from sampler._pull.inherited import Counted
from sampler._registry import registry as registries
from sampler._registry.all_registries import PerRound
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from sampler._contract.snapshot import Failure
    from sampler._pull.source import Source
    from sampler.types import Registered

LONGEST = 0.05
"""Seconds by which a fork may be late."""
AT_FORK, ZERO = "sampler.at_fork", "zero"
"""A key of samplers whose counts the system keeps for each process, and its only value: a child's
are zero at the fork, whatever the parent's are."""
_NOTHING = Counted({}, whole=True)


class ForkBaseline(Collector):
    """Reads, right before a fork, the counts that the child inherits.

    The child's own first pull comes too late: what is counted before it would be lost. Samplers
    that restart at zero in a child, as those with `AT_FORK`, or that have a read of some age, are
    not read.

    Args:
        registered: returns what the parent's consumers pull.
        max_samples: as of their Collectors.
        max_series: likewise.
    """

    def __init__(
        self, registered: Callable[[], Iterable[Registered]], max_samples: int, max_series: int
    ) -> None:
        super().__init__(
            _Inherited(registered),
            name="fork",
            deadline=LONGEST,
            max_samples=max_samples,
            max_series=max_series,
        )
        self._counted: dict[int, Counted] = {}
        self._late: set[str] = set()
        self._taking = False

    def take(self) -> None:
        """Read them all; the log names once each sampler that cannot be read in time."""
        if self._taking:  # by another thread, or one that a signal handler of this one interrupts
            return
        self._taking, self._counted = True, {}
        try:
            failed = {each.sampler for each in self.collect(within=LONGEST).failures}
            self._counted = {
                id(source.registration): source.intake.counted()
                for source in self._sources
                if source.name not in failed
            }
        finally:
            self._taking = False
        for name in failed - self._late:
            log.warning(
                "sampler %r: no answer in the %g s that a fork can wait: what the child counts "
                "before its first pull may be missing from its numbers",
                name,
                LONGEST,
            )
        self._late |= failed

    def _tell_of_failure(self, source: Source, failure: Failure) -> None:
        """Say nothing: `take` says what it costs, and the consumers say whether it goes on."""

    def of(self, registration: Registered) -> Counted | None:
        """Return what a sampler had counted at the fork, or None if that is not known."""
        if _restarts(registration):
            return _NOTHING
        return self._counted.get(id(registration))


class Subtracted:
    """What the consumers of a forked child subtract: others that take their place do the same.

    Args:
        at_fork: what the parent has read right before the fork, if it has.
    """

    def __init__(self, at_fork: ForkBaseline | None) -> None:
        self._at_fork = at_fork
        self._by_id: dict[int, tuple[Registered, Mapping[str, Any], Counted]] = {}
        """By identity of a registration, which is kept so that no other one has it."""

    def follow(self, collectors: Iterable[Collector]) -> None:
        """Have new consumers subtract what these do; the first counts of those that pull the same.

        Args:
            collectors: they do not pull now; where they have not pulled yet, nothing changes.
        """
        by_id: dict[int, tuple[Registered, Mapping[str, Any], Counted]] = {}
        for source in (each for one in collectors for each in one._sources):  # noqa: SLF001
            registration = source.registration
            if id(registration) not in by_id:
                counted = source.intake.subtracted()
                by_id[id(registration)] = registration, source.settings, counted
        self._by_id = by_id or self._by_id

    def of(self, registration: Registered, settings: Mapping[str, Any]) -> Counted | None:
        """Return what is subtracted from a sampler's values, or None if that is not known.

        Args:
            registration: the sampler's.
            settings: what its factory is told: one that was told otherwise may count other things.
        """
        found = self._by_id.get(id(registration))
        if found is not None and found[1] == settings:
            return found[2]
        return None if self._at_fork is None else self._at_fork.of(registration)


class _Inherited(PerRound):
    """Those of a parent's registrations whose counts a child goes on from."""

    def __init__(self, registered: Callable[[], Iterable[Registered]]) -> None:
        self._registered = registered

    def begin_round(self, deadline: float, until: float) -> tuple[Registered, ...]:
        """See `PerRound`."""
        del deadline, until
        return tuple(filter(_goes_on, self._registered()))

    def __len__(self) -> int:
        return len(tuple(self))


def _goes_on(registration: Registered) -> bool:
    if not isinstance(registration, registries.Registration) or _restarts(registration):
        return False
    state = registries.state_of(registration)
    said = state.declaration
    if state.bounded or state.shared_read is not None or said.sample is None:
        return False
    return not said.metrics or any(each.kind != "gauge" for each in said.metrics.values())


def _restarts(registration: Registered) -> bool:
    return registration.sampler.get(AT_FORK) == ZERO
