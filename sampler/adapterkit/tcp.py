"""One batch over one connection, confirmed by the peer's end of stream.

``sendall`` returning proves nothing: megabytes can be "sent" and lost. After our half-close a
peer that has read everything ends its half too (carbon, carbon-c-relay and statsd all do).
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

from sampler.adapterkit.sockets import Socket
from sampler.agent.delivery.adapter import DELIVERED, UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.adapterkit.dns import Address
    from sampler.agent.delivery.adapter import Outcome

CONNECT_LIMIT = 5.0
"""Seconds that connecting may take, over all addresses of a name."""
_FIN_WAIT2 = 5
"""Linux ``TCP_FIN_WAIT2``: the peer's kernel has acknowledged every byte, our end included."""
_EARLY = (8, 9, 11)
"""``CLOSE_WAIT``, ``LAST_ACK``, ``CLOSING``: the peer's end came before it had ours."""
_TOO_EARLY = "it ended the connection before it had everything"


class Unanswered(OSError):
    """Everything was handed to the kernel, and the peer's end did not come in time."""


def connected(addresses: Sequence[Address], deadline: float) -> Socket:
    """Return a connection to the first address that accepts.

    Args:
        addresses: family and socket address of each.
        deadline: monotonic moment at which to give up, :data:`CONNECT_LIMIT` at the latest.

    Raises:
        OSError: none of them does, or the peer ends the connection at once.
    """
    fault = OSError("no address")
    deadline = min(deadline, monotonic() + CONNECT_LIMIT)
    for index, (family, address) in enumerate(addresses):
        connection = Socket(family, SOCK_STREAM)
        try:
            connection.settimeout(_left(deadline) / (len(addresses) - index))
            connection.connect(address)
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise fault


def converse(connection: Socket, frames: Sequence[bytes], deadline: float) -> Outcome:
    """Send ``frames`` and wait until the peer has read them.

    Args:
        connection: open, and still open afterwards.
        frames: the bytes; none at all only asks whether the peer answers.
        deadline: monotonic moment at which all of it ends.

    Returns:
        ``UNCONFIRMED`` when the peer's kernel has everything and its program says nothing.

    Raises:
        Unanswered: sent, no answer, and the peer's kernel may lack bytes.
        OSError: anything else that kept the peer from reading everything.
    """
    for frame in frames:
        connection.settimeout(_left(deadline))
        connection.sendall(frame)
    if ended(connection):
        raise ConnectionError(_TOO_EARLY)
    connection.shutdown(SHUT_WR)
    try:
        connection.settimeout(_left(deadline))
        answer = connection.recv(1)
    except TimeoutError:
        if frames and _state(connection) == _FIN_WAIT2:
            return UNCONFIRMED
        raise Unanswered("not everything was read in time") from None
    if answer:
        raise ConnectionError("it answers, which no such receiver does")
    if _state(connection) in _EARLY or connection.getsockopt(SOL_SOCKET, SO_ERROR):
        raise ConnectionError(_TOO_EARLY)
    return DELIVERED


def ended(connection: Socket) -> bool:
    """Tell whether the peer has ended its half, or says something, which it should not."""
    patience = connection.gettimeout()
    connection.settimeout(0)
    try:
        connection.recv(1, MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:  # what happened comes with the next call
        return True
    finally:
        connection.settimeout(patience)
    return True


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _state(connection: Socket) -> int | None:
    """Return the kernel's state of a TCP connection, or None where it does not tell."""
    if sys.platform != "linux" or connection.family not in (AF_INET, AF_INET6):
        return None
    from socket import TCP_INFO  # there is none elsewhere

    return connection.getsockopt(IPPROTO_TCP, TCP_INFO, 1)[0]
