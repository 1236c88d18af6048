"""Sockets and name look-ups of the operating system, also where gevent or eventlet replaces them.

Our threads are native, and a patched socket waits in an event loop that they do not have. What
is here is made of the interpreter's own parts, which nobody patches: :mod:`_socket`, not
:mod:`socket`. Constants may come from :mod:`socket`; they stay what they are.
"""

from __future__ import annotations

import _socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["Socket", "getaddrinfo", "gethostname", "socketpair"]

getaddrinfo: Callable[..., list[Any]] = _socket.getaddrinfo
"""As :func:`socket.getaddrinfo`; families and kinds are plain numbers."""
gethostname: Callable[[], str] = _socket.gethostname
"""As :func:`socket.gethostname`."""


class Socket(_socket.socket):
    """A socket, as :class:`socket.socket`, without files."""

    __slots__ = ("__weakref__",)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Close one that an error has left behind: no warning of ours comes out elsewhere."""
        self.close()

    def accept(self) -> tuple[Socket, Any]:
        """Return the next connection and the address it comes from."""
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
    return _adopted(one), _adopted(other)


def _adopted(given: _socket.socket) -> Socket:
    return Socket(given.family, given.type, given.proto, fileno=given.detach())
