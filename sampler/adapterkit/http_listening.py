"""Sockets to listen with."""

from __future__ import annotations

import socket

_BACKLOG = 1024


def listening(family: int, address: tuple[object, ...] | str) -> socket.socket:
    """Return a listening socket.

    Args:
        family: ``socket.AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: where to listen.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
