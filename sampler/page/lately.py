"""By how much counters have risen lately: processes that died, pulls that failed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from sampler.agent import Snapshot


@attrs.frozen
class Risen:
    """What has been counted lately.

    Attributes:
        number: how much.
        since: epoch seconds of the pull that told of the first of it.
        last: epoch seconds of the pull that told of the last of it.
    """

    number: int
    since: float
    last: float


class Lately:
    """What a counter has counted within some time, by the values of some of its labels.

    Args:
        metric: its full name.
        labels: names of these labels.
        seconds: how long ago it may be; two intervals are looked at, at least.

    Attributes:
        risen: by these values; replaced with each pull, so any thread may read it.
        window: seconds that are looked at.
        rises: the values of ``risen`` that have risen within the last two intervals.
    """

    def __init__(self, metric: str, labels: tuple[str, ...], seconds: float) -> None:
        self.risen: dict[tuple[str, ...], Risen] = {}
        self._metric = metric
        self._sampler = metric.partition(".")[0]
        self._labels = labels
        self._seconds = seconds
        self.window: float = seconds
        self.rises: frozenset[tuple[str, ...]] = frozenset()
        self._told: deque[tuple[float, tuple[str, ...], int]] = deque()
        self._before: dict[tuple[str, ...], int] | None = None

    def note(self, snapshot: Snapshot) -> None:
        """Note how much has been counted since the last pull; what the first one has is old."""
        totals = self._totals(snapshot)
        before = totals if self._before is None else self._before
        self._before = totals
        told, now = self._told, snapshot.time
        for key, total in totals.items():
            if (grown := total - before.get(key, 0)) > 0:
                told.append((now, key, grown))
        brief = 2.5 * (snapshot.interval or 0.0)  # the reports of a process may come late
        self.window = max(self._seconds, brief)
        while told and not 0 <= now - told[0][0] < self.window:
            told.popleft()
        risen: dict[tuple[str, ...], Risen] = {}
        for time, key, grown in told:
            earlier = risen.get(key, Risen(0, time, time))
            risen[key] = Risen(earlier.number + grown, earlier.since, time)
        self.risen = risen
        self.rises = frozenset(key for key, each in risen.items() if now - each.last < brief)

    def _totals(self, snapshot: Snapshot) -> dict[tuple[str, ...], int]:
        totals: dict[tuple[str, ...], int] = {}
        for block in snapshot.blocks:
            for series, value in block if block.sampler == self._sampler else ():
                if series.metric.name == self._metric and isinstance(value, int):
                    labels = series.labels
                    key = tuple(labels.get(name, "") for name in self._labels)
                    totals[key] = totals.get(key, 0) + value
        return totals
