"""The surplus of a metric with too many series, folded into one series.

The surplus that a sampler has folded itself, as instruments do, is part of it.
Folding is sticky: once a metric overflows, no new series of it is admitted until a pull folds
none; otherwise a series counted in the surplus could leave it and count a second time. The folded
total never falls: only increases of the surplus are added.
"""

from __future__ import annotations

from types import MappingProxyType

from sampler._contract.values import add, fell, subtract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from sampler._contract.snapshot import Value


_NONE: Any = MappingProxyType({})
_NO_METRICS: Any = frozenset()
"""What most pulls have, of all samplers."""


class Overflow:
    """The folded metrics of one sampler, as one consumer sees them."""

    __slots__ = ("_before", "_folded", "_holding", "_lost", "_pasts", "_sums", "_unsure")

    def __init__(
        self,
        before: dict[str, tuple[Value, Value]] | None = None,
        lost: dict[str, int] | None = None,
        holding: frozenset[str] = frozenset(),
    ) -> None:
        self._before = before or _NONE
        self._lost = lost or _NONE
        self._holding = holding
        self._sums: dict[str, Value] = _NONE
        self._folded: dict[str, int] = _NONE
        self._unsure: set[str] = _NO_METRICS
        self._pasts: dict[str, Value] = _NONE

    def begin(self) -> Overflow:
        """Return the state for the next pull; this one stays as it is."""
        if not (self._before or self._lost):
            return Overflow()
        return Overflow(dict(self._before), dict(self._lost), self._holding)

    @property
    def idle(self) -> bool:
        """True if nothing was folded, in this pull or in the last one."""
        return not (self._sums or self._before)

    def holds(self, metric: str) -> bool:
        """Tell whether the last pull folded series of this metric."""
        return metric in self._holding

    def fold(self, metric: str, value: Value, samples: int = 1, *, has_past: bool = False) -> None:
        """Add one sample of the surplus.

        Args:
            metric: the metric's name.
            value: the sample's value.
            samples: 0 if the sampler folded it itself.
            has_past: the value is a baseline: only what comes after it counts.
        """
        if not self._sums:
            self._sums, self._folded = {}, {}
        known = self._sums.get(metric)
        self._sums[metric] = value if known is None else add(known, value)
        self._folded[metric] = self._folded.get(metric, 0) + samples
        if has_past:
            self.forget(metric, value)

    def forget(self, metric: str, value: Value) -> None:
        """Note that this much of the surplus was counted before."""
        if not self._pasts:
            self._pasts = {}
        past = self._pasts.get(metric)
        self._pasts[metric] = value if past is None else add(past, value)

    def miss(self, metric: str) -> None:
        """Note that a sample without a value may belong to the surplus: its sum is too low."""
        if not self._unsure:
            self._unsure = set()
        self._unsure.add(metric)

    def lose(self, metric: str, recordings: int) -> int:
        """Return how many recordings a gauge has refused since the last pull, and remember."""
        if not self._lost:
            self._lost = {}
        before, self._lost[metric] = self._lost.get(metric, 0), recordings
        return recordings if recordings < before else recordings - before

    def finish(self, own: Container[str], *, cut: bool) -> list[tuple[str, Value, int]]:
        """End the pull.

        Args:
            own: metrics of which the sampler yielded a surplus itself.
            cut: the pull was cut, so that a sum may be too low.

        Returns:
            ``(metric, total, folded samples beyond the one entry)`` for each metric with a
            surplus.
        """
        after: dict[str, tuple[Value, Value]] = {}
        unsure = self._before.keys() if cut else self._before.keys() & self._unsure
        for metric, now in self._sums.items():
            total, then = self._before.get(metric, (now, now))
            if (past := self._pasts.get(metric)) is not None:
                known = metric in self._before
                total, then = (total, add(then, past)) if known else (subtract(now, past), then)
            if metric in unsure and fell(now, then):
                after[metric] = (total, then)
            elif total is then:  # exact: nothing has ever left the surplus
                after[metric] = (total, now) if fell(now, then) else (now, now)
            else:
                grown = total if fell(now, then) else add(total, subtract(now, then))
                after[metric] = (grown, now)
        self._before = {**{metric: self._before[metric] for metric in unsure}, **after}
        folding = frozenset(metric for metric, folded in self._folded.items() if folded)
        self._holding = folding | (self._holding & frozenset(unsure))
        return [
            (metric, total, self._folded[metric] - (metric not in own))
            for metric, (total, _) in after.items()
        ]

    def without_sum(self) -> list[str]:
        """Return the metrics that are still folded though this pull had no value of theirs."""
        return [metric for metric in self._before if metric not in self._sums]
