"""Who is at the other end of a unix socket, and how its address is written."""

from __future__ import annotations

from socket import SOL_SOCKET
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sampler.adapterkit.sockets import Socket

_SO_PEERCRED = 17  # of Linux, on every machine but SPARC's and PA-RISC's
_CREDENTIALS = Struct("3i")


class Peer(NamedTuple):
    """Who is at the other end; ``pid`` is 0 for a process outside of our pid namespace."""

    pid: int
    uid: int


def bound_address(address: str) -> str:
    """Return an address as sockets take it: ``@name`` is an abstract one, others are paths."""
    return f"\0{address[1:]}" if address.startswith("@") else address


def peer_of(connection: Socket) -> Peer:
    """Return who is at the other end of a unix socket, as the kernel has it.

    Raises:
        OSError: this system does not tell.
    """
    data = connection.getsockopt(SOL_SOCKET, _SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return Peer(pid, uid)
