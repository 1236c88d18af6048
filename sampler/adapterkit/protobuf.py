"""Protocol Buffers by hand: fields as bytes, written and read without a schema.

For messages of which most is the same from pull to pull. What does not change is written once and
kept as bytes; generated classes would build and serialize everything anew. A message that is made
of fields one after the other is their bytes joined, and two messages joined are one with the
repeated fields of both.

.. code-block:: python

    label = message(1, text(1, "job") + text(2, "shop"))
    for field in fields(label):
        assert field.number == 1
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Field",
    "double",
    "fields",
    "fixed64",
    "integer",
    "message",
    "packed_doubles",
    "packed_fixed64",
    "packed_varints",
    "tag",
    "text",
    "varint",
    "varints",
    "zigzag",
]

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST = 10
"""Bytes of the varint of a number of 64 bits."""


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: its number.
        value: a number of a varint, or the bytes of anything else.
        raw: the whole field as it stands in the message.
    """

    number: int
    value: int | bytes
    raw: bytes


def varint(number: int, width: int = 1) -> bytes:
    """Return a number of at most 64 bits, below zero as two's complement.

    Args:
        number: the number.
        width: bytes that it has at least: numbers of one width can take each other's place.
    """
    number &= 2**64 - 1
    written = bytearray()
    while number > 0x7F or len(written) < width - 1:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def zigzag(number: int) -> int:
    """Return the number that stands for a signed one in fields of the type ``sint``."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def tag(number: int, wire: int) -> bytes:
    """Return what a field begins with: its number, and how it is written."""
    return varint(number << 3 | wire)


def integer(number: int, value: int) -> bytes:
    """Return a field of a type that is written as varint."""
    return tag(number, _VARINT) + varint(value)


def fixed64(number: int, value: int) -> bytes:
    """Return a field of the type ``fixed64`` or, below zero, ``sfixed64``."""
    return tag(number, _EIGHT_BYTES) + (value & 2**64 - 1).to_bytes(8, "little")


def double(number: int, value: float) -> bytes:
    """Return a field of the type ``double``."""
    return tag(number, _EIGHT_BYTES) + struct.pack("<d", value)


def message(number: int, body: bytes) -> bytes:
    """Return a field of the type ``bytes``, or one that is a message."""
    return tag(number, _LENGTH) + varint(len(body)) + body


def text(number: int, value: str) -> bytes:
    """Return a field of the type ``string``; lone surrogates become ``?``."""
    return message(number, value.encode("utf-8", "replace"))


def packed_varints(number: int, values: Iterable[int]) -> bytes:
    """Return a repeated field of a type that is written as varint; nothing for no values."""
    body = b"".join(map(varint, values))
    return message(number, body) if body else b""


def packed_fixed64(number: int, values: Iterable[int]) -> bytes:
    """Return a repeated field of the type ``fixed64``; nothing for no values."""
    values = tuple(values)
    return message(number, struct.pack(f"<{len(values)}Q", *values)) if values else b""


def packed_doubles(number: int, values: Iterable[float]) -> bytes:
    """Return a repeated field of the type ``double``; nothing for no values."""
    values = tuple(values)
    return message(number, struct.pack(f"<{len(values)}d", *values)) if values else b""


def fields(data: bytes, *, cut: bool = False) -> Iterator[Field]:
    """Yield the fields of a message, in their order.

    Args:
        data: the message.
        cut: its end may be missing; a last field of texts or bytes has what there is of it.

    Raises:
        ValueError: it is not a message.
    """
    at = 0
    while at < len(data):
        begin = at
        key, at = _read_varint(data, at)
        wire = key & 7
        value: int | bytes
        if wire == _VARINT:
            value, at = _read_varint(data, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES, _LENGTH):
            size = 8 if wire == _EIGHT_BYTES else 4
            if wire == _LENGTH:
                size, at = _read_varint(data, at)
            value = data[at : at + size]
            at += size
        else:
            raise ValueError(f"a field of the unknown wire type {wire}")
        if at > len(data) and not (cut and wire == _LENGTH):
            raise ValueError("a field is longer than the message")
        yield Field(key >> 3, value, data[begin:at])


def varints(data: bytes) -> list[int]:
    """Return the numbers of a packed field.

    Raises:
        ValueError: the last one does not end.
    """
    found, at = [], 0
    while at < len(data):
        number, at = _read_varint(data, at)
        found.append(number)
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + _LONGEST]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number & 2**64 - 1, at + place + 1
    raise ValueError("a number does not end")
