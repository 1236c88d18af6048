"""Sockets that listen."""

from __future__ import annotations

from socket import AF_UNIX, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET

from sampler.adapterkit.sockets import Socket

_BACKLOG = 1024


def listening_socket(family: int, address: tuple[object, ...] | str) -> Socket:
    """Return a socket that listens.

    Args:
        family: ``socket.AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: host and port as for :meth:`socket.socket.bind`, or the path of a unix socket.

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
