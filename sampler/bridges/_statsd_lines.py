"""Lines of StatsD and DogStatsD as name, value, and what follows the first bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.bridges._statsd_series import BadLineError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 8_192
"""Bytes of a line, at most."""
PLAIN_TYPES = frozenset((b"c", b"g", b"ms", b"h", b"d"))
"""Types whose values are numbers."""


class Parts:
    """Values that wait: in three lists of one length, in the order in which they came."""

    __slots__ = ("names", "rests", "texts")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.texts: list[bytes] = []
        self.rests: list[bytes] = []
        """What followed the first bar: type, rate, tags."""

    def __len__(self) -> int:
        return len(self.names)

    def take(self, data: bytes, refused: dict[str, int]) -> None:
        """Take the lines of a datagram; what is none is counted, by reason."""
        lines = data.count(b"\n") + (data[-1:] != b"\n")
        if data.count(b":") == data.count(b"|") == lines and len(data) <= LONGEST_LINE:
            # As a rule each line is name:value|type. If one is not, a third word is no type.
            words = data.rstrip(b"\n").replace(b"\n", b"|").replace(b":", b"|").split(b"|")
            if len(words) == 3 * lines and PLAIN_TYPES.issuperset(words[2::3]):
                self.names += words[0::3]
                self.texts += words[1::3]
                self.rests += words[2::3]
                return
        for line in data.split(b"\n"):
            name, _, rest = line.partition(b":")
            text, _, more = rest.partition(b"|")
            if more and len(line) <= LONGEST_LINE and b":" not in text and _is_one(more):
                self._add(name, text, more)
            elif line:
                try:
                    for part in _parts(line):
                        self._add(*part)
                except BadLineError as bad:
                    refused[bad.reason] += 1

    def _add(self, name: bytes, text: bytes, rest: bytes) -> None:
        self.names.append(name)
        self.texts.append(text)
        self.rests.append(rest)


def _is_one(more: bytes) -> bool:
    """Tell whether what follows the first bar is of one value, and ends without a white space."""
    return (b":" not in more or b"|#" in more) and more[-1:] > b" "


def _parts(line: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield the parts of one line; it may have several values, or types.

    Raises:
        BadLineError: it is no line.
    """
    if len(line) > LONGEST_LINE:
        raise BadLineError("long")
    line = line.strip()
    if not line:
        raise BadLineError("empty")
    if line.startswith(b"_sc|"):
        raise BadLineError("event")
    name, _, rest = line.partition(b":")
    if not rest:
        raise BadLineError("value")
    values, bar, more = rest.partition(b"|")
    if not bar:
        raise BadLineError("type")
    if b":" in more and b"#" not in more and b"|c:" not in more:  # "a:1|c:2|c", as npm's takes it
        for part in rest.split(b":"):
            value, _, kind = part.partition(b"|")
            yield name, value, kind
    elif b":" in values and more.partition(b"|")[0] != b"s":  # "a:1:2|ms", as DogStatsD has it
        for value in values.split(b":"):
            yield name, value, more
    else:
        yield name, values, more
