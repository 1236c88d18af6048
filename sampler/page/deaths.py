"""Processes of a relay that have ended without a farewell lately."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from sampler.agent import Snapshot

LATELY = 300.0
"""Seconds for which a death is told."""
_SAMPLER, _EXITS = "server", "server.process.exits"
_DEATHS = frozenset({"signal", "lost"})


@attrs.frozen
class Died:
    """Processes that ended in one way.

    Attributes:
        processes: how many, in the last :data:`LATELY` seconds.
        since: epoch seconds of the pull that told of the first of them.
    """

    processes: int
    since: float


class Deaths:
    """Which processes have died lately, as a relay counts them.

    Attributes:
        lately: by the reason ``signal`` or ``lost``; replaced with each pull, so any thread may
            read it.
    """

    def __init__(self) -> None:
        self.lately: dict[str, Died] = {}
        self._told: deque[tuple[float, str, int]] = deque()
        self._before: dict[str, int] | None = None

    def note(self, snapshot: Snapshot) -> None:
        """Note how many have died since the last pull."""
        totals: dict[str, int] = {}
        for block in snapshot.blocks:
            for series, value in block if block.sampler == _SAMPLER else ():
                reason = series.labels.get("reason", "")
                if series.metric.name == _EXITS and reason in _DEATHS and isinstance(value, int):
                    totals[reason] = totals.get(reason, 0) + value
        before = totals if self._before is None else self._before
        self._before = totals
        told, now = self._told, snapshot.time
        for reason, total in totals.items():
            if (died := total - before.get(reason, 0)) > 0:
                told.append((now, reason, died))
        while told and not 0 <= now - told[0][0] < LATELY:
            told.popleft()
        lately: dict[str, Died] = {}
        for time, reason, died in told:
            earlier = lately.get(reason, Died(0, time))
            lately[reason] = Died(earlier.processes + died, earlier.since)
        self.lately = lately
