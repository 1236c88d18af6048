"""Files that one process at a time holds: released however it ends, not inherited by a fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sampler._fork import in_child
from sampler._threads import Lock

if TYPE_CHECKING:
    from pathlib import Path

_held: dict[Path, int] = {}
"""Descriptors of what this process holds: it could take a POSIX record lock twice."""
_TAKING = -1
_lock = Lock()


def take(path: Path) -> bool:
    """Hold a file, made when it is missing.

    Returns:
        False when another process, or this one, holds it already.

    Raises:
        OSError: it cannot be opened; a symbolic link never is.
        ImportError: this platform has no record locks.
    """
    import fcntl

    with _lock:
        if path in _held:
            return False
        _held[path] = _TAKING  # a disk may hang: nobody waits for it here
    file = _TAKING
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        give(path)
        if file == _TAKING:
            raise
        os.close(file)
        return False
    _held[path] = file
    return True


def give(path: Path) -> None:
    """Hold a file no longer; of one that is not held nothing happens."""
    file = _held.pop(path, _TAKING)
    if file != _TAKING:
        os.close(file)


def _forget_after_fork() -> None:
    """A record lock is its owner's: closing a copy takes nothing from the parent."""
    global _lock  # noqa: PLW0603 - whoever held it does not exist here
    _lock = Lock()
    for path in list(_held):
        give(path)


in_child(_forget_after_fork)
