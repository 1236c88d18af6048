"""A spool's folder: locked by one agent at a time, private, without following symbolic links.

It may hold anything: only regular files with names of ours are read, written or deleted.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.lockfile import HeldFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASIDE = 4
"""How many of the files set aside are kept; the newest ones."""

_DAMAGED = ".damaged"
_ASIDE = re.compile(r"[0-9]{10}\.segment\.damaged")
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class HeldError(OSError):
    """Another agent, in this process or in another one, uses the folder."""


class Folder:
    """Files by name, relative to the folder's descriptor.

    Args:
        path: where it is; it is created when it is missing.
        max_aside: most bytes of the files set aside.

    Attributes:
        aside: bytes of the files set aside.
    """

    def __init__(self, path: Path, max_aside: int) -> None:
        self.aside: int = 0
        self._path = path
        self._max_aside = max_aside
        self._folder: HeldFile | None = None
        self._taken: os.stat_result | None = None
        self._lock: HeldFile | None = None
        self._to_delete: set[str] = set()

    def take(self) -> None:
        """Open and lock the folder.

        Raises:
            HeldError: another agent has locked it.
            OSError: it cannot be used.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._folder = HeldFile(os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | _FLAGS))
            found = self._taken = os.fstat(self._at)
            if found.st_uid != os.geteuid():
                raise PermissionError(
                    f"{self._path} belongs to another user: choose another folder"
                )
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.fchmod(self._at, 0o700)
            self._hold()
            self._to_delete.clear()  # another agent may have used the names meanwhile
            self.count_aside()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Unlock and close the folder."""
        for each in (self._lock, self._folder):
            if each is not None:
                each.close()
        self._lock = self._folder = None

    @property
    def exists(self) -> bool:
        """False once it has been deleted or replaced."""
        with suppress(OSError):
            return self._taken is not None and os.path.samestat(self._taken, self._path.lstat())
        return False

    @property
    def held(self) -> bool:
        """False once the program has closed its descriptors, as some programs close all."""
        return all(each is not None and each.is_open for each in (self._folder, self._lock))

    def names(self, wanted: Callable[[str], object]) -> list[str]:
        """Return the names for which ``wanted`` returns something true, in order.

        Raises:
            OSError: the folder cannot be read.
        """
        with os.scandir(self._at) as entries:
            return sorted(entry.name for entry in entries if wanted(entry.name))

    def create(self, name: str) -> int:
        """Create a file and open it for writing; return its descriptor.

        Raises:
            FileExistsError: the name is taken.
            OSError: it cannot be created.
        """
        file = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self._to_delete.discard(name)
        return file

    def open(self, name: str, flags: int) -> int:
        """Open a file, follow no symbolic link and never block; return its descriptor.

        Raises:
            OSError: it cannot be opened.
        """
        return os.open(name, flags | _FLAGS, 0o600, dir_fd=self._at)

    def read(self, name: str, longest: int) -> bytes:
        """Return what is in a file.

        Raises:
            OSError: it cannot be read, is not a regular file, or is longer than ``longest`` bytes.
        """
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > longest:
                raise OSError(f"{name} is not a segment of a spool")
            return file.read()

    def delete(self, name: str) -> None:
        """Delete a file; one that cannot be deleted now is deleted by a later :meth:`sync`."""
        self._to_delete.add(name)
        with suppress(OSError):
            self._unlink(name)

    def set_aside(self, name: str) -> bool:
        """Rename a damaged or foreign file so that it is kept for inspection.

        Returns:
            False when that is impossible.
        """
        try:
            os.rename(name, name + _DAMAGED, src_dir_fd=self._at, dst_dir_fd=self._at)
        except OSError:
            return False
        return True

    def count_aside(self) -> None:
        """Count what is set aside, and delete the oldest beyond the bounds.

        Raises:
            OSError: the folder cannot be read.
        """
        self.aside = kept = 0
        for name in reversed(self.names(_ASIDE.fullmatch)):
            with suppress(OSError):  # already deleted, or a folder that is not empty
                found = os.lstat(name, dir_fd=self._at)
                if kept < ASIDE and self.aside + found.st_size <= self._max_aside:
                    kept += 1
                    self.aside += found.st_size
                elif stat.S_ISDIR(found.st_mode):
                    os.rmdir(name, dir_fd=self._at)
                else:
                    os.unlink(name, dir_fd=self._at)

    def sync(self, names: list[str]) -> None:
        """Sync files and their names to the disk, and delete what could not be deleted before.

        Raises:
            OSError: that failed.
        """
        for name in tuple(self._to_delete):
            self._unlink(name)
        for name in names:
            file = self.open(name, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        if names:
            os.fsync(self._at)

    @property
    def _at(self) -> int:
        if self._folder is None:
            raise OSError(f"{self._path} is not open")
        return self._folder.number

    def _hold(self) -> None:
        """Lock the folder itself, which nobody can remove unnoticed, and a file in it.

        The file's lock is for other hosts: on a network file system they do not see a folder's.
        """
        self._lock_one(self._at)
        self._lock = HeldFile(self.open("lock", os.O_RDWR | os.O_CREAT))
        self._lock_one(self._lock.number)

    def _lock_one(self, file: int) -> None:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldError(f"{self._path} is used by another agent") from None
        except OSError as error:  # two agents in one folder would lose batches
            text = f"it cannot be locked ({error.strerror}): use a folder on a local disk"
            raise OSError(error.errno, text) from None

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._at)
        self._to_delete.discard(name)
