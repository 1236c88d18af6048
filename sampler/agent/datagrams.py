"""Datagrams over UDP and unix sockets, and the little the kernel knows of their fate.

Each has a socket of its own, so an error found there is this datagram's and no other's. On one
host a refusal is known when ``send`` returns; from another host it comes later, and is looked
for before the next datagram, which is then held back.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from sampler.agent.adapter import UNCONFIRMED
from sampler.exceptions import Rejected, Unavailable

if TYPE_CHECKING:
    from sampler.agent.adapter import Batch, Outcome
    from sampler.agent.endpoint import Endpoint


class Datagrams:
    """The way to one destination.

    Args:
        endpoint: where it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._last: socket.socket | None = None

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Send the frames of a batch, or an empty datagram for a batch without entries.

        Raises:
            Unavailable: this batch has not arrived.
            Rejected: ``too_long``.
        """
        if batch.samples and not batch.frames:
            return UNCONFIRMED  # nothing moved
        late = self._verdict()
        if late:
            raise Unavailable(f"{self._endpoint}: the last datagram was refused: {late}")
        self._last = self._connected(timeout)
        for frame in batch.frames or (b"",):
            try:
                self._last.send(frame)
            except OSError as error:
                self.close()
                if error.errno == errno.EMSGSIZE:
                    raise Rejected("too_long", batch.samples) from None
                raise Unavailable(f"{self._endpoint}: {error.strerror or error}") from None
        refused = _pending(self._last)
        if refused:
            self.close()
            raise Unavailable(f"{self._endpoint}: {refused}")
        return UNCONFIRMED

    def close(self) -> None:
        """Close the socket of the last datagram."""
        if self._last is not None:
            self._last.close()
            self._last = None

    def _verdict(self) -> str:
        """Say what became known of the last datagram, which is settled already."""
        if self._last is None:
            return ""
        fault = _pending(self._last)
        self.close()
        return fault

    def _connected(self, timeout: float) -> socket.socket:
        fault: OSError | None = None
        for family, address in self._endpoint.addresses(socket.SOCK_DGRAM, timeout / 2):
            connection = socket.socket(family, socket.SOCK_DGRAM)
            try:
                connection.settimeout(timeout / 2)
                connection.connect(address)
            except OSError as error:
                connection.close()
                fault = error
            else:
                return connection
        raise Unavailable(f"{self._endpoint}: {(fault and fault.strerror) or 'no address'}")


def _pending(connection: socket.socket) -> str:
    """Return, and clear, the error the kernel keeps for a socket; empty when there is none."""
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return os.strerror(number) if number else ""
