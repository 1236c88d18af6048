"""Open files that hold a lock: a forked child closes its copies of them.

A bound socket and ``flock`` are locks that belong to an open file: the lock is held until every
copy of its descriptor is closed, so it is free again however its process ends. A program may close
descriptors that it has not opened, and its next file may get the same number: nothing here touches
a descriptor that has become another file.
"""

from __future__ import annotations

import errno
import os

from sampler._runtime.fork import in_child


class HeldFile:
    """An open file that is kept for the lock it holds.

    Args:
        descriptor: open, and not inherited by another program.
    """

    __slots__ = ("_descriptor", "_file")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._file: os.stat_result = os.fstat(descriptor)
        _held.add(self)

    @property
    def is_open(self) -> bool:
        """False once it is closed, by us or by the program."""
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
        if not self.is_open:
            raise OSError(errno.EBADF, "its descriptor has been closed by the program")
        return self._descriptor

    def is_file(self, found: os.stat_result) -> bool:
        """Tell whether ``found`` describes this file."""
        return os.path.samestat(self._file, found)

    def close(self) -> None:
        """Close it; doing it twice is harmless."""
        _held.discard(self)
        if self.is_open:
            os.close(self._descriptor)
        self._descriptor = -1


_held: set[HeldFile] = set()


def _close_all() -> None:
    """Close a forked child's copies; the parent's stay open."""
    for each in tuple(_held):
        each.close()


in_child(_close_all)
