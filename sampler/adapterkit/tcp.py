"""Delivery over TCP or a unix stream socket, one batch per connection, confirmed by the peer.

That ``sendall`` returns proves nothing: the kernel may hold megabytes that the peer never reads.
So after the last byte we close our half of the connection, and a peer that has read everything
closes its half, too: carbon, carbon-c-relay and statsd all do.
"""

from __future__ import annotations

import sys
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_TCP,
    MSG_PEEK,
    SHUT_WR,
    SO_ERROR,
    SOCK_STREAM,
    SOL_SOCKET,
)
from time import monotonic
from typing import TYPE_CHECKING

from sampler.adapterkit.deadline import seconds_left
from sampler.adapterkit.sockets import Socket
from sampler.agent import DELIVERED, UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.adapterkit.dns import Address
    from sampler.adapterkit.tls import TLSSocket
    from sampler.agent import Outcome

__all__ = [
    "CONNECT_LIMIT",
    "ConfirmationTimeout",
    "connect",
    "peer_has_closed",
    "send_confirmed",
    "send_confirmed_over_tls",
]

CONNECT_LIMIT = 5.0
"""Seconds that connecting may take, over all addresses of a name."""
_FIN_WAIT2 = 5
"""Linux ``TCP_FIN_WAIT2``: the peer's kernel has acknowledged every byte and our close."""
_CLOSED_EARLY = (8, 9, 11)
"""``CLOSE_WAIT``, ``LAST_ACK``, ``CLOSING``: the peer closed before it had our close."""
_TOO_EARLY = "it closed the connection before it had read everything"


class ConfirmationTimeout(OSError):
    """Everything was handed to the kernel, but the peer did not close its half in time."""


def connect(addresses: Sequence[Address], deadline: float) -> Socket:
    """Return a connection to the first address that accepts one.

    Args:
        addresses: family and socket address of each.
        deadline: monotonic moment at which to give up, after :data:`CONNECT_LIMIT` at the latest.

    Raises:
        OSError: no address accepts.
    """
    fault = OSError("no address")
    deadline = min(deadline, monotonic() + CONNECT_LIMIT)
    for index, (family, address) in enumerate(addresses):
        connection = Socket(family, SOCK_STREAM)
        try:
            connection.settimeout(seconds_left(deadline) / (len(addresses) - index))
            connection.connect(address)
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise fault


def send_confirmed(connection: Socket, frames: Sequence[bytes], deadline: float) -> Outcome:
    """Send ``frames``, close our half, and wait until the peer has read everything.

    Args:
        connection: open; the caller closes it afterwards.
        frames: the bytes; without any, this only asks whether the peer responds.
        deadline: monotonic moment at which all of it ends.

    Returns:
        ``DELIVERED`` when the peer closed its half after it had read everything; ``UNCONFIRMED``
        when the peer's kernel has every byte, but its program did not close in time.

    Raises:
        ConfirmationTimeout: sent, but not confirmed, and the peer's kernel may lack bytes.
        OSError: the peer did not read everything, for any other cause.
    """
    for frame in frames:
        connection.settimeout(seconds_left(deadline))
        connection.sendall(frame)
    if peer_has_closed(connection):
        raise ConnectionError(_TOO_EARLY)
    connection.shutdown(SHUT_WR)
    try:
        connection.settimeout(seconds_left(deadline))
        answer = connection.recv(1)
    except TimeoutError:
        if frames and _state(connection) == _FIN_WAIT2:
            return UNCONFIRMED
        raise ConfirmationTimeout("not everything was read in time") from None
    if answer:
        raise ConnectionError("it sent an answer, which a receiver of this protocol never does")
    if _state(connection) in _CLOSED_EARLY or connection.getsockopt(SOL_SOCKET, SO_ERROR):
        raise ConnectionError(_TOO_EARLY)
    return DELIVERED


def send_confirmed_over_tls(
    connection: TLSSocket, frames: Sequence[bytes], deadline: float
) -> Outcome:
    """Send ``frames`` and TLS' ``close_notify``, and wait for the peer's.

    What ends TLS need not be what stores the numbers: stunnel answers when the receiver behind it
    has closed. Whoever closes without an answer has confirmed nothing.

    Args:
        connection: open; the caller closes it afterwards.
        frames: the bytes; without any, this only asks whether the peer responds.
        deadline: monotonic moment at which all of it ends.

    Returns:
        ``DELIVERED`` when the peer answered; ``UNCONFIRMED`` when it closed without an answer, or
        its kernel has every byte and it did not close in time.

    Raises:
        ConfirmationTimeout: sent, but not confirmed, and the peer's kernel may lack bytes.
        OSError: the peer did not read everything, for any other cause.
    """
    for frame in frames:
        connection.settimeout(seconds_left(deadline))
        connection.sendall(frame)
    if frames and connection.has_ended():
        raise ConnectionError(_TOO_EARLY)
    connection.settimeout(seconds_left(deadline))
    connection.send_end()
    connection.shutdown(SHUT_WR)
    try:
        connection.settimeout(seconds_left(deadline))
        answered = connection.is_answered()
    except TimeoutError:
        if frames and _state(connection) == _FIN_WAIT2:
            return UNCONFIRMED
        raise ConfirmationTimeout("not everything was read in time") from None
    return DELIVERED if answered else UNCONFIRMED


def peer_has_closed(connection: Socket) -> bool:
    """Tell whether the peer has closed its half, or has sent something, which it should not."""
    timeout = connection.gettimeout()
    connection.settimeout(0)
    try:
        connection.recv(1, MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:  # the next call raises it
        return True
    finally:
        connection.settimeout(timeout)
    return True


def _state(connection: Socket | TLSSocket) -> int | None:
    """Return the kernel's state of a TCP connection, or None where it cannot be asked."""
    if sys.platform != "linux" or connection.family not in (AF_INET, AF_INET6):
        return None
    from socket import TCP_INFO  # only Linux has it

    state: int = connection.getsockopt(IPPROTO_TCP, TCP_INFO, 1)[0]
    return state
