"""Descriptors that hold something: a forked child lets go of them, and none is mistaken.

What is used here as a lock, a bound socket or ``flock``, belongs to an open file: it is held until
every copy of its descriptor is closed, and is free again however its process ends. A forked child
closes its copies first of all. A program may close descriptors that it has not opened, and its
next file gets the same number: nothing here touches a descriptor that is another file by now.
"""

from __future__ import annotations

import errno
import os

from sampler._runtime.fork import in_child


class HeldFile:
    """An open descriptor that is kept for what it holds.

    Args:
        descriptor: open, and not inherited by another program.
    """

    __slots__ = ("_descriptor", "_file")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._file: os.stat_result = os.fstat(descriptor)
        _held.add(self)

    @property
    def there(self) -> bool:
        """False once it is closed, whoever has closed it."""
        try:
            return self._descriptor >= 0 and self.is_file(os.fstat(self._descriptor))
        except OSError:
            return False

    @property
    def number(self) -> int:
        """The descriptor.

        Raises:
            OSError: it has been closed.
        """
        if not self.there:
            raise OSError(errno.EBADF, "its descriptor has been closed by the program")
        return self._descriptor

    def is_file(self, found: os.stat_result) -> bool:
        """Tell whether it is the file of which ``found`` speaks."""
        return os.path.samestat(self._file, found)

    def close(self) -> None:
        """Hold it no longer; doing it twice is harmless."""
        _held.discard(self)
        if self.there:
            os.close(self._descriptor)
        self._descriptor = -1


_held: set[HeldFile] = set()


def _close_all() -> None:
    """The open files are the parent's, too: closing a copy takes nothing from it."""
    for each in tuple(_held):
        each.close()


in_child(_close_all)
