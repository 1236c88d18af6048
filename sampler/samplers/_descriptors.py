"""What the kernel tells of somebody else's socket, by its descriptor. Linux only.

It is asked by ctypes: an object of :mod:`socket` would close the descriptor at its end, and where
the program has set a default timeout it would make the socket non-blocking for its owner, too.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from _socket import inet_ntop
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 1024
"""Descriptors that a search looks at, the lowest first: servers listen before they accept."""

_DESCRIPTORS = "/proc/self/fd"
_SOL_SOCKET, _SO_ACCEPTCONN, _SO_MEMINFO = 1, 30, 55  # asm-generic/socket.h
_IPPROTO_TCP, _TCP_INFO = 6, 11
_UNIX, _INET, _INET6 = 1, 2, 10
_BACKLOG = struct.Struct("=24x2I")  # of a listener: tcpi_unacked and tcpi_sacked
_MEMORY = struct.Struct("=32xI")  # sk_drops is the last of nine
_NAME = 128
_libc = ctypes.CDLL(None, use_errno=True)


def listeners() -> Iterator[tuple[int, int, str]]:
    """Yield the listening sockets of this process: descriptor, inode, and address.

    An address is ``host:port`` or ``unix:path``.
    """
    for descriptor in _open()[:MOST]:
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISSOCK(state.st_mode):
                continue
            if any(_option(descriptor, _SOL_SOCKET, _SO_ACCEPTCONN, 4)):
                yield descriptor, state.st_ino, address(descriptor)
        except (OSError, ValueError, struct.error):  # closed meanwhile, or of another family
            continue


def is_socket(descriptor: int, inode: int) -> bool:
    """Tell whether a descriptor is still that socket."""
    try:
        return os.fstat(descriptor).st_ino == inode
    except OSError:
        return False


def backlog(descriptor: int) -> tuple[int, int]:
    """Return how many connections wait at a listening TCP socket, and how many may.

    Raises:
        OSError, struct.error: it is closed, or this kernel does not tell.
    """
    waiting, limit = _BACKLOG.unpack_from(_option(descriptor, _IPPROTO_TCP, _TCP_INFO, 104))
    return waiting, limit


def drops(descriptor: int) -> int | None:
    """Return how many connections were dropped at a socket; None before Linux 4.12."""
    try:
        return int(_MEMORY.unpack_from(_option(descriptor, _SOL_SOCKET, _SO_MEMINFO, 36))[0])
    except (OSError, struct.error):
        return None


def address(descriptor: int) -> str:
    """Return where a socket listens.

    Raises:
        OSError, ValueError, struct.error: it is closed, or neither of the internet nor of unix.
    """
    buffer, size = ctypes.create_string_buffer(_NAME), ctypes.c_uint32(_NAME)
    if _libc.getsockname(descriptor, buffer, ctypes.byref(size)):
        raise OSError(ctypes.get_errno(), "no name")
    raw = buffer.raw[: size.value]
    (family,) = struct.unpack_from("=H", raw)
    if family == _UNIX:
        path = raw[2:] if raw[2:3] == b"\0" else raw[2:].partition(b"\0")[0]
        return "unix:" + path.replace(b"\0", b"@").decode("utf-8", "backslashreplace")
    (port,) = struct.unpack_from("!H", raw, 2)
    if family == _INET:
        return f"{inet_ntop(_INET, raw[4:8])}:{port}"
    if family == _INET6:
        return f"[{inet_ntop(_INET6, raw[8:24])}]:{port}"
    raise ValueError(f"of family {family}")


def _open() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(_DESCRIPTORS))  # noqa: PTH208 - numbers
    except OSError:  # no Linux
        return []


def _option(descriptor: int, level: int, name: int, length: int) -> bytes:
    buffer, size = ctypes.create_string_buffer(length), ctypes.c_uint32(length)
    if _libc.getsockopt(descriptor, level, name, buffer, ctypes.byref(size)):
        raise OSError(ctypes.get_errno(), "the kernel does not tell")
    return buffer.raw[: size.value]
