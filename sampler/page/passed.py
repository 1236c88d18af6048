"""Samples as they pass: those of the last pulls, for ``sampler tap``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sampler.agent import HistogramValue

if TYPE_CHECKING:
    from sampler.agent import Snapshot
    from sampler.page.recorder import Recorder

MOST = 5000
"""Samples of one pull that are told."""
LONGEST = 200
"""Characters of a pattern."""


def passed(recorder: Recorder, after: int, pattern: str) -> dict[str, Any]:
    """Return the pulls after a number, with the samples whose full names match.

    Args:
        recorder: keeps the last two pulls.
        after: the number of the last pull that is known.
        pattern: as of :mod:`fnmatch`, of at most :data:`LONGEST` characters.
    """
    pulls, last, before = recorder.newest
    kept = ((pulls - 1, before), (pulls, last))
    told = [
        {"pull": number, "time": snapshot.time, **_samples(snapshot, pattern)}
        for number, snapshot in kept
        if snapshot is not None and number > after
    ]
    return {"pulls": pulls, "told": told}


def _samples(snapshot: Snapshot, pattern: str) -> dict[str, Any]:
    names: dict[str, bool] = {}
    found: list[dict[str, Any]] = []
    left_out = 0
    for block in snapshot.blocks:
        for series, value in block:
            name = series.metric.name
            wanted = names.get(name)
            if wanted is None:
                wanted = names[name] = fnmatchcase(name, pattern)
            if wanted and len(found) < MOST:
                found.append(
                    {
                        "time": block.time,
                        "name": name,
                        "labels": dict(series.labels),
                        "kind": series.kind,
                        "unit": series.unit,
                        "value": _plain(value),
                    }
                )
            else:
                left_out += wanted
    return {"samples": found, "left_out": left_out}


def _plain(value: Any) -> Any:
    if isinstance(value, HistogramValue):
        buckets = [[upper, count] for upper, count in value.buckets]
        return {"count": value.count, "sum": value.sum, "buckets": buckets}
    return value
