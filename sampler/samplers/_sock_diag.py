"""Backlogs of unix sockets, as the kernel tells them by sock_diag(7). Linux only."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler.adapterkit.sockets import Socket

if TYPE_CHECKING:
    from collections.abc import Iterable

_NETLINK, _RAW, _SOCK_DIAG = 16, 3, 4
_BY_FAMILY, _REQUEST, _ERROR = 20, 1, 2
_UNIX = 1
_ANY_STATE = 0xFFFFFFFF
_SHOW_LENGTHS = 0x10
_LENGTHS = 4
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBHIIIII")
_ATTRIBUTE = struct.Struct("=HH")
_TOLD = 16
"""Bytes of what precedes the attributes of an answer."""
_TIMEOUT = 0.5
"""Seconds; the kernel answers while it is asked."""


def unix_backlogs(inodes: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return how many connections wait at listening unix sockets, and how many may.

    Args:
        inodes: of the sockets; those that the kernel does not know are left out.

    Raises:
        OSError: the kernel has no sock_diag, or forbids it.
    """
    found: dict[int, tuple[int, int]] = {}
    with Socket(_NETLINK, _RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT)
        for inode in inodes:
            asked = _ASKED.pack(
                _UNIX, 0, 0, _ANY_STATE, inode, _SHOW_LENGTHS, _NO_COOKIE, _NO_COOKIE
            )
            header = _HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0)
            kernel.sendto(header + asked, (0, 0))
            with suppress(struct.error):
                if (lengths := _lengths(kernel.recv(4096))) is not None:
                    found[inode] = lengths
    return found


def _lengths(answer: bytes) -> tuple[int, int] | None:
    """Return the two lengths of an answer; None if it has none."""
    length, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        return None
    at = _HEADER.size + _TOLD
    while at + _ATTRIBUTE.size <= min(length, len(answer)):
        size, name = _ATTRIBUTE.unpack_from(answer, at)
        if name == _LENGTHS:
            waiting, limit = struct.unpack_from("=II", answer, at + _ATTRIBUTE.size)
            return waiting, limit
        at += max(_ATTRIBUTE.size, size + 3 & ~3)
    return None
