"""Datagrams over UDP and unix sockets, and the little the kernel knows of their fate.

On one machine a refusal is known when ``send`` returns, so an error found then is this datagram's
and no other's; from another host it comes later, and is looked for before the next datagram,
which is then held back.
"""

from __future__ import annotations

import errno
import os
from ipaddress import ip_address
from socket import AF_UNIX, SO_ERROR, SOCK_DGRAM, SOL_SOCKET
from time import monotonic
from typing import TYPE_CHECKING

from sampler.adapterkit.sockets import Socket
from sampler.agent.delivery.adapter import UNCONFIRMED
from sampler.exceptions import Rejected, Unavailable

if TYPE_CHECKING:
    from sampler.adapterkit.endpoint import Endpoint
    from sampler.agent.delivery.adapter import Batch, Outcome

_STANDS = 5.0
"""Seconds after which a name is looked up again."""


class Datagrams:
    """The way to one destination: a connected socket, kept while its address stands.

    Args:
        endpoint: where it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._socket: Socket | None = None
        self._near = False
        self._until = 0.0

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send the frames of a batch, or an empty datagram for a batch without entries.

        Raises:
            Unavailable: this batch has not arrived.
            Rejected: ``too_long``.
        """
        if batch.samples and not batch.frames:
            return UNCONFIRMED  # nothing moved
        connection = self._ready(timeout)
        for frame in batch.frames or (b"",):
            try:
                connection.send(frame)
            except OSError as error:
                self.close()
                if error.errno == errno.EMSGSIZE:
                    raise Rejected("too_long", batch.samples) from None
                raise Unavailable(f"{self._endpoint}: {error.strerror or error}") from None
        # On this machine a refusal is known at once, and is this datagram's.
        if self._near and (refused := _pending(connection)):
            self.close()
            raise Unavailable(f"{self._endpoint}: {refused}")
        return UNCONFIRMED

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ready(self, timeout: float) -> Socket:
        """Return the socket; a refusal that came late is an earlier datagram's, and settled."""
        now = monotonic()
        if self._socket is not None:
            if late := _pending(self._socket):
                self.close()
                raise Unavailable(f"{self._endpoint}: the last datagram was refused: {late}")
            if now < self._until:
                return self._socket
        found = self._connected(timeout)
        self.close()
        self._socket, self._near, self._until = found, _near(found), now + _STANDS
        return found

    def _connected(self, timeout: float) -> Socket:
        fault: OSError | None = None
        for family, address in self._endpoint.addresses(SOCK_DGRAM, timeout / 2):
            connection = Socket(family, SOCK_DGRAM)
            try:
                connection.settimeout(timeout / 2)
                connection.connect(address)
            except OSError as error:
                connection.close()
                fault = error
            else:
                return connection
        raise Unavailable(f"{self._endpoint}: {(fault and fault.strerror) or 'no address'}")


def _near(connection: Socket) -> bool:
    """Tell whether the peer is on this machine."""
    if connection.family == AF_UNIX:
        return True
    here, there = connection.getsockname()[0], connection.getpeername()[0]
    return bool(here == there or ip_address(there.partition("%")[0]).is_loopback)


def _pending(connection: Socket) -> str:
    """Return, and clear, the error the kernel keeps for a socket; empty when there is none."""
    number = connection.getsockopt(SOL_SOCKET, SO_ERROR)
    return os.strerror(number) if number else ""
