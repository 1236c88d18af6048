"""Segments: files of records, appended to, and deleted when all of their records are done.

Nothing needs disk space to be done: a record is marked in the file, and a file is deleted.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sampler._runtime.lockfile import HeldFile
from sampler.agent.spool.directory import Folder
from sampler.agent.spool.records import DONE, batch, length, record, scan

if TYPE_CHECKING:
    from pathlib import Path

    from sampler.agent.delivery.adapter import Batch

LONGEST = 2**20
"""Bytes after which a new segment begins; at most an eighth of the bound."""
LARGEST = 2**25
"""Largest record, in bytes."""

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the process or the system, not of the file."""
_LAST = 10**10 - 1
"""The largest number; after it numbers begin again with 1, and those in use are skipped."""
_SKIPPED = 100_000
"""Most names in use that are skipped for one new segment."""
_NAME = re.compile(r"[0-9]{10}\.segment")


class Segment:
    """One file.

    Attributes:
        number: its position in the order.
        size: its bytes.
        waiting: how many of its records are not done.
        damaged: some of it could not be read: in the end it is set aside, not deleted.
    """

    __slots__ = ("damaged", "number", "size", "waiting")

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.size: int = 0
        self.waiting: int = 0
        self.damaged: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.number:010}.segment"


class RecordPosition(NamedTuple):
    """Where a record is."""

    segment: Segment
    offset: int
    length: int


class Segments:
    """The records of one folder.

    Args:
        path: the folder.
        max_bytes: most bytes of all files; those set aside may take an eighth of it.

    Attributes:
        damaged: how many files, and stretches of files, could not be read.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.damaged: int = 0
        self._max_bytes = max_bytes
        self._longest = min(LONGEST, max_bytes // 8)
        self._folder = Folder(path, max_bytes // 8)
        self._file: HeldFile | None = None
        self._number = 0
        self._segments: list[Segment] = []
        self._dirty: list[Segment] = []

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._folder.aside + sum(segment.size for segment in self._segments)

    @property
    def unsynced(self) -> bool:
        """Whether something was written since the last sync."""
        return bool(self._dirty)

    def open(self) -> list[tuple[RecordPosition, int]]:
        """Lock the folder; return the records that wait, oldest first, and their entries.

        A damaged file is counted, and set aside once the rest of it is done.

        Raises:
            HeldError: another agent has locked the folder.
            OSError: it cannot be used.
        """
        self._folder.take()
        try:
            return self._recover()
        except OSError:
            self._folder.release()
            self._segments.clear()
            raise

    def fits(self, payload: bytes) -> bool:
        """Tell whether a payload is small enough to be written at all."""
        return length(payload) <= min(LARGEST, self._max_bytes - self._max_bytes // 8)

    def excess(self, payload: bytes) -> Segment | None:
        """Return the segment to delete before a payload is written; None: there is room."""
        full = self.size + length(payload) > self._max_bytes
        return self._segments[0] if full and self._segments else None

    def append(self, payload: bytes) -> RecordPosition:
        """Write a record at the end; it is not synced yet.

        Raises:
            OSError: it could not be written, and is not there.
        """
        if not (self._folder.held and self._folder.exists):
            self._take_again()
        file = self._current()
        segment = self._segments[-1]
        data = record(payload, segment.number, segment.size)
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(file, data[written:], segment.size + written)
        except OSError:
            with suppress(OSError):  # else the next record overwrites it, or a scan skips it
                os.ftruncate(file, segment.size)
            raise
        position = RecordPosition(segment, segment.size, len(data))
        segment.size += len(data)
        segment.waiting += 1
        if segment not in self._dirty:
            self._dirty.append(segment)
        return position

    def read(self, position: RecordPosition) -> Batch | None:
        """Return a record's batch, or None when it is damaged. Safe to call from any thread.

        Raises:
            OSError: it cannot be read.
        """
        file = self._folder.open(position.segment.name, os.O_RDONLY)
        try:
            data = os.pread(file, position.length, position.offset)
        finally:
            os.close(file)
        return batch(data, position.segment.number, position.offset)

    def done(self, position: RecordPosition) -> None:
        """Mark a record as done; delete its file when no other record in it waits.

        When the mark cannot be written, the next process sends the record again.
        """
        segment = position.segment
        if segment not in self._segments:
            return
        segment.waiting -= 1
        if not segment.waiting:
            self.delete(segment)
            return
        with suppress(OSError):
            file = self._folder.open(segment.name, os.O_WRONLY)
            try:
                os.pwrite(file, DONE, position.offset)
            finally:
                os.close(file)

    def delete(self, segment: Segment) -> None:
        """Delete a segment, whatever is in it."""
        if segment is self._segments[-1]:
            self._close_file()
        self._segments.remove(segment)
        if segment in self._dirty:
            self._dirty.remove(segment)
        self._remove(segment)
        if segment.damaged:
            with suppress(OSError):
                self._folder.count_aside()

    def sync(self) -> None:
        """Sync to the disk what was written since the last sync.

        Raises:
            OSError: that failed. It is not tried again: the kernel may have dropped the pages.
        """
        names, self._dirty = [segment.name for segment in self._dirty], []
        self._folder.sync(names)

    def close(self) -> None:
        """Unlock the folder; what waits stays in it."""
        self._close_file()
        self._folder.release()

    def _take_again(self) -> None:
        """Lock the folder again; create it where it has been deleted.

        Raises:
            HeldError: another agent has locked it meanwhile.
            OSError: it cannot be used.
        """
        self._close_file()
        if not self._folder.exists:
            self._segments.clear()
            self._dirty.clear()
        self._folder.release()
        self._folder.take()

    def _current(self) -> int:
        """Return the file to write to: the last one, or a new one."""
        if self._file is not None and self._segments[-1].size < self._longest:
            with suppress(OSError):  # the program has closed it
                if os.fstat(self._file.number).st_nlink:
                    return self._file.number
        self._close_file()
        for _ in range(_SKIPPED):
            self._number = self._number % _LAST + 1
            segment = Segment(self._number)
            with suppress(FileExistsError):  # another file has the name
                self._file = HeldFile(self._folder.create(segment.name))
                self._segments.append(segment)
                return self._file.number
        raise OSError(errno.EEXIST, f"{_SKIPPED} names of segments are taken by other files")

    def _remove(self, segment: Segment) -> None:
        if not segment.damaged or not self._folder.set_aside(segment.name):
            self._folder.delete(segment.name)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _recover(self) -> list[tuple[RecordPosition, int]]:
        waiting: list[tuple[RecordPosition, int]] = []
        for name in self._folder.names(_NAME.fullmatch):
            segment = Segment(int(name[:10]))
            try:
                data = self._folder.read(name, LONGEST + LARGEST)
            except OSError as error:
                if error.errno in _SHORTAGES:
                    raise
                self.damaged += 1
                self._folder.set_aside(name)
                continue
            found, damaged = scan(data, segment.number)
            segment.size, segment.waiting = len(data), len(found)
            segment.damaged = bool(damaged)
            self.damaged += damaged
            if not found:
                self._remove(segment)
                continue
            self._segments.append(segment)
            self._number = segment.number
            waiting += [
                (RecordPosition(segment, each.offset, each.length), each.samples) for each in found
            ]
        self._folder.count_aside()
        return waiting
