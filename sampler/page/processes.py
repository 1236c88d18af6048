"""The processes whose numbers these are: a relay's, else the one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampler.agent import Agent, Snapshot


def processes_of(agent: Agent | None, snapshot: Snapshot | None) -> list[dict[str, Any]]:
    """Return a row for each process.

    Args:
        agent: this process's.
        snapshot: its newest one.
    """
    if agent is None:
        return []
    identity = agent.identity
    return [
        {
            "instance": identity.get("instance", ""),
            "pid": os.getpid(),
            "role": identity.get("role", ""),
            "start": float(identity.get("start", 0.0)),
            "last_report": None if snapshot is None else snapshot.time,
            "state": "reports",
        }
    ]
