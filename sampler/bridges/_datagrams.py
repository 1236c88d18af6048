"""Many datagrams in one call of the kernel, where it has one for that."""

from __future__ import annotations

import ctypes
import os
import socket
from errno import EINTR
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.adapterkit.sockets import Socket

MOST = 64
"""Datagrams of one read."""
_SIZE = 65_536
_MSG_WAITFORONE = 0x10000


class _Buffer(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("buffers", ctypes.POINTER(_Buffer)),
        ("number", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """Of Linux: ``struct mmsghdr``."""

    _fields_ = (("message", _Message), ("received", ctypes.c_uint))


def reader(ready: Socket) -> Callable[[], list[bytes]]:
    """Return what waits for a datagram, and returns it with those behind it, `MOST` at most.

    It raises OSError as ``recv`` does.
    """
    try:
        call: Any = ctypes.CDLL(None, use_errno=True).recvmmsg
    except (OSError, AttributeError):  # not on Linux
        return lambda: _one_by_one(ready)
    room = bytearray(MOST * _SIZE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(room))
    buffers = (_Buffer * MOST)(*(_Buffer(begin + n * _SIZE, _SIZE) for n in range(MOST)))
    headers = (_Header * MOST)()
    for header, buffer in zip(headers, buffers, strict=True):
        header.message.buffers, header.message.number = ctypes.pointer(buffer), 1
    data = memoryview(room)
    at, each = _Header.received.offset // 4, ctypes.sizeof(_Header) // 4
    lengths = memoryview(headers).cast("B").cast("I")[at::each]

    def read() -> list[bytes]:
        while (number := call(ready.fileno(), headers, MOST, _MSG_WAITFORONE, None)) < 0:
            if (error := ctypes.get_errno()) != EINTR:
                raise OSError(error, os.strerror(error))
        return [
            bytes(data[n * _SIZE : n * _SIZE + length])
            for n, length in enumerate(lengths[:number])
        ]

    return read


def _one_by_one(ready: Socket) -> list[bytes]:
    batch = [ready.recv(_SIZE)]
    try:
        while len(batch) < MOST:
            batch.append(ready.recv(_SIZE, socket.MSG_DONTWAIT))
    except BlockingIOError:  # nothing more for now
        pass
    return batch
