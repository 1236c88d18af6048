"""A folder that one agent at a time holds: private, opened once, no symbolic link followed."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler.agent.locks import give, take

if TYPE_CHECKING:
    from pathlib import Path

ASIDE = 4
"""Files set aside that are kept, the newest."""

_DAMAGED = ".damaged"
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class HeldError(OSError):
    """Another process, or another agent in this one, uses the folder."""


class Folder:
    """Files by name, relative to the folder's descriptor.

    Args:
        path: where; made when it is missing.
        max_aside: bound of the files set aside, in bytes.

    Attributes:
        aside: bytes of the files set aside.
    """

    def __init__(self, path: Path, max_aside: int) -> None:
        self.aside: int = 0
        self._path = path
        self._max_aside = max_aside
        self._descriptor = -1
        self._rubbish: set[str] = set()

    def take(self) -> None:
        """Open and hold the folder.

        Raises:
            HeldError: another one has it.
            OSError: it cannot be used.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
        try:
            found = os.fstat(self._descriptor)
            if found.st_uid != os.geteuid():
                raise PermissionError(f"{self._path} belongs to another user")
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.fchmod(self._descriptor, 0o700)
            if not take(self._path / "lock"):
                raise HeldError(f"{self._path} is used by another agent")
        except OSError:
            self._close()
            raise
        self._count_aside()

    def give(self) -> None:
        """Hold the folder no longer."""
        give(self._path / "lock")
        self._close()

    @property
    def there(self) -> bool:
        """False once somebody else has deleted it, or put another one in its place."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except OSError:
            return False

    def names(self) -> list[str]:
        """Return the names of what is there, in order.

        Raises:
            OSError: it cannot be read.
        """
        with os.scandir(self._descriptor) as entries:
            return sorted(entry.name for entry in entries)

    def open(self, name: str, flags: int) -> int:
        """Open a file, never through a symbolic link, never waiting; return its descriptor.

        Raises:
            OSError: that is impossible.
        """
        return os.open(name, flags | _FLAGS, 0o600, dir_fd=self._descriptor)

    def read(self, name: str, longest: int) -> bytes:
        """Return what is in a file.

        Raises:
            OSError: it cannot be read, is no plain file, or has more bytes than ``longest``.
        """
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > longest:
                raise OSError(f"{name} is none of ours")
            return file.read()

    def delete(self, name: str) -> None:
        """Delete a file; one that cannot be deleted now is deleted by a later :meth:`sync`."""
        self._rubbish.add(name)
        with suppress(OSError):
            self._unlink(name)

    def set_aside(self, name: str) -> None:
        """Keep a file out of the way, within the bounds, for somebody to look at."""
        try:
            os.rename(
                name, name + _DAMAGED, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor
            )
        except OSError:
            self.delete(name)
        with suppress(OSError):
            self._count_aside()

    def sync(self, names: list[str]) -> None:
        """Bring files to the disk, and their names.

        Raises:
            OSError: that failed.
        """
        for name in tuple(self._rubbish):
            self._unlink(name)
        for name in names:
            file = self.open(name, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        if names:
            os.fsync(self._descriptor)

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)
        self._rubbish.discard(name)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _count_aside(self) -> None:
        self.aside = kept = 0
        for name in reversed([name for name in self.names() if name.endswith(_DAMAGED)]):
            size = os.lstat(name, dir_fd=self._descriptor).st_size
            if kept < ASIDE and self.aside + size <= self._max_aside:
                kept += 1
                self.aside += size
            else:
                self.delete(name)
