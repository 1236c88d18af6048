"""An endpoint in memory, with faults, and the adapters that speak to it (test doubles)."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from sampler.agent import DELIVERED, UNCONFIRMED, Batch, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Outcome, Since, Snapshot


class Memory:
    """A stamped adapter whose endpoint keeps every (series, value, time) it was sent.

    Args:
        size: entries per batch.

    Attributes:
        received: each distinct entry and how often it came.
        fault: None, or what ``send`` does: ``unavailable``, ``muted`` (receives, then says
            unavailable), ``unconfirmed``, ``reject``, ``broken`` or ``hang``.
    """

    stamped = True

    def __init__(self, size: int = 3) -> None:
        self.received: Counter[tuple[str, Any, float]] = Counter()
        self.fault: str | None = None
        self.sends = 0
        self.closed = False
        self.release = threading.Event()
        self._size = size

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        entries = [
            (str(series), value, block.time)
            for block in snapshot.blocks
            for series, value in block
        ]
        for i in range(0, len(entries), self._size):
            part = entries[i : i + self._size]
            yield Batch((repr(part).encode(),), len(part), note=part)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        self.sends += 1
        fault = self.fault
        if fault == "unavailable":
            raise Unavailable("no one is there")
        if fault == "reject":  # the first entry of the batch; the rest arrives
            self.received.update((batch.note or ())[1:])
            raise Rejected("poison", 1)
        if fault == "broken":
            raise ZeroDivisionError("a defect")
        if fault == "hang":
            self.release.wait(60)
        self.received.update(batch.note or ())
        if fault == "muted":
            raise Unavailable("no answer")
        return UNCONFIRMED if fault == "unconfirmed" else DELIVERED

    def close(self) -> None:
        self.closed = True


class Tally:
    """An unstamped adapter whose endpoint adds up counter differences and keeps gauges."""

    stamped = False
    idempotent = False

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.gauges: dict[str, Any] = {}
        self.fault: str | None = None

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        for series, value in snapshot:
            if series.cumulative:
                yield Batch((b"",), 1, note=(str(series), value - since.get(series, 0)))
            else:
                yield Batch((b"",), 1, note=(str(series), value, "gauge"))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        if self.fault == "unavailable":
            raise Unavailable("no one is there")
        if batch.note is None:
            return UNCONFIRMED
        name, value, *gauge = batch.note
        if gauge:
            self.gauges[name] = value
        else:
            self.sums[name] += value
        return UNCONFIRMED
