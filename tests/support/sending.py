"""Snapshots through an adapter's outbox and sender, as an agent has them: retried and halved."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler.agent.delivery.outbox import Outbox
from sampler.agent.delivery.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler.agent import Balance, Snapshot

LIMIT = 30.0
"""Seconds."""


def delivered(adapter: Any, snapshots: Iterable[Snapshot]) -> Balance:
    """Deliver snapshots in turn; return what became of their entries."""
    outbox: Outbox[Any] = Outbox(2**23)
    sender = Sender("test", adapter, outbox, 10.0)
    sender.start()
    try:
        for snapshot in snapshots:
            outbox.add(adapter.encode(snapshot, {}))
        balance = outbox.wait_until_empty(LIMIT)
    finally:
        sender.finish(time.monotonic() + 1.0, close=False)
        sender.join()
    assert balance.holds
    assert not balance.queued
    return balance
