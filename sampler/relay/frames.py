"""Messages on a stream: u32 length, u8 kind, body; a bound for the length, and no other trust."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from sampler.relay.messages import BadMessage, Kind, encode_body

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY = 2**20
"""Bytes of a body, at most."""
_HEAD = Struct("!IB")
_KINDS = {int(kind): kind for kind in Kind}


def frame(kind: Kind, body: object = None) -> bytes:
    """Return a message as bytes; ``body`` is a message, or a tuple of its fields."""
    data = b"" if body is None else encode_body(body)
    return _HEAD.pack(len(data), kind) + data


class FrameReader:
    """Takes what a peer sends, in any pieces, and gives whole messages.

    Attributes:
        pending: whether a part of a message waits for the rest.
    """

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a part of a message waits for the rest."""
        return bool(self._data)

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield the kind and body of each message that is whole now.

        Raises:
            BadMessage: a kind that there is not, or a length beyond :data:`MAX_BODY`.
        """
        self._data += data
        at = 0
        try:
            while len(self._data) - at >= _HEAD.size:
                length, number = _HEAD.unpack_from(self._data, at)
                if length > MAX_BODY:
                    raise BadMessage(f"a message of {length:,} bytes")
                kind = _KINDS.get(number)
                if kind is None:
                    raise BadMessage(f"a message of kind {number}")
                end = at + _HEAD.size + length
                if end > len(self._data):
                    return
                body = bytes(memoryview(self._data)[at + _HEAD.size : end])
                at = end
                yield kind, body
        finally:
            del self._data[:at]
