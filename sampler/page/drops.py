"""Entries that adapters have given up lately, as the agent's own account says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from sampler.agent import Snapshot

LATELY = 600.0
"""Seconds for which a drop is told."""
MAX_KINDS = 1000
_OWN, _DROPPED = "sampler", "sampler.entries.dropped"
_ON_PURPOSE = frozenset({"superseded", "unsupported"})
"""A newer snapshot has taken their place, or the backend has nothing for them: no loss."""


@attrs.frozen
class Drop:
    """Entries of one adapter that were given up for one reason.

    Attributes:
        entries: how many, since the first pull in which there were more than before.
        since: epoch seconds of that.
        last: epoch seconds of the last one.
    """

    entries: float
    since: float
    last: float


class Drops:
    """What was dropped lately.

    Attributes:
        lately: by adapter and reason; replaced with each pull, so any thread may read it.
    """

    def __init__(self) -> None:
        self.lately: dict[tuple[str, str], Drop] = {}
        self._before: dict[tuple[str, str], float] | None = None

    def note(self, snapshot: Snapshot) -> None:
        """Note by how much the counts have grown since the last pull."""
        totals: dict[tuple[str, str], float] = {}
        for block in snapshot.blocks:
            for series, value in block if block.sampler == _OWN else ():
                if series.metric.name == _DROPPED and isinstance(value, int | float):
                    labels = series.labels
                    key = labels.get("adapter", ""), labels.get("reason", "")
                    totals[key] = totals.get(key, 0.0) + value
        before, self._before = self._before, totals
        now = snapshot.time
        kept = {key: drop for key, drop in self.lately.items() if now - drop.last < LATELY}
        for key, total in totals.items() if before is not None else ():
            grown = total - (before or {}).get(key, 0.0)
            if grown > 0 and key[1] not in _ON_PURPOSE and len(kept) < MAX_KINDS:
                earlier = kept.get(key, Drop(0.0, now, now))
                kept[key] = Drop(earlier.entries + grown, earlier.since, now)
        self.lately = kept
