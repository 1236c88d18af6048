"""A way for any thread to wake a thread that waits in a selector."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.sockets import socketpair
from sampler.adapterkit.threads import Lock

if TYPE_CHECKING:
    from sampler.adapterkit.sockets import Socket

_CHUNK = 65536


class Wakeup:
    """A pair of connected sockets: :meth:`wake` makes :attr:`receiver` readable.

    Attributes:
        receiver: to be registered with the selector.

    Raises:
        OSError: there are no descriptors for it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._closed = False
        self._sender, self.receiver = _pair()

    def wake(self) -> None:
        """Wake the thread; after :meth:`close` this does nothing. Safe to use from any thread."""
        with self._lock:  # close() must wait: the descriptor may be another's at once
            if not self._closed and self._sender.is_ours():
                with suppress(OSError):  # it is full: the thread wakes anyway
                    self._sender.send(b"!")

    def clear(self) -> None:
        """Make the receiver unreadable until the next :meth:`wake`."""
        self.receiver.recv(_CHUNK)

    def renew(self) -> None:
        """Take other sockets, where the program has closed these.

        Raises:
            OSError: there are no descriptors for them.
        """
        with self._lock:
            for each in (self._sender, self.receiver):
                close_quietly(each)
            self._sender, self.receiver = _pair()

    @property
    def lost(self) -> bool:
        """Whether the program has closed its descriptors, which :meth:`close` has not."""
        return not (self._closed or (self._sender.is_ours() and self.receiver.is_ours()))

    def close(self) -> None:
        """Close both sockets. Harmless a second time."""
        with self._lock:
            self._closed = True
            close_quietly(self._sender)
        close_quietly(self.receiver)

    def close_in_child(self) -> None:
        """Close both sockets in a forked child, whose parent may have held the lock."""
        self._lock = Lock()
        self.close()


def _pair() -> tuple[Socket, Socket]:
    pair = socketpair()
    for each in pair:
        each.setblocking(False)
    return pair


def close_quietly(what: Any) -> None:
    """Close something, even if the program has closed its descriptor already."""
    with suppress(OSError):
        what.close()
