"""Lines of StatsD and DogStatsD as name, value, and what follows the first bar."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sampler.bridges._statsd_series import BadLineError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 8_192
"""Bytes of a line, at most."""
_ALIKE = bytes.maketrans(b":\n", b"||")
PLAIN_TYPES = frozenset((b"c", b"g", b"ms", b"h", b"d"))
"""Types whose values are numbers."""


class Parts:
    """Values by what a line has besides: of one name and type together, in their order.

    Attributes:
        groups: by what follows a line's first bar: type, rate, tags; by its name: the values.
        size: how many they are.
    """

    __slots__ = ("groups", "size")

    def __init__(self) -> None:
        self.groups: defaultdict[bytes, defaultdict[bytes, list[bytes]]]
        self.groups = defaultdict(lambda: defaultdict(list))
        self.size = 0

    def take(self, raw: list[bytes], refused: dict[str, int]) -> None:
        """Take datagrams, or whole lines of a stream; what is no line is counted, by reason."""
        if self._take_plain(b"\n".join(raw)):
            return
        for data in raw:
            if not self._take_plain(data):
                self._take_lines(data, refused)

    def _take_plain(self, data: bytes) -> bool:
        """Take lines that are all ``name:value|type``, as is the rule; else none of them."""
        if b"\n\n" in data:
            data = data.replace(b"\n\n", b"\n")
        data = data.strip(b"\n")
        lines = data.count(b"\n") + 1
        if data.count(b":") != lines or data.count(b"|") != lines:
            return False
        if b"|g" in data:  # of a gauge the last one counts
            times, kinds = None, lines
        else:
            counts = Counter(data.split(b"\n"))
            times, kinds = counts.values(), len(counts)
            data = b"\n".join(counts)
        words = data.translate(_ALIKE).split(b"|")
        if len(words) != 3 * kinds or not PLAIN_TYPES.issuperset(words[2::3]):
            return False  # the three are in another order somewhere
        groups, word = self.groups, iter(words)
        if times is None:
            for name, text, rest in zip(word, word, word, strict=True):
                groups[rest][name].append(text)
        else:
            for name, text, rest, number in zip(word, word, word, times, strict=False):
                groups[rest][name] += [text] * number
        self.size += lines
        return True

    def _take_lines(self, data: bytes, refused: dict[str, int]) -> None:
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
        self.groups[rest][name].append(text)
        self.size += 1


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
