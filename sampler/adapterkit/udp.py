"""Datagrams over UDP and unix sockets, and what the kernel tells of lost ones.

A peer on this machine refuses a datagram before ``send`` returns, so an error found then belongs
to this datagram. From another host a refusal arrives later: it is looked for before the next
datagram is sent, and that one is then held back.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from ipaddress import ip_address
from socket import AF_UNIX, SO_ERROR, SOCK_DGRAM, SOL_SOCKET
from time import monotonic
from typing import TYPE_CHECKING

from sampler.adapterkit.sockets import Socket
from sampler.agent import UNCONFIRMED, Rejected, Unavailable

if TYPE_CHECKING:
    from sampler.adapterkit.endpoint import Endpoint
    from sampler.agent import Batch, Outcome

__all__ = ["DatagramSender"]

_LOOK_UP_AGAIN = 5.0
"""Seconds after which a name is looked up again."""


class DatagramSender:
    """Sends batches to one destination, over a connected socket that it keeps.

    Args:
        endpoint: the destination.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._socket: Socket | None = None
        self._local = False
        self._until = 0.0

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send each frame as a datagram; an empty one for a batch that has no entries.

        Args:
            batch: what to send; nothing is sent where it has entries, but no frames.
            timeout: seconds that looking the name up and sending may take.

        Raises:
            Unavailable: this batch has not arrived.
            Rejected: ``too_long``: the kernel does not send datagrams of that size.
        """
        if batch.samples and not batch.frames:
            return UNCONFIRMED  # no value has changed
        connection = self._ready(timeout)
        for frame in batch.frames or (b"",):
            try:
                connection.send(frame)
            except OSError as error:
                self.close()
                if error.errno == errno.EMSGSIZE:
                    raise Rejected("too_long", batch.samples) from None
                raise Unavailable(f"{self._endpoint}: {error.strerror or error}") from None
        if self._local and (refused := _pending_error(connection)):
            self.close()
            raise Unavailable(f"{self._endpoint}: {refused}")
        return UNCONFIRMED

    def close(self) -> None:
        """Close the socket."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):  # the program has closed its descriptor
                connection.close()

    def _ready(self, timeout: float) -> Socket:
        """Return the socket, connected to an address that is still good.

        Raises:
            Unavailable: no address can be used, or an earlier datagram was refused. That one has
                been accounted for already.
        """
        now = monotonic()
        if self._socket is not None and not self._socket.is_ours():
            self.close()
        if self._socket is not None:
            if refused := _pending_error(self._socket):
                self.close()
                raise Unavailable(f"{self._endpoint}: the last datagram was refused: {refused}")
            if now < self._until:
                return self._socket
        found = self._connected(timeout)
        self.close()
        self._socket, self._local, self._until = found, _is_local(found), now + _LOOK_UP_AGAIN
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


def _is_local(connection: Socket) -> bool:
    """Tell whether the peer is on this machine."""
    if connection.family == AF_UNIX:
        return True
    here, there = connection.getsockname()[0], connection.getpeername()[0]
    return bool(here == there or ip_address(there.partition("%")[0]).is_loopback)


def _pending_error(connection: Socket) -> str:
    """Return, and clear, the error the kernel keeps for a socket; empty when there is none."""
    number = connection.getsockopt(SOL_SOCKET, SO_ERROR)
    return os.strerror(number) if number else ""
