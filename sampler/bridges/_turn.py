"""Whose turn it is: of the processes that are told the same, one reads or listens."""

from __future__ import annotations

import os
import sys
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sampler.adapterkit.sockets import Socket
from sampler.adapterkit.threads import Lock, in_child

_AF_UNIX, _STREAM = 1, 1


class _Held:
    """A lock that this process has: for how many, and what holds it."""

    def __init__(self, holder: Any) -> None:
        self.holder = holder
        self.users = 0


_held: dict[str, _Held] = {}
_lock = Lock()


class Turn:
    """A turn that one process of a host has at a time, in as many places as it likes.

    It is over when the process ends, however it does; a child that it forks has none.

    Args:
        what: what it is about, the same text in all processes.
    """

    def __init__(self, what: str) -> None:
        digest = blake2b(f"{os.getuid()} {what}".encode(), digest_size=16).hexdigest()
        self._name = f"sampler-bridge-{digest}"
        self._mine: _Held | None = None

    def is_mine(self) -> bool:
        """Tell whether it is this process' turn; take it, if nobody has it."""
        with _lock:
            if self._mine is not None and _held.get(self._name) is self._mine:
                return True
            held = _held.get(self._name)
            if held is None:
                holder = _take(self._name)
                if holder is None:
                    return False
                held = _held[self._name] = _Held(holder)
            held.users += 1
            self._mine = held
            return True

    def end(self) -> None:
        """Give it back; doing that twice is harmless."""
        with _lock:
            held, self._mine = self._mine, None
            if held is None or _held.get(self._name) is not held:
                return
            held.users -= 1
            if not held.users:
                del _held[self._name]
                held.holder.close()


def _take(name: str) -> Any:
    """Return what holds a lock until it is closed; None if another process has it."""
    if sys.platform == "linux":  # an abstract socket: no folder, and gone with its holder
        holder = Socket(_AF_UNIX, _STREAM)
        try:
            holder.bind(f"\0{name}")
        except OSError:
            holder.close()
            return None
        return holder
    import fcntl

    file = (Path(gettempdir()) / name).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _begin_anew() -> None:
    """Close what a child has of its parent's turns, or they would not be over with the parent."""
    global _lock  # noqa: PLW0603 - it may have been held at the fork
    _lock = Lock()
    for held in _held.values():
        held.holder.close()
    _held.clear()


in_child(_begin_anew)
