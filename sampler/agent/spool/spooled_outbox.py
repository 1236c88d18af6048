"""The outbox of a stamped adapter with a spool: more may wait than memory holds."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from sampler._runtime.safe_text import segment
from sampler.agent.delivery.adapter import Batch
from sampler.agent.delivery.outbox import Item, Outbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.agent.delivery.ledger import Ledger
    from sampler.agent.spool.segments import Segment
    from sampler.agent.spool.writer import Spool, StoredBatch

PATIENCE = 1.0
"""Seconds that the first batch waits for the batches that an earlier process left."""
LAST_PATIENCE = 0.5
"""Seconds that close() waits for the disk."""
_INDEX = 400
"""Bytes of memory that a batch takes while its frames are on disk only."""
_LONGEST_WORD = 60


@attrs.frozen
class OnDisk(Batch):
    """A batch whose frames are not in memory."""

    @property
    def size(self) -> int:
        """Bytes of memory that it takes nevertheless."""
        return _INDEX


@attrs.define(eq=False)
class SpooledItem(Item):
    """One batch that waits.

    Attributes:
        stored: the spool's part of it.
    """

    stored: StoredBatch = attrs.field(kw_only=True)


class SpooledOutbox(Outbox[SpooledItem]):
    """A queue whose batches are written to a spool, too.

    At ``max_bytes`` the newest batches that are written leave memory, and are read again when
    their turn comes. What could not be delivered at the end stays in the spool: the ledger of
    this process counts it as ``queued``, that of the next one as ``recovered``.

    Args:
        max_bytes: most bytes that wait in memory.
        spool: writes and reads them.
        folder: the folder in which the spool makes its own.
        name: the adapter's name.
        ledger: the ledger to go on with; default: a new one.
    """

    def __init__(
        self, max_bytes: int, spool: Spool, folder: str, name: str, ledger: Ledger | None = None
    ) -> None:
        super().__init__(max_bytes, ledger)
        self.spool: Spool = spool
        self._parent = folder
        self._name = name
        self._on_disk = 0
        self._left_before = 0
        """Entries of this ledger that an earlier outbox left in the spool."""

    def start(self, identity: Mapping[str, str]) -> None:
        """Start the spool, in the folder of this service, instance and adapter."""
        self._left_before, self.ledger.left = self.ledger.left, 0
        words = (identity["service"], identity["instance"], self._name)
        name = ".".join(segment(word, _LONGEST_WORD) for word in words)
        self.spool.start(Path(self._parent) / name, self)

    def take(self) -> Batch | None:
        """See :meth:`Outbox.take`; a batch that has left memory is read from the disk."""
        self.spool.ready(PATIENCE)
        while isinstance(batch := super().take(), OnDisk):
            read = self.spool.read(self._waiting[0].stored)  # in flight, so it stays there
            with self._changed:
                if self._closed:
                    return None
                if read is not None:
                    self._replace(self._waiting[0], read)
                    self._evict()
                    return read
                self.settle(rejected="spool")
        return batch

    def close(self, reason: str = "shutdown") -> None:
        """Leave in the spool what it holds, in flight or not; count the rest as dropped."""
        self.spool.close(LAST_PATIENCE)
        with self._changed:
            if not self._closed:
                self._in_flight = self._in_flight and self._waiting[0].stored.position is None
                kept = [item for item in self._waiting if item.stored.position is not None]
                self.ledger.left = self._left_before + sum(item.batch.samples for item in kept)
                left = (item for item in self._waiting if item.stored.position is None)
                self._waiting = deque(left)
                self._bytes = sum(item.batch.size for item in self._waiting)
                self._on_disk = sum(isinstance(item.batch, OnDisk) for item in self._waiting)
            super().close(reason)

    def recover(self, found: Sequence[tuple[StoredBatch, int]]) -> None:
        """Queue what was in the spool, ahead of everything else."""
        entries = sum(samples for _, samples in found)
        with self._changed:
            if self._closed:
                return  # the disk took too long: the next process recovers it
            more, self._left_before = entries - self._left_before, 0
            self.ledger.count(
                recovered=max(0, more), dropped={"spool": max(0, -more)}, queued=more
            )
            in_flight = [self._waiting.popleft()] if self._in_flight else []
            kept = [SpooledItem(OnDisk((), samples), stored=stored) for stored, samples in found]
            self._bytes += _INDEX * len(kept)
            self._on_disk += len(kept)
            self._waiting.extendleft(reversed([*in_flight, *kept]))
            self._make_room()
            self._tell()

    def drop_segment(self, segment: Segment) -> None:
        """Drop the batches of a segment; one in flight stays in memory."""
        with self._changed:
            for index in reversed(range(len(self._waiting))):
                stored = self._waiting[index].stored
                if stored.position is None or stored.position.segment is not segment:
                    continue
                if index or not self._in_flight:
                    self._drop(index, "oldest")
                else:
                    stored.position = None

    def _item(self, batch: Batch) -> SpooledItem:
        return SpooledItem(batch, stored=self.spool.keep(batch))

    def _halves(self, item: SpooledItem, halves: Sequence[Batch]) -> list[SpooledItem]:
        stored = item.stored
        stored.parts += len(halves)
        stored.split = True
        return [SpooledItem(half, stored=stored) for half in halves]

    def _pop(self, index: int) -> SpooledItem:
        item = super()._pop(index)
        self.spool.release(item.stored)
        self._on_disk -= isinstance(item.batch, OnDisk)
        return item

    def _make_room(self) -> None:
        self._evict()
        while self._bytes > self._max_bytes and len(self._waiting) > self._in_flight:
            first = int(self._in_flight)
            self._drop(first if self._index_is_large() else self._in_memory(first), "oldest")

    def _index_is_large(self) -> bool:
        """Tell whether dropping batches that are on disk only would free much memory."""
        return self._on_disk * _INDEX > self._max_bytes // 2

    def _in_memory(self, first: int) -> int:
        """Return the index of the oldest batch in memory from ``first`` on; else ``first``."""
        for index in range(first, len(self._waiting)):
            if not isinstance(self._waiting[index].batch, OnDisk):
                return index
        return first

    def _evict(self) -> None:
        """Remove the newest batches that are written from memory."""
        for back, item in enumerate(reversed(self._waiting), 1):
            if self._bytes <= self._max_bytes or back > len(self._waiting) - self._in_flight:
                break
            stored, batch = item.stored, item.batch
            if stored.position is not None and not stored.split and batch.size > _INDEX:
                self._replace(item, OnDisk((), batch.samples))

    def _replace(self, item: SpooledItem, batch: Batch) -> None:
        self._bytes += batch.size - item.batch.size
        self._on_disk += isinstance(batch, OnDisk) - isinstance(item.batch, OnDisk)
        item.batch = batch
