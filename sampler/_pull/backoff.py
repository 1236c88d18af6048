"""How a sampler has answered one consumer: when that one may call it again (C-09)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler._runtime.abandoned import HungBatch

FREE_FAILURES = 2
"""Failures in a row without a pause: most failures pass by themselves."""
LONGEST_PAUSE = 60.0
"""Seconds; the longest pause after failures, each of which costs next to nothing."""
LONGEST_HANG_PAUSE = 300.0
"""Seconds; the longest pause after overruns, each of which costs a thread and a deadline."""


class Health:
    """What one consumer knows of one sampler; only its pulls, one at a time, change it.

    Attributes:
        proven: it has answered at least once, so it runs before those that never have.
        logged: the state that was logged last: only a change is logged.
    """

    __slots__ = ("_abandoned", "_failures", "_overruns", "_until", "logged", "proven")

    def __init__(self) -> None:
        self._abandoned: list[HungBatch] = []
        self._failures = self._overruns = 0
        self._until = 0.0
        self.proven: bool = False
        self.logged: str = ""

    def hung(self) -> bool:
        """Tell whether an abandoned call has not returned yet."""
        if self._abandoned:
            self._abandoned = [each for each in self._abandoned if not each.returned]
        return bool(self._abandoned)

    def pause_left(self, now: float) -> float:
        """Return the seconds until it may be called again; 0 or less: now (monotonic)."""
        return self._until - now

    def answered(self) -> None:
        """Note a pull that succeeded."""
        self.proven = True
        self._failures = self._overruns = 0
        self._until = 0.0

    def failed(self, now: float) -> None:
        """Note a pull that raised: after several in a row pause, twice as long each time."""
        self._failures = min(self._failures + 1, 32)
        beyond = self._failures - FREE_FAILURES
        if beyond > 0:
            self._until = now + min(2.0 ** (beyond - 1), LONGEST_PAUSE)

    def abandon(self, batch: HungBatch) -> None:
        """Note a call that was abandoned and may still run."""
        self._abandoned.append(batch)

    def overran(self, now: float, deadline: float) -> None:
        """Note a missed deadline: pause at once, twice as long each time."""
        self._overruns = min(self._overruns + 1, 32)
        self._until = now + min(deadline * 2.0 ** (self._overruns - 1), LONGEST_HANG_PAUSE)
