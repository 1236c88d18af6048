"""What became of each sampler's samples, as the agent's own account says it.

It is read from the snapshot, where a relay's has the account of all its processes, too. That
account has reasons and no texts: what a sampler has raised stays in the log of its process.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sampler.page.trouble import PARKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent import Snapshot
    from sampler.page.failures import Failures
    from sampler.page.lately import Lately

_OWN = "sampler"
_WAITS = (PARKED, "hung")
"""Reasons of pulls that were left out: why the sampler waits says more."""


def samplers_of(
    snapshot: Snapshot | None,
    failures: Failures,
    paused: Mapping[str, float],
    failed: Lately,
) -> list[dict[str, Any]]:
    """Return a row for each sampler, those that are not called for a while first.

    Args:
        snapshot: the newest one.
        failures: which samplers fail in this process.
        paused: seconds for which this process does not call samplers.
        failed: pulls that have failed lately, in any process, by sampler and reason.
    """
    rows: dict[str, dict[str, Any]] = {}
    reasons: dict[str, Counter[str]] = {}
    for block in snapshot.blocks if snapshot is not None else ():
        row = rows.setdefault(block.sampler, _row(block.sampler))
        row["series"] += len(block)
        if block.sampler == _OWN:
            _read_account(block, rows, reasons)
    for name, counts in reasons.items():
        rows[name].update(_failure(name, counts, failed))
    for name, failing in failures.samplers.items():
        row = rows.setdefault(name, _row(name))
        row.update(last_failure=failing.message, failing=failing.now, paused=False)
    for name, left in paused.items():
        rows.setdefault(name, _row(name)).update(paused=True, paused_for=left)
    order = sorted(rows, key=lambda name: (not rows[name]["paused"], name == _OWN, name))
    return [rows[name] for name in order]


def _row(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "duration": None,
        "series": 0,
        "yielded": 0,
        "refused": {},
        "failures": 0,
        "failing": False,
        "paused": False,
        "paused_for": None,
        "last_failure": None,
    }


def _read_account(
    block: Any, rows: dict[str, dict[str, Any]], reasons: dict[str, Counter[str]]
) -> None:
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
            reasons.setdefault(sampler, Counter())[labels.get("reason", "")] += value
        elif name == "sampler.pull.duration":
            row["duration"] = max(value, row["duration"] or 0.0)


def _failure(name: str, counts: Counter[str], failed: Lately) -> dict[str, Any]:
    """Return what the account says of a sampler's failures, of which there may be none."""
    rising = {reason for sampler, reason in failed.rises if sampler == name}
    lately = {reason for sampler, reason in failed.risen if sampler == name}
    known = [reason for reason, times in counts.items() if times]
    if not known:
        return {}
    reason = max(known, key=lambda each: (each not in _WAITS, each in lately, counts[each]))
    where = "in a process that reports" if lately else "in a process, earlier"
    return {
        "failing": bool(rising),
        "paused": PARKED in rising,
        "last_failure": f"{reason}, {where} (its log says more)",
    }
