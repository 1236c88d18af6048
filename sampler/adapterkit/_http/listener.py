"""Sockets that listen."""

from __future__ import annotations

import os
from contextlib import suppress
from socket import AF_UNIX, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET

from sampler.adapterkit.sockets import Socket

_BACKLOG = 1024


def listening_socket(
    family: int, address: tuple[object, ...] | str, *, mode: int | None = None
) -> Socket:
    """Return a socket that listens.

    Args:
        family: ``socket.AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: host and port as for :meth:`socket.socket.bind`, or the path of a unix socket.
        mode: of the file of a unix socket, from its first moment on; the umask may take from it.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = Socket(family, SOCK_STREAM)
    try:
        if family != AF_UNIX:
            listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if mode is not None:
            with suppress(OSError):  # Linux makes the file with it; others do not know it
                os.fchmod(listener.fileno(), mode)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
