"""A folder of segments: files of records, written at the end, deleted when all is done.

Deleting needs no space. Everything is opened relative to the folder's descriptor and never through
a symbolic link; the folder is its owner's alone. One process at a time holds it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sampler.agent.locks import give, take
from sampler.agent.records import DONE, batch, length, record, scan

if TYPE_CHECKING:
    from pathlib import Path

    from sampler.agent.adapter import Batch

LONGEST = 2**20
"""Bytes after which a segment is followed by another; at most an eighth of the bound."""
ASIDE = 4
"""Files set aside that are kept, in an eighth of the bound."""

LARGEST = 2**25
"""Bytes of the largest record."""

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the file."""
_NAME = re.compile(r"(\d{10})\.segment")
_ASIDE = ".damaged"
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC


class Segment:
    """One file.

    Attributes:
        number: its place in the order.
        size: its bytes; none once it is deleted.
        waiting: its records that are not done.
        damaged: some of it could not be read: it is set aside at the end, not deleted.
    """

    __slots__ = ("damaged", "number", "size", "waiting")

    def __init__(self, number: int, size: int = 0, waiting: int = 0) -> None:
        self.number: int = number
        self.size: int = size
        self.waiting: int = waiting
        self.damaged: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.number:010}.segment"


class Place(NamedTuple):
    """Where a record is."""

    segment: Segment
    offset: int
    length: int


class HeldError(OSError):
    """Another process, or another agent in this one, uses the folder."""


class Segments:
    """The records of one folder.

    Args:
        folder: where; made when it is missing.
        max_bytes: bound of all files together, those set aside included.

    Attributes:
        damaged: stretches and files that could not be read.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.damaged: int = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._longest = min(LONGEST, max_bytes // 8)
        self._directory = self._file = -1
        self._segments: list[Segment] = []
        self._dirty: set[Segment] = set()
        self._rubbish: set[str] = set()
        self._number = 0
        self._aside = 0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._aside + sum(segment.size for segment in self._segments)

    def open(self) -> list[tuple[Place, int]]:
        """Take the folder; return the records that wait, oldest first, with their entries.

        Raises:
            HeldError: another one has it.
            OSError: it cannot be used.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
        try:
            found = os.fstat(self._directory)
            if found.st_uid != os.geteuid():
                raise PermissionError(f"{self._folder} belongs to another user")
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.fchmod(self._directory, 0o700)
            if not take(self._folder / "lock"):
                raise HeldError(f"{self._folder} is used by another agent")
            try:
                return self._recover()
            except OSError:
                give(self._folder / "lock")
                raise
        except OSError:
            self._shut()
            raise

    def append(self, payload: bytes) -> Place:
        """Write a record at the end; it is not synced yet.

        Raises:
            OSError: it could not be written, and is not there.
        """
        if self._file < 0 or self._segments[-1].size >= self._longest:
            self._begin()
        segment = self._segments[-1]
        if not os.fstat(self._file).st_nlink:
            self._end()
            raise FileNotFoundError(f"{segment.name} was deleted by somebody else")
        data = record(payload, segment.number, segment.size)
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._file, data[written:], segment.size + written)
        except OSError:
            with suppress(OSError):  # what stays is overwritten, or damage to whoever reads it
                os.ftruncate(self._file, segment.size)
            raise
        place = Place(segment, segment.size, len(data))
        segment.size += len(data)
        segment.waiting += 1
        self._dirty.add(segment)
        return place

    def fits(self, payload: bytes) -> bool:
        """Tell whether a payload is small enough to be written at all."""
        return length(payload) <= min(LARGEST, self._max_bytes - self._max_bytes // 8)

    def excess(self, payload: bytes) -> Segment | None:
        """Return the segment to delete before a payload is written; None: there is room."""
        full = self.size + length(payload) > self._max_bytes
        return self._segments[0] if full and self._segments else None

    def read(self, place: Place) -> Batch | None:
        """Return a record's batch, or None when it is damaged. Safe to call from any thread.

        Raises:
            OSError: it cannot be read.
        """
        file = self._open(place.segment.name, os.O_RDONLY)
        try:
            data = os.pread(file, place.length, place.offset)
        finally:
            os.close(file)
        return batch(data, place.segment.number, place.offset)

    def done(self, place: Place) -> None:
        """Note that a record needs to be sent no more; with its last one a file goes.

        Where that cannot be noted, the record is found, and sent, again.
        """
        segment = place.segment
        if segment not in self._segments:
            return
        segment.waiting -= 1
        if not segment.waiting:
            self.delete(segment)
            return
        with suppress(OSError):
            file = self._open(segment.name, os.O_WRONLY)
            try:
                os.pwrite(file, DONE, place.offset)
            finally:
                os.close(file)

    def delete(self, segment: Segment) -> None:
        """Delete a segment, whatever is in it."""
        if segment is self._segments[-1]:
            self._end()
        self._segments.remove(segment)
        self._dirty.discard(segment)
        if segment.damaged:
            self._set_aside(segment.name)
        else:
            self._unlink(segment.name)

    def sync(self) -> None:
        """Bring to the disk what was written since the last time.

        Raises:
            OSError: that failed.
        """
        for name in tuple(self._rubbish):
            self._unlink(name)
        if not self._dirty:
            return
        while self._dirty:
            # Once failed, the kernel may have forgotten the pages: another try proves nothing.
            file = self._open(self._dirty.pop().name, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        os.fsync(self._directory)

    @property
    def unsynced(self) -> bool:
        """Whether something was written since the last sync."""
        return bool(self._dirty)

    def reopen(self) -> None:
        """Go on in a new folder where somebody has deleted this one.

        Raises:
            OSError: there can be none.
        """
        with suppress(OSError):
            if os.fstat(self._directory).st_ino == self._folder.lstat().st_ino:
                return
        self.close()
        self._segments.clear()
        self._dirty.clear()
        self.open()

    def close(self) -> None:
        """Give the folder back; what waits stays."""
        self._end()
        give(self._folder / "lock")
        self._shut()

    def _shut(self) -> None:
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _open(self, name: str, flags: int, mode: int = 0o600) -> int:
        return os.open(name, flags | _FLAGS | os.O_NONBLOCK, mode, dir_fd=self._directory)

    def _begin(self) -> None:
        """Begin a new segment."""
        self._end()
        self._number += 1
        segment = Segment(self._number)
        self._file = self._open(segment.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self._segments.append(segment)

    def _end(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            self._rubbish.discard(name)
        except OSError:
            self._rubbish.add(name)
        else:
            self._rubbish.discard(name)

    def _recover(self) -> list[tuple[Place, int]]:
        found: list[tuple[Place, int]] = []
        for name in filter(_NAME.fullmatch, self._names()):
            segment = Segment(int(name[:10]))
            self._number = segment.number
            try:
                data = self._whole(name)
            except OSError as error:
                if error.errno in _OURS:
                    raise
                self.damaged += 1
                self._set_aside(name)
                continue
            records, damaged = scan(data, segment.number)
            segment.size, segment.waiting = len(data), len(records)
            segment.damaged = bool(damaged)
            self.damaged += damaged
            self._segments.append(segment)
            if not records:
                self.delete(segment)
            found += [(Place(segment, each.offset, each.length), each.samples) for each in records]
        self._count_aside()
        return found

    def _names(self) -> list[str]:
        with os.scandir(self._directory) as entries:
            return sorted(entry.name for entry in entries)

    def _whole(self, name: str) -> bytes:
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST + LARGEST:
                raise OSError(f"{name} is none of ours")
            return file.read()

    def _set_aside(self, name: str) -> None:
        directory = self._directory
        try:
            os.rename(name, name + _ASIDE, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            self._unlink(name)
        self._count_aside()

    def _count_aside(self) -> None:
        """Keep the newest of what was set aside, within its bounds."""
        kept = self._aside = 0
        for name in reversed([name for name in self._names() if name.endswith(_ASIDE)]):
            with suppress(OSError):
                size = os.lstat(name, dir_fd=self._directory).st_size
                if kept < ASIDE and self._aside + size <= self._max_bytes // 8:
                    kept += 1
                    self._aside += size
                else:
                    self._unlink(name)
