"""What waits, on the disk, too: a thread of its own writes it, so a disk that hangs holds nobody.

It writes a batch as soon as it has the time, and brings to the disk what still waits once per
interval: a process that is killed loses what came in its last moments, a machine that loses its
power at most an interval. While nothing can be written the outbox goes on in memory, and what
waits there is written once something can be.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from sampler._runtime.log import log
from sampler._runtime.service import Service
from sampler._runtime.threads import Event
from sampler.agent.spool.directory import HeldError
from sampler.agent.spool.records import payload
from sampler.agent.spool.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sampler.agent.delivery.adapter import Batch
    from sampler.agent.spool.segments import RecordPosition, Segment


class StoredBatch:
    """A batch on its way to the disk, or there.

    Attributes:
        batch: what is to be written; None once it is, and when it never will be.
        place: where it is, once it is written.
        parts: how many waiting batches it stands for: 1, more once it is split, at last 0.
        split: its halves wait in its place.
    """

    __slots__ = ("batch", "parts", "place", "split")

    def __init__(self, batch: Batch | None, place: RecordPosition | None = None) -> None:
        self.batch: Batch | None = batch
        self.place: RecordPosition | None = place
        self.parts: int = 1
        self.split: bool = False


class SpooledQueue(Protocol):
    """What a spool tells."""

    def recover(self, found: Sequence[tuple[StoredBatch, int]]) -> None:
        """Take what an earlier process left: slots with their entries, oldest first."""
        ...

    def drop_segment(self, segment: Segment) -> None:
        """Let go of what is in the oldest segment: it is deleted."""
        ...


class Spool:
    """Keeps the batches of one outbox in a folder.

    Args:
        name: the adapter's name in the configuration.
        max_bytes: bound of its files.
        interval: seconds between two syncs, and before a failure is tried again.

    Attributes:
        trouble: why nothing can be written; empty while something can.
    """

    def __init__(self, name: str, max_bytes: int, interval: float) -> None:
        self.trouble: str = ""
        self._name = name
        self._max_bytes = max_bytes
        self._interval = interval
        self._unwritten: deque[StoredBatch] = deque()
        self._finished: deque[StoredBatch] = deque()
        self._bell = Event()
        self._begun = Event()
        self._ending = False
        self._service = Service(self._run, f"sampler-spool-{name}")
        self._segments: Segments
        self._opened = False
        self._queue: SpooledQueue
        self._folder: Path
        self._synced = time.monotonic()
        self._unreadable = ""

    def start(self, folder: Path, queue: SpooledQueue) -> None:
        """Begin: take the folder, recover what is there."""
        self._folder, self._queue = folder, queue
        self._segments = Segments(folder, self._max_bytes)
        self._service.start()

    def ready(self, timeout: float) -> bool:
        """Wait until what can be recovered is; False: it takes longer than ``timeout`` seconds."""
        return self._begun.wait(timeout)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self._segments.size if self._opened else 0

    @property
    def damaged(self) -> int:
        """Stretches and files that could not be read."""
        return self._segments.damaged if self._opened else 0

    def keep(self, batch: Batch) -> StoredBatch:
        """Write a batch when there is time."""
        stored = StoredBatch(batch)
        self._unwritten.append(stored)
        self._bell.set()
        return stored

    def release(self, stored: StoredBatch) -> None:
        """Let go of one part of what a slot stands for; with the last one its record is done."""
        stored.parts -= 1
        if not stored.parts:
            stored.batch = None
            self._finished.append(stored)
            self._bell.set()

    def read(self, stored: StoredBatch) -> Batch | None:
        """Return a written batch, or None when it cannot be read any more."""
        trouble = "it is damaged"
        place = stored.place
        try:
            batch = None if place is None else self._segments.read(place)
        except OSError as error:
            batch, trouble = None, error.strerror or str(error)
        if batch is None and trouble != self._unreadable:
            log.error("adapter %r: a batch of the spool is lost: %s", self._name, trouble)
        self._unreadable = trouble if batch is None else ""
        return batch

    def close(self, timeout: float) -> None:
        """Write what can be written, sync, give the folder back; within ``timeout`` seconds."""
        self._ending = True
        self._bell.set()
        self._service.join(timeout)

    def _run(self) -> None:
        while self._round():
            self._bell.wait(self._pause())

    def _round(self) -> bool:
        """Do what there is to do; return False after the last round."""
        self._bell.clear()
        ending = self._ending
        try:
            self._work(ending=ending)
        except OSError as error:
            self._say(error)
        except BaseException as error:
            self._say(error)
            raise
        finally:
            self._begun.set()
            if ending and self._opened:
                self._segments.close()
        return not ending

    def _work(self, *, ending: bool) -> None:
        while self._finished:
            stored = self._finished.popleft()
            if stored.place is not None:
                self._segments.done(stored.place)
        while self._unwritten and self._unwritten[0].batch is None:
            self._unwritten.popleft()
        works = not self._opened
        if not self._opened:
            self._begin()
        while self._unwritten:
            works |= self._write(self._unwritten[0])
            self._unwritten.popleft()
        due = time.monotonic() >= self._synced + self._interval
        if due or ending or (works and self.trouble):
            self._synced = time.monotonic()
            self._segments.sync()
        if works:
            self._say(None)

    def _begin(self) -> None:
        found = self._segments.open()
        self._opened = True
        entries = sum(samples for _, samples in found)
        if entries:
            log.info("adapter %r: %d entries are left in %s", self._name, entries, self._folder)
        if self._segments.damaged:
            log.warning(
                "adapter %r: %d places in %s are damaged; such files are set aside as *.damaged",
                self._name,
                self._segments.damaged,
                self._folder,
            )
        self._queue.recover([(StoredBatch(None, place), samples) for place, samples in found])

    def _write(self, stored: StoredBatch) -> bool:
        """Write a batch; False: that was not necessary, or it waits in memory only."""
        batch = stored.batch
        data = None if batch is None else payload(batch)
        if data is None or not self._segments.fits(data):
            stored.batch = None
            return False
        while (oldest := self._segments.excess(data)) is not None:
            self._queue.drop_segment(oldest)
            self._segments.delete(oldest)
        stored.place = self._segments.append(data)
        stored.batch = None
        return True

    def _pause(self) -> float | None:
        """Return the seconds after which there is something to do even if nobody rings."""
        if self.trouble:
            return self._interval
        if not self._segments.unsynced:
            return None
        return max(0.0, self._synced + self._interval - time.monotonic())

    def _say(self, error: BaseException | None) -> None:
        """Log a change of state, once."""
        why = "" if error is None else getattr(error, "strerror", None) or str(error)
        if why and not self.trouble:
            where = "" if isinstance(error, HeldError) else f"the spool in {self._folder}: "
            log.warning(
                "adapter %r: %s%s; what waits is kept in memory only", self._name, where, why
            )
        elif self.trouble and not why:
            log.warning("adapter %r: the spool is written again", self._name)
        self.trouble = why
