"""What a metric with too many series becomes: the surplus, folded into one series.

Folding is sticky: once a metric overflows, no new series of it is admitted until a pull folds
none; else a series counted inside the surplus could come out of it and count a second time.
The folded total never falls: of the surplus, only what it grew by is added.
"""

from __future__ import annotations

from sampler._values import add, fell, subtract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler._snapshot import Value


class Overflow:
    """The folded metrics of one sampler, as one consumer sees them."""

    __slots__ = ("_before", "_folded", "_sums")

    def __init__(self, before: dict[str, tuple[Value, Value]] | None = None) -> None:
        self._before = before or {}
        self._sums: dict[str, Value] = {}
        self._folded: dict[str, int] = {}

    def begin(self) -> Overflow:
        """Return the state for the next pull; this one stays as it is."""
        return Overflow(dict(self._before))

    def holds(self, metric: str) -> bool:
        """Tell whether the last pull folded series of this metric."""
        return metric in self._before

    def fold(self, metric: str, value: Value) -> None:
        """Add one sample of the surplus."""
        known = self._sums.get(metric)
        self._sums[metric] = value if known is None else add(known, value)
        self._folded[metric] = self._folded.get(metric, 0) + 1

    def finish(self) -> list[tuple[str, Value, int]]:
        """Return ``(metric, total, samples folded)`` for each metric with a surplus."""
        after: dict[str, tuple[Value, Value]] = {}
        for metric, now in self._sums.items():
            if metric not in self._before:
                after[metric] = (now, now)
                continue
            total, then = self._before[metric]
            after[metric] = (total if fell(now, then) else add(total, subtract(now, then)), now)
        self._before = after
        return [(metric, total, self._folded[metric]) for metric, (total, _) in after.items()]
