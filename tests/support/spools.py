"""Spools for tests: driven by hand, one round at a time, on folders that can be damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sampler.agent import Batch
from sampler.agent.spool.spooled_outbox import SpooledOutbox
from sampler.agent.spool.writer import Spool

if TYPE_CHECKING:
    from sampler.agent import Ledger

IDENTITY = {"service": "shop", "instance": "0"}
NAME = "graphite"


class _ByHand:
    """Stands for the spool's thread: a round at the start, one at the end, others when asked."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def start(self) -> None:
        self._spool._round()

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float) -> None:
        self._spool._round()


def outbox(
    parent: Path,
    max_bytes: int = 2**20,
    spool_bytes: int = 2**16,
    *,
    interval: float = 60.0,
    ledger: Ledger | None = None,
    by_hand: bool = True,
) -> SpooledOutbox:
    """Return a started outbox with a spool under `parent`."""
    spool = Spool(NAME, spool_bytes, interval)
    if by_hand:
        spool._service = _ByHand(spool)
    made = SpooledOutbox(max_bytes, spool, str(parent), NAME, ledger)
    made.start(IDENTITY)
    return made


def folder(parent: Path) -> Path:
    """Return the spool's own folder under `parent`."""
    return parent / "shop.0.graphite"


def segments(parent: Path) -> list[Path]:
    """Return its segments, in order."""
    return sorted(folder(parent).glob("*.segment"))


def abandon(box: SpooledOutbox) -> None:
    """Let go of an outbox as a killed process does: nothing more is written."""
    if box.spool._opened:
        box.spool._segments.close()


def batch(number: int, size: int = 100, samples: int = 1) -> Batch:
    """Return a batch that can be told by its number."""
    text = b"shop.n %d 1\n" % number
    return Batch((text, b"x" * max(0, size - len(text))), samples)


def number(found: Batch) -> int:
    """Return a batch's number."""
    return int(found.frames[0].split()[1])


def drain(box: SpooledOutbox) -> list[Batch]:
    """Deliver everything that waits; return it in order."""
    found = []
    while not box.empty():
        if (taken := box.take()) is not None:
            found.append(taken)
            box.settle(delivered=taken.samples)
    return found
