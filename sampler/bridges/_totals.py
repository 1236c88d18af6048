"""Sums of the deltas of one series of OpenTelemetry."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from sampler.bridges._histograms import dense, exponential, halved


class _Total:
    """A series.

    Args:
        name: its metric.
        labels: its labels.
        described: its metric's description.
    """

    def __init__(self, name: str, labels: dict[str, str], described: dict[str, Any]) -> None:
        self.name = name
        self.labels = labels
        self.described = described
        self.sum: float = 0
        self.count = 0


class NumberTotal(_Total):
    """Of a sum."""

    def add(self, point: Any) -> None:
        """Add a delta."""
        self.sum += point.value

    def value(self) -> float:
        """Return the total."""
        return self.sum


class ExplicitTotal(_Total):
    """Of a histogram with explicit bounds."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self._bounds: tuple[float, ...] = ()
        self._counts: list[int] = []

    def add(self, point: Any) -> None:
        """Add a delta; other bounds than before begin anew, as after a restart."""
        bounds = tuple(point.explicit_bounds)
        if bounds != self._bounds or not self._counts:
            self._bounds, self._counts = bounds, [0] * len(point.bucket_counts)
            self.sum = self.count = 0
        self._counts = [a + b for a, b in zip(self._counts, point.bucket_counts, strict=True)]
        self.sum += point.sum
        self.count += point.count

    def value(self) -> dict[str, Any]:
        """Return the total."""
        buckets = dict(zip(self._bounds, accumulate(self._counts), strict=False))
        return {"count": self.count, "sum": self.sum, "buckets": buckets}


class ExponentialTotal(_Total):
    """Of an exponential histogram, at the coarsest scale so far."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self._scale: int | None = None
        self._zeros = 0
        self._threshold = 0.0
        self._sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def add(self, point: Any) -> None:
        """Add a delta."""
        scale, sides = (
            point.scale,
            [dense(side.offset, side.bucket_counts) for side in (point.positive, point.negative)],
        )
        mine = self._scale if self._scale is not None else scale
        while scale > mine:
            scale, sides = scale - 1, [halved(side) for side in sides]
        while mine > scale:
            mine, self._sides = mine - 1, (halved(self._sides[0]), halved(self._sides[1]))
        for own, other in zip(self._sides, sides, strict=True):
            for index, count in other.items():
                own[index] = own.get(index, 0) + count
        self._scale = mine
        self._zeros += point.zero_count
        self._threshold = max(self._threshold, getattr(point, "zero_threshold", 0.0) or 0.0)
        self.sum += point.sum
        self.count += point.count

    def value(self) -> dict[str, Any]:
        """Return the total."""
        scale, (positive, negative) = self._scale or 0, self._sides
        return exponential(
            scale, self.count, self.sum, self._zeros, positive, negative, self._threshold
        )
