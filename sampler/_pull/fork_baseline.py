"""What samplers had counted at a fork, read in the parent: a child's counts begin there (C-19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._pull.collector import Collector
from sampler._registry import registry as registries
from sampler._registry.all_registries import PerRound
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sampler._pull.collector import AtFork
    from sampler._pull.inherited import Counted
    from sampler.types import Registered

LONGEST = 0.05
"""Seconds by which a fork may be late."""


class ForkBaseline(Collector):
    """Reads, right before a fork, the counts that the child inherits.

    The child's own first pull comes too late: what is counted before it would be lost. Samplers
    that restart at zero in a child, or that have a read of some age, are not read.

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
                "before its first pull is not in its numbers",
                name,
                LONGEST,
            )
        self._late |= failed

    def of(self, registration: Registered) -> Counted | None:
        """Return what a sampler had counted at the fork, or None if that is not known."""
        return self._counted.get(id(registration))


class Subtracted:
    """What the consumers of a forked child subtract: others that take their place do the same.

    Args:
        collectors: they do not pull now; of those that pull the same sampler, the first counts.
        before: returns what a sampler had counted at the fork that none of them has pulled.
    """

    def __init__(self, collectors: Iterable[Collector], before: AtFork) -> None:
        self._before = before
        self._by_id: dict[int, tuple[Registered, Counted]] = {}
        """By identity of a registration, which is kept so that no other one has it."""
        for source in (each for one in collectors for each in one._sources):  # noqa: SLF001
            registration = source.registration
            if id(registration) not in self._by_id:
                self._by_id[id(registration)] = registration, source.intake.subtracted()

    def of(self, registration: Registered) -> Counted | None:
        """Return what is subtracted from a sampler's values, or None if that is not known."""
        if (found := self._by_id.get(id(registration))) is not None:
            return found[1]
        return None if self._before is None else self._before(registration)


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
    if not isinstance(registration, registries.Registration):
        return False
    state = registries.state_of(registration)
    said = state.declaration
    if state.bounded or state.shared_read is not None or said.sample is None:
        return False
    return not said.metrics or any(each.kind != "gauge" for each in said.metrics.values())
