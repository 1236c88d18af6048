"""Writes waiting batches to disk on a thread of its own, so that a disk that hangs delays nobody.

Each batch is written soon after it was queued, and synced once per interval: a killed process
loses the batches of its last moments, a machine that loses power those of one interval at most.
While the disk fails, batches wait in memory; they are written once it works again.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from sampler._runtime.log import log
from sampler._runtime.printable import counted
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
    """A batch that is to be written, or is written.

    Attributes:
        batch: what is to be written; None once it is written, and when it never will be.
        position: where it is on disk, once it is written.
        parts: how many waiting batches its record stands for: 1; more when it is split; 0 when
            all are done.
        split: its halves wait instead of it.
    """

    __slots__ = ("batch", "parts", "position", "split")

    def __init__(self, batch: Batch | None, position: RecordPosition | None = None) -> None:
        self.batch: Batch | None = batch
        self.position: RecordPosition | None = position
        self.parts: int = 1
        self.split: bool = False


class SpooledQueue(Protocol):
    """The queue that a spool writes, as far as the spool calls it."""

    def recover(self, found: Sequence[tuple[StoredBatch, int]]) -> None:
        """Queue what an earlier process left: batches and their entries, oldest first."""
        ...

    def drop_segment(self, segment: Segment) -> None:
        """Drop what waits in the oldest segment: its file is deleted next."""
        ...


class Spool:
    """Keeps the batches of one outbox in a folder.

    Args:
        name: the adapter's name in the configuration.
        max_bytes: most bytes of its files.
        interval: seconds between two syncs, and between attempts when the disk fails.

    Attributes:
        trouble: why batches cannot be written; empty when they can.
    """

    def __init__(self, name: str, max_bytes: int, interval: float) -> None:
        self.trouble: str = ""
        self._name = name
        self._max_bytes = max_bytes
        self._interval = interval
        self._unwritten: deque[StoredBatch] = deque()
        self._finished: deque[StoredBatch] = deque()
        self._wake = Event()
        self._recovered = Event()
        self._ending = False
        self._service = Service(self._run, f"sampler-spool-{name}")
        self._segments: Segments
        self._opened = False
        self._queue: SpooledQueue
        self._folder: Path
        self._synced = time.monotonic()
        self._unreadable = ""

    def start(self, folder: Path, queue: SpooledQueue) -> None:
        """Start the thread: it locks the folder and recovers what is there."""
        self._folder, self._queue = folder, queue
        self._segments = Segments(folder, self._max_bytes)
        self._service.start()

    def ready(self, timeout: float) -> bool:
        """Wait for the recovery; return False when it takes longer than ``timeout`` seconds."""
        return self._recovered.wait(timeout)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self._segments.size if self._opened else 0

    @property
    def damaged(self) -> int:
        """How many files, and stretches of files, could not be read."""
        return self._segments.damaged if self._opened else 0

    def keep(self, batch: Batch) -> StoredBatch:
        """Queue a batch to be written; return at once."""
        stored = StoredBatch(batch)
        self._unwritten.append(stored)
        self._wake.set()
        return stored

    def release(self, stored: StoredBatch) -> None:
        """Note that one part of a batch is done; its record is done when all parts are."""
        stored.parts -= 1
        if not stored.parts:
            stored.batch = None
            self._finished.append(stored)
            self._wake.set()

    def read(self, stored: StoredBatch) -> Batch | None:
        """Return a written batch; None, and a line of log, when it cannot be read."""
        trouble = "it is damaged"
        position = stored.position
        try:
            batch = None if position is None else self._segments.read(position)
        except OSError as error:
            batch, trouble = None, error.strerror or str(error)
        if batch is None and trouble != self._unreadable:
            log.error(
                "adapter %r: a batch in the spool cannot be read and is dropped: %s",
                self._name,
                trouble,
            )
        self._unreadable = trouble if batch is None else ""
        return batch

    def close(self, timeout: float) -> None:
        """Write what can be written, sync, and unlock the folder, within ``timeout`` seconds."""
        self._ending = True
        self._wake.set()
        self._service.join(timeout)

    def _run(self) -> None:
        while self._round():
            self._wake.wait(self._pause())

    def _round(self) -> bool:
        """Do all work that waits; return False after the last round."""
        self._wake.clear()
        ending = self._ending
        try:
            self._work(ending=ending)
        except OSError as error:
            self._log(error)
        except BaseException as error:
            self._log(error)
            raise
        finally:
            self._recovered.set()
            if ending and self._opened:
                self._segments.close()
        return not ending

    def _work(self, *, ending: bool) -> None:
        while self._finished:
            stored = self._finished.popleft()
            if stored.position is not None:
                self._segments.done(stored.position)
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
            self._log(None)

    def _begin(self) -> None:
        found = self._segments.open()
        self._opened = True
        entries = sum(samples for _, samples in found)
        if entries:
            what = counted(entries, "entry", "entries")
            log.info("adapter %r: recovered %s from %s", self._name, what, self._folder)
        if self._segments.damaged:
            log.warning(
                "adapter %r: %d places in %s are damaged; these files are kept as *.damaged",
                self._name,
                self._segments.damaged,
                self._folder,
            )
        self._queue.recover(
            [(StoredBatch(None, position), samples) for position, samples in found]
        )

    def _write(self, stored: StoredBatch) -> bool:
        """Write a batch; return False when it is done already, or can wait in memory only."""
        batch = stored.batch
        data = None if batch is None else payload(batch)
        if data is None or not self._segments.fits(data):
            stored.batch = None
            return False
        while (oldest := self._segments.excess(data)) is not None:
            self._queue.drop_segment(oldest)
            self._segments.delete(oldest)
        stored.position = self._segments.append(data)
        stored.batch = None
        return True

    def _pause(self) -> float | None:
        """Return the seconds until the next sync or attempt; None: wait for work."""
        if self.trouble:
            return self._interval
        if not self._segments.unsynced:
            return None
        return max(0.0, self._synced + self._interval - time.monotonic())

    def _log(self, error: BaseException | None) -> None:
        """Log once when writing begins to fail, and once when it works again."""
        why = "" if error is None else getattr(error, "strerror", None) or str(error)
        if why and not self.trouble:
            where = "" if isinstance(error, HeldError) else f"the spool in {self._folder}: "
            log.warning("adapter %r: %s%s; batches wait in memory only", self._name, where, why)
        elif self.trouble and not why:
            log.warning("adapter %r: the spool can be written again", self._name)
        self.trouble = why
