"""A batch as a record of a file: checked by length and CRC, found again behind damage.

A record is a mark, its length, and two CRCs: of that length, and of what follows. Both know the
file's number and the record's place in it, so bytes inside a frame that look like a record are
none. The mark alone changes later, from ``WAITING`` to ``DONE``; no damage to one byte makes one
out of the other.
"""

from __future__ import annotations

import json
import re
import struct
from typing import NamedTuple
from zlib import crc32

from sampler.agent.delivery.adapter import Batch

WAITING, DONE = b"\xf5sp\x01", b"\xfaDN\x02"

_MARK = re.compile(re.escape(WAITING) + b"|" + re.escape(DONE))
_HEAD = struct.Struct(">4sIII")
_PLACE = struct.Struct(">QQI")
_LENGTH = struct.Struct(">I")


class Found(NamedTuple):
    """A record that is intact and waits.

    Attributes:
        offset: where it begins in its file.
        length: its bytes.
        samples: entries that its batch carries.
    """

    offset: int
    length: int
    samples: int


def payload(batch: Batch) -> bytes | None:
    """Return what a record keeps of a batch; None when its note is more than JSON carries.

    What was refused is not kept: it has been counted.
    """
    sizes = [len(frame) for frame in batch.frames]
    try:
        text = json.dumps([batch.samples, batch.note, sizes])
        if json.loads(text)[1] != batch.note:
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    head = text.encode()
    return b"".join((_LENGTH.pack(len(head)), head, *batch.frames))


def length(payload: bytes) -> int:
    """Return how many bytes the record of a payload takes."""
    return _HEAD.size + len(payload)


def record(payload: bytes, number: int, offset: int) -> bytes:
    """Return a payload as a record for its place: a file's number, an offset in it."""
    place = crc32(_PLACE.pack(number, offset, len(payload)))
    return _HEAD.pack(WAITING, len(payload), place, crc32(payload, place)) + payload


def batch(data: bytes, number: int, offset: int) -> Batch | None:
    """Return the batch of the record that ``data`` begins with, or None when it is damaged."""
    body = _body(memoryview(data), 0, number, offset)
    return None if body is None else _batch(body)


def scan(data: bytes, number: int) -> tuple[list[Found], int]:
    """Return a file's waiting records, and how many stretches between records are damaged.

    Args:
        data: the whole file.
        number: the file's number.
    """
    found: list[Found] = []
    damaged = at = 0
    view = memoryview(data)
    while at < len(data):
        body = _body(view, at, number, at)
        if body is None:
            damaged += 1
            at = _next(data, view, at + 1, number)
            continue
        size = _HEAD.size + len(body)
        if data[at : at + 4] == WAITING:
            kept = _batch(body)
            if kept is None:
                damaged += 1
            else:
                found.append(Found(at, size, kept.samples))
        at += size
    return found, damaged


def _next(data: bytes, view: memoryview, at: int, number: int) -> int:
    """Return where the next good record begins, or the end."""
    for match in _MARK.finditer(data, at):
        if _body(view, match.start(), number, match.start()) is not None:
            return match.start()
    return len(data)


def _body(view: memoryview, at: int, number: int, offset: int) -> memoryview | None:
    """Return the payload of the record at ``at``, or None when there is no good one."""
    begin = at + _HEAD.size
    if begin > len(view):
        return None
    mark, size, place, check = _HEAD.unpack_from(view, at)
    if mark not in (WAITING, DONE) or place != crc32(_PLACE.pack(number, offset, size)):
        return None
    body = view[begin : begin + size]
    return body if len(body) == size and check == crc32(body, place) else None


def _batch(body: memoryview) -> Batch | None:
    """Return a payload's batch; None for one that another version wrote."""
    try:
        (size,) = _LENGTH.unpack_from(body)
        at = _LENGTH.size + size
        samples, note, sizes = json.loads(bytes(body[_LENGTH.size : at]))
        frames = []
        for each in sizes:
            frames.append(bytes(body[at : at + each]))
            at += each
        return Batch(tuple(frames), samples, note=note)
    except (struct.error, TypeError, ValueError):
        return None
