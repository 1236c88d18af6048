"""What became of each sampler's samples, as the agent's own account says it.

It is read from the snapshot, where a relay's has the account of all its processes, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent import Snapshot
    from sampler.page.failures import Failures

_OWN = "sampler"


def samplers_of(
    snapshot: Snapshot | None, failures: Failures, paused: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return a row for each sampler.

    Args:
        snapshot: the newest one.
        failures: which samplers fail.
        paused: seconds for which samplers are not called.
    """
    rows: dict[str, dict[str, Any]] = {}
    for block in snapshot.blocks if snapshot is not None else ():
        row = rows.setdefault(block.sampler, _row(block.sampler))
        row["series"] += len(block)
        if block.sampler == _OWN:
            _read_account(block, rows)
    for name, failing in failures.samplers.items():
        row = rows.setdefault(name, _row(name))
        row["last_failure"] = failing.message
    for name, left in paused.items():
        rows.setdefault(name, _row(name))["paused_for"] = left
    order = sorted(rows, key=lambda name: (not rows[name]["paused_for"], name == _OWN, name))
    return [rows[name] for name in order]


def _row(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "duration": None,
        "series": 0,
        "yielded": 0,
        "refused": {},
        "failures": 0,
        "paused_for": None,
        "last_failure": None,
    }


def _read_account(block: Any, rows: dict[str, dict[str, Any]]) -> None:
    for series, value in block:
        name = series.name
        if not name.startswith(("sampler.samples.", "sampler.pull")):
            continue
        labels = series.labels
        sampler = labels.get("sampler")
        if sampler is None:
            continue
        row = rows.setdefault(sampler, _row(sampler))
        if name == "sampler.samples.yielded":
            row["yielded"] += value
        elif name == "sampler.samples.refused":
            reason = labels.get("reason", "")
            row["refused"][reason] = row["refused"].get(reason, 0) + value
        elif name == "sampler.pulls.failed":
            row["failures"] += value
        elif name == "sampler.pull.duration":
            row["duration"] = max(value, row["duration"] or 0.0)
