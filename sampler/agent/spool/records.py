"""A batch as a record of a file: checked by length and CRC, and found again behind damage.

A record is a mark, a length, two CRCs and a payload. The CRCs, of the length and of the payload,
include the file's number and the record's offset: a frame's bytes that look like a record have the
wrong ones. Only the mark changes later, from ``WAITING`` to ``DONE``; damage to a single byte
cannot turn one into the other.
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
_POSITION = struct.Struct(">QQI")
_LENGTH = struct.Struct(">I")


class Found(NamedTuple):
    """An intact record that waits.

    Attributes:
        offset: where it begins in its file.
        length: its bytes.
        samples: entries in its batch.
    """

    offset: int
    length: int
    samples: int


def payload(batch: Batch) -> bytes | None:
    """Return what a record keeps of a batch; None when JSON cannot express its note.

    Refused entries are not kept: they have been counted.
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
    """Return the bytes that the record of a payload takes."""
    return _HEAD.size + len(payload)


def record(payload: bytes, number: int, offset: int) -> bytes:
    """Return the record of a payload for ``offset`` in the file with ``number``."""
    position_crc = crc32(_POSITION.pack(number, offset, len(payload)))
    return _HEAD.pack(WAITING, len(payload), position_crc, crc32(payload, position_crc)) + payload


def batch(data: bytes, number: int, offset: int) -> Batch | None:
    """Return the batch of the record at the beginning of ``data``; None when it is damaged."""
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
    """Return where the next intact record begins, or the end."""
    for match in _MARK.finditer(data, at):
        if _body(view, match.start(), number, match.start()) is not None:
            return match.start()
    return len(data)


def _body(view: memoryview, at: int, number: int, offset: int) -> memoryview | None:
    """Return the payload of the record at ``at``; None when there is no intact one."""
    begin = at + _HEAD.size
    if begin > len(view):
        return None
    mark, size, position_crc, body_crc = _HEAD.unpack_from(view, at)
    if mark not in (WAITING, DONE) or position_crc != crc32(_POSITION.pack(number, offset, size)):
        return None
    body = view[begin : begin + size]
    return body if len(body) == size and body_crc == crc32(body, position_crc) else None


def _batch(body: memoryview) -> Batch | None:
    """Return a payload's batch; None for a payload of another version's format."""
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
