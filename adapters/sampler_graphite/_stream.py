"""One batch over one TCP connection, confirmed by the peer's end of stream.

``sendall`` returning proves nothing: megabytes can be "sent" and lost. After our half-close a
peer that has read everything ends its half too (carbon, carbon-c-relay and statsd all do).
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from time import monotonic
from typing import TYPE_CHECKING

from sampler.agent import DELIVERED, UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.agent import Outcome
    from sampler.agent.resolve import Address

_FIN_WAIT2 = 5
"""Linux ``TCP_FIN_WAIT2``: the peer's kernel has acknowledged every byte, our end included."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Unanswered(OSError):
    """Everything was handed to the kernel, and the peer's end did not come in time."""


def deliver(frames: Sequence[bytes], addresses: Sequence[Address], deadline: float) -> Outcome:
    """Send ``frames`` and wait until the peer has read them.

    Args:
        frames: the bytes; none at all only asks whether the peer answers.
        addresses: where to; the first that accepts is taken.
        deadline: monotonic moment at which all of it ends.

    Raises:
        Unanswered: sent, no answer, and the peer's kernel may lack bytes.
        OSError: anything else that kept the peer from reading everything.
    """
    connection = _connected(addresses, deadline)
    try:
        outcome = _converse(connection, frames, deadline)
    except OSError:
        # What the peer has not read is not worth keeping: the batch is sent again.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        raise
    finally:
        connection.close()
    return outcome


def _connected(addresses: Sequence[Address], deadline: float) -> socket.socket:
    fault = OSError("no address")
    for index, (family, address) in enumerate(addresses):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_left(deadline) / (len(addresses) - index))
            connection.connect(address)
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise fault


def _converse(connection: socket.socket, frames: Sequence[bytes], deadline: float) -> Outcome:
    for frame in frames:
        connection.settimeout(_left(deadline))
        connection.sendall(frame)
    if select.select([connection], [], [], 0)[0]:
        raise ConnectionError("it ended the connection before it had everything")
    connection.shutdown(socket.SHUT_WR)
    try:
        connection.settimeout(_left(deadline))
        answer = connection.recv(1)
    except TimeoutError:
        if _state(connection) == _FIN_WAIT2:
            return UNCONFIRMED
        raise Unanswered("not everything was read in time") from None
    if answer:
        raise ConnectionError("it answers, which no Graphite receiver does")
    return DELIVERED


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _state(connection: socket.socket) -> int | None:
    """Return the kernel's state of a TCP connection, or None where it does not tell."""
    if sys.platform != "linux":
        return None
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
