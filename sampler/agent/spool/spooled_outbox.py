"""The outbox of a stamped adapter that has a spool: more may wait than memory holds."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from sampler._runtime.safe_text import segment
from sampler.agent.delivery.adapter import Batch
from sampler.agent.delivery.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sampler.agent.delivery.ledger import Law
    from sampler.agent.spool.segments import Segment
    from sampler.agent.spool.writer import Slot, Spool

PATIENCE = 1.0
"""Seconds that the first batch waits for what an earlier process left."""
LAST_PATIENCE = 0.5
"""Seconds that the end waits for the disk."""
_INDEX = 400
"""Bytes of memory that a batch takes while its frames are on the disk only."""
_LONGEST_WORD = 60


@attrs.frozen
class OnDisk(Batch):
    """A batch whose frames are not in memory."""

    @property
    def size(self) -> int:
        """Bytes that it takes nevertheless."""
        return _INDEX


class SpooledOutbox(Outbox):
    """A queue whose batches are written to a spool, too.

    ``max_bytes`` bounds what is in memory; what is written may leave it, the newest first, and is
    read again when its turn comes. What could not be delivered at the end stays in the spool, and
    is ``queued`` in the account of this life, ``recovered`` in that of the next.

    Args:
        max_bytes: bound of what waits in memory, in bytes.
        spool: where it is kept.
        folder: where that makes a folder of its own.
        name: the adapter's name.
        law: the account to go on with; default: a new one.
    """

    def __init__(
        self, max_bytes: int, spool: Spool, folder: str, name: str, law: Law | None = None
    ) -> None:
        super().__init__(max_bytes, law)
        self.spool: Spool = spool
        self._parent = folder
        self._name = name
        self._slots: deque[Slot] = deque()
        """The slot of each waiting batch."""
        self._on_disk = 0
        self._owed = 0
        """Entries of this account that an earlier outbox left in the spool."""

    def start(self, identity: Mapping[str, str]) -> None:
        """Begin, in the folder of this service, instance and adapter."""
        self._owed, self.law.left = self.law.left, 0
        words = (identity["service"], identity["instance"], self._name)
        name = ".".join(segment(word, _LONGEST_WORD) for word in words)
        self.spool.start(Path(self._parent) / name, self)

    def take(self) -> Batch | None:
        """Return the oldest batch, read from the disk where it is there only."""
        self.spool.ready(PATIENCE)
        while isinstance(batch := super().take(), OnDisk):
            read = self.spool.read(self._slots[0])  # in flight: nobody takes it away
            with self._changed:
                if self._closed:
                    return None
                if read is not None:
                    self._replace(0, read)
                    self._evict()
                    return read
                self.landed(rejected="spool")
        return batch

    def split(self, halves: Iterable[Batch]) -> None:
        """Replace the batch in flight by its halves, in order."""
        with self._changed:
            if self._closed:
                return
            halves, slot = list(halves), self._slots[0]
            slot.parts += len(halves)
            slot.split = True
            super().split(halves)
            self._slots.extendleft([slot] * len(halves))

    def close(self) -> None:
        """Leave in the spool what is there, in flight or not; account for the rest."""
        self.spool.close(LAST_PATIENCE)
        with self._changed:
            if not self._closed:
                self._flying = self._flying and self._slots[0].place is None
                pairs = list(zip(self._waiting, self._slots, strict=True))
                kept = (batch.samples for batch, slot in pairs if slot.place is not None)
                self.law.left = self._owed + sum(kept)
                left = [(batch, slot) for batch, slot in pairs if slot.place is None]
                self._waiting = deque(batch for batch, _ in left)
                self._slots = deque(slot for _, slot in left)
                self._bytes = sum(batch.size for batch in self._waiting)
                self._on_disk = sum(isinstance(batch, OnDisk) for batch in self._waiting)
            super().close()

    def recover(self, found: Sequence[tuple[Slot, int]]) -> None:
        """Queue what was in the spool before everything else."""
        entries = sum(samples for _, samples in found)
        with self._changed:
            if self._closed:
                return  # the disk took too long: it is for the next one to find
            more, self._owed = entries - self._owed, 0
            self.law.count(recovered=max(0, more), dropped={"spool": max(0, -more)}, queued=more)
            flying = [(self._waiting.popleft(), self._slots.popleft())] if self._flying else []
            kept = [(OnDisk((), samples), slot) for slot, samples in found]
            self._bytes += _INDEX * len(kept)
            self._on_disk += len(kept)
            for batch, slot in reversed([*flying, *kept]):
                self._waiting.appendleft(batch)
                self._slots.appendleft(slot)
            self._make_room()
            self._changed.notify_all()

    def shed(self, segment: Segment) -> None:
        """Drop what is in a segment, but for the batch in flight: that stays in memory."""
        with self._changed:
            for index in reversed(range(len(self._slots))):
                slot = self._slots[index]
                if slot.place is None or slot.place.segment is not segment:
                    continue
                if index or not self._flying:
                    self._drop(index, "oldest")
                else:
                    slot.place = None

    def _push(self, batch: Batch) -> None:
        super()._push(batch)
        self._slots.append(self.spool.keep(batch))

    def _pop(self, index: int) -> Batch:
        self.spool.release(self._slots[index])
        del self._slots[index]
        self._on_disk -= isinstance(self._waiting[index], OnDisk)
        return super()._pop(index)

    def _make_room(self) -> None:
        self._evict()
        while self._bytes > self._max_bytes and len(self._waiting) > self._flying:
            index = int(self._flying)
            if self._on_disk * _INDEX <= self._max_bytes // 2:  # giving up those gains nothing
                held = (i for i, each in enumerate(self._waiting) if not isinstance(each, OnDisk))
                index = next((i for i in held if i >= index), index)
            self._drop(index, "oldest")

    def _evict(self) -> None:
        """Let the newest batches that are written leave memory."""
        for back, slot in enumerate(reversed(self._slots), 1):
            if self._bytes <= self._max_bytes or back > len(self._slots) - self._flying:
                break
            if slot.place is not None and not slot.split and self._waiting[-back].size > _INDEX:
                self._replace(-back, OnDisk((), self._waiting[-back].samples))

    def _replace(self, index: int, batch: Batch) -> None:
        self._bytes += batch.size - self._waiting[index].size
        self._on_disk += isinstance(batch, OnDisk) - isinstance(self._waiting[index], OnDisk)
        self._waiting[index] = batch
