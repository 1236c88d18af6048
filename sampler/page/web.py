"""The web application's figures between the last two pulls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sampler.agent import HistogramValue, merge
from sampler.page.quantiles import NAMES, increase, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Series, Snapshot

_SAMPLER = "http.server"
_CLASS = "http.response.status_class"


def web_of(last: Snapshot | None, before: Snapshot | None) -> dict[str, Any] | None:
    """Return the figures; None where no application publishes them.

    Args:
        last: the newest snapshot.
        before: the one before it.
    """
    if last is None or not any(block.sampler == _SAMPLER for block in last.blocks):
        return None
    risen = _Risen(last, before)
    return {
        "requests_per_second": risen.rate("requests"),
        "active": _sum(value for _, value in _entries(last, "active_requests")),
        "utilization": None,
        "busy": risen.rate("busy.time"),
        "queue_time": risen.quantiles("queue.duration", 2),
        "duration": risen.quantiles("request.duration", 3),
        "errors_per_second": risen.rate("requests", "5xx"),
    }


class _Risen:
    """By how much an application's metrics have risen between two snapshots."""

    def __init__(self, last: Snapshot, before: Snapshot | None) -> None:
        self._last = last
        self._values: dict[Series, Any] = {}
        self._seconds = math.nan
        if before is not None:
            self._values = {each: v for b in _blocks(before) for each, v in b}
            reads = [block.time for block in _blocks(before)]
            now = [block.time for block in _blocks(last)]
            self._seconds = now[0] - reads[0] if reads else math.nan

    def rate(self, name: str, status: str | None = None) -> float | None:
        """Return a counter's rate per second; None where it is not known."""
        if not self._seconds > 0:
            return None
        total = 0.0
        for series, value in _entries(self._last, name):
            if status is None or series.labels.get(_CLASS) == status:
                total += value - self._values.get(series, 0)
        return float(f"{total / self._seconds:.6g}")

    def quantiles(self, name: str, how_many: int) -> dict[str, float | None]:
        """Return quantiles of what a histogram has seen, all its series together."""
        total: HistogramValue | None = None
        for series, value in _entries(self._last, name):
            earlier = self._values.get(series)
            each = value if earlier is None else increase(value, earlier)
            if isinstance(each, HistogramValue) and each.count:
                total = each if total is None else merge(total, each)
        found = (math.nan,) * len(NAMES) if total is None else quantiles(total)
        pairs = zip(NAMES[:how_many], found, strict=False)
        return {name: None if math.isnan(value) else value for name, value in pairs}


def _blocks(snapshot: Snapshot) -> list[Any]:
    return [block for block in snapshot.blocks if block.sampler == _SAMPLER]


def _entries(snapshot: Snapshot, metric: str) -> Iterator[tuple[Series, Any]]:
    name = f"{_SAMPLER}.{metric}"
    for block in _blocks(snapshot):
        yield from ((series, value) for series, value in block if series.metric.name == name)


def _sum(values: Iterator[Any]) -> float | None:
    found = list(values)
    return sum(found) if found else None
