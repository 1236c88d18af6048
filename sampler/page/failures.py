"""Which samplers fail, since when, and what they failed with last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from sampler.agent import Snapshot

MAX_SAMPLERS = 1000
"""Samplers whose last failure is kept."""


@attrs.frozen
class Failing:
    """A sampler's last failure.

    Attributes:
        reason: as of the pull.
        message: for people.
        since: epoch seconds of the first of the failures that have come one after another.
        now: it has failed in the last pull.
    """

    reason: str
    message: str
    since: float
    now: bool


class Failures:
    """The last failure of each sampler.

    Attributes:
        samplers: by name; replaced with each pull, so any thread may read it.
    """

    def __init__(self) -> None:
        self.samplers: dict[str, Failing] = {}

    def note(self, snapshot: Snapshot) -> None:
        """Note which samplers have failed in a pull."""
        if not snapshot.failures and not any(each.now for each in self.samplers.values()):
            return
        found = {name: attrs.evolve(each, now=False) for name, each in self.samplers.items()}
        for each in snapshot.failures:
            before = self.samplers.get(each.sampler)
            lasting = before is not None and before.now
            since = before.since if before is not None and lasting else snapshot.time
            reason, message = each.reason, each.message
            if reason in ("parked", "hung") and before is not None:
                reason, message = before.reason, before.message  # why it waits says more
            found[each.sampler] = Failing(reason, message, since, now=True)
        while len(found) > MAX_SAMPLERS:
            del found[next(iter(found))]
        self.samplers = found
