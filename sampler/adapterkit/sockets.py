"""Sockets and name look-ups that gevent and eventlet do not replace.

``encode`` and ``send`` run on native threads, and a patched socket waits for an event loop that
such a thread does not have. So everything here comes from :mod:`_socket`, which nobody patches.
Constants may come from :mod:`socket`.
"""

from __future__ import annotations

import _socket
import os
from errno import EBADF
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["Socket", "getaddrinfo", "socketpair"]

getaddrinfo: Callable[..., list[Any]] = _socket.getaddrinfo
"""As :func:`socket.getaddrinfo`; families and kinds are plain numbers."""


class Socket(_socket.socket):
    """A socket like :class:`socket.socket`, but without ``makefile``.

    A program may close its descriptor, as ``os.closerange`` does, and get its number for a file of
    its own; that is not closed with it.
    """

    __slots__ = ("__weakref__", "_inode")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._inode = self._read_inode(self.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Close a socket that an error has left open, without a ``ResourceWarning``."""
        try:
            self.close()
        except OSError:  # the program has closed its descriptor
            return

    def is_ours(self) -> bool:
        """Tell whether its descriptor is what was opened; False also once it is closed."""
        number = self.fileno()
        return number >= 0 and self._read_inode(number) == self._inode

    def close(self) -> None:
        """Close it; harmless a second time.

        Raises:
            OSError: the program has closed its descriptor.
        """
        number, mine = self.fileno(), getattr(self, "_inode", None)  # it may not have been opened
        if mine is not None and number >= 0 and (found := self._read_inode(number)) != mine:
            self.detach()
            if found is None:  # and it may be the program's by now
                raise OSError(EBADF, "Bad file descriptor")
        super().close()

    @staticmethod
    def _read_inode(  # with what it needs: sockets are closed while modules end, too
        descriptor: int, fstat: Callable[[int], os.stat_result] = os.fstat
    ) -> tuple[int, int] | None:
        """Return what tells an open descriptor from others; None if it is closed."""
        try:
            found = fstat(descriptor)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def accept(self) -> tuple[Socket, Any]:
        """Return the next connection and the address of its peer."""
        number, address = self._accept()  # type: ignore[attr-defined]
        return Socket(self.family, self.type, self.proto, fileno=number), address

    def dup(self) -> Socket:
        """Return another socket for the same connection or listener."""
        copy = Socket(self.family, self.type, self.proto, fileno=_socket.dup(self.fileno()))
        copy.settimeout(self.gettimeout())
        return copy


def socketpair() -> tuple[Socket, Socket]:
    """Return two connected sockets."""
    one, other = _socket.socketpair()
    return _owned(one), _owned(other)


def _owned(given: _socket.socket) -> Socket:
    return Socket(given.family, given.type, given.proto, fileno=given.detach())
