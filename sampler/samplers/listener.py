"""The ``listener`` sampler: who waits at the sockets on which this process takes connections.

It knows no server: it finds the listening sockets among the descriptors, and asks the kernel
(tcp(7): TCP_INFO; sock_diag(7) for unix sockets). Connections that wait there have not been
accepted; what a server has accepted and keeps waiting itself is told by the server's own sampler.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, Any

from sampler.samplers import _descriptors
from sampler.samplers._metrics import metric
from sampler.samplers._sock_diag import unix_backlogs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOK_EVERY = 30.0
"""Seconds between two searches for listening sockets, which take 0.1 ms and more."""

_found: tuple[int, float, dict[str, tuple[int, int]]] = (0, 0.0, {})
"""In which process, until when, and what was found: descriptor and inode by address."""


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield backlogs of all listening sockets; nothing where the system does not tell."""
    unix: dict[int, str] = {}
    for address, (descriptor, inode) in _listening().items():
        if not _descriptors.is_socket(descriptor, inode):
            continue
        if address.startswith("unix:"):
            unix[inode] = address
            continue
        try:
            waiting, limit = _descriptors.backlog(descriptor)
        except (OSError, struct.error):  # closed meanwhile
            continue
        yield from _told(address, waiting, limit)
        yield "drops", _descriptors.drops(descriptor), {"address": address}
    try:
        lengths = unix_backlogs(unix) if unix else {}
    except OSError:
        return
    for inode, (waiting, limit) in lengths.items():
        yield from _told(unix[inode], waiting, limit)


def _told(address: str, waiting: int, limit: int) -> Iterator[tuple[Any, ...]]:
    yield "backlog.length", waiting, {"address": address}
    yield "backlog.limit", limit, {"address": address}


def _listening() -> dict[str, tuple[int, int]]:
    """Return the listening sockets, for which a search is made now and then."""
    global _found  # noqa: PLW0603 - a search takes longer than all the rest
    pid, until, found = _found
    now = time.monotonic()
    # A server's first pull may come before it listens.
    if pid != os.getpid() or now >= until or not found:
        found = {at: (number, inode) for number, inode, at in _descriptors.listeners()}
        _found = os.getpid(), now + LOOK_EVERY, found
    return found


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "listener",
    "sample": sample,
    "metrics": {
        # Of a socket that all workers share they all say the same, and where each has one of its
        # own (SO_REUSEPORT) the worst counts: the highest value is right for both.
        "backlog.length": metric(
            "gauge",
            "{connection}",
            "Connections that wait to be accepted.",
            "address",
            merge="max",
        ),
        "backlog.limit": metric(
            "gauge", "{connection}", "Connections that may wait.", "address", merge="max"
        ),
        "drops": metric(
            "counter",
            "{connection}",
            "Attempts to connect that were dropped, most of them as the backlog was full.",
            "address",
            scope="server",
        ),
    },
}
"""The ``listener`` sampler."""
