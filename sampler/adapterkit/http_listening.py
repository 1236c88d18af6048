"""Sockets to listen with."""

from __future__ import annotations

from socket import AF_UNIX, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET

from sampler.adapterkit.sockets import Socket

_BACKLOG = 1024


def listening(family: int, address: tuple[object, ...] | str) -> Socket:
    """Return a listening socket.

    Args:
        family: ``socket.AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: where to listen.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = Socket(family, SOCK_STREAM)
    try:
        if family != AF_UNIX:
            listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
