"""Lines of StatsD and DogStatsD as name, value, and what follows the first bar."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sampler.bridges._statsd_series import FURTHEST, LARGEST, SIGNS, BadLineError, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_LINE = 8_192
"""Bytes of a line, at most."""
TIMERS = (b"ms", b"h", b"d")
PLAIN_TYPES = (b"c", b"g", *TIMERS)
"""Types whose values are numbers."""


class Parts:
    """Values by what a line has besides: of one name and type together, in their order.

    Attributes:
        groups: by what follows a line's first bar: type, rate, tags; by its name: the values.
        observed: likewise, of timers whose values have been read.
        size: how many they are.
    """

    __slots__ = ("groups", "observed", "size")

    def __init__(self) -> None:
        self.groups: defaultdict[bytes, defaultdict[bytes, list[bytes]]]
        self.groups = defaultdict(lambda: defaultdict(list))
        self.observed: defaultdict[bytes, defaultdict[bytes, list[float]]]
        self.observed = defaultdict(lambda: defaultdict(list))
        self.size = 0

    def take(self, raw: list[bytes], refused: dict[str, int]) -> None:
        """Take datagrams, or whole lines of a stream; what is no line is counted, by reason."""
        if self._take_plain(b"\n".join(raw)):
            return
        for data in raw:
            if not self._take_plain(data):
                self._take_lines(data, refused)

    def _take_plain(self, data: bytes) -> bool:
        """Take lines that are all ``name:value|type``, as is the rule; else none of them.

        Objects are what costs, so there are as few of them for a line as there can be.
        """
        words = data.strip(b"\n").replace(b"\n", b"|").split(b"|")
        heads: dict[bytes, list[bytes]] = {kind: [] for kind in PLAIN_TYPES}
        append = {kind: each.append for kind, each in heads.items()}
        word = iter(words)
        try:
            for head, kind in zip(word, word, strict=True):
                append[kind](head)
            counted = {(*_one(head),): n for head, n in Counter(heads[b"c"]).items()}
            levels = _levels(heads[b"g"])
            timed = {kind: _numbers(heads[kind]) for kind in TIMERS if heads[kind]}
        except (KeyError, ValueError, BadLineError):  # something in it is otherwise
            whole = data.replace(b"\n\n", b"\n")
            return len(whole) < len(data) and self._take_plain(whole)
        for (name, text), times in counted.items():
            self.groups[b"c"][name] += [text] * times
        for name, text in levels:
            self.groups[b"g"][name].append(text)
        for kind, (names, numbers) in timed.items():
            group = self.observed[kind]
            for name, value in zip(names, numbers, strict=True):
                group[name].append(value)
        self.size += len(words) // 2
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


def _one(head: bytes) -> list[bytes]:
    """Return name and value of one ``name:value``.

    Raises:
        ValueError: it is something else.
    """
    name, text = head.split(b":")
    return [name, text]


def _levels(heads: list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Return names and values of gauges that count: the last of each, unless some are changes.

    Raises:
        ValueError: some have more colons than one, or none.
        BadLineError: a last one is no number.
    """
    joined = b"|".join(heads).replace(b":", b"|")
    names, texts = _two(joined, len(heads))
    pairs = zip(names, texts, strict=True)
    if any(b"|" + sign in joined for sign in SIGNS):
        return pairs
    last = dict(pairs)
    for text in last.values():
        number(text, FURTHEST)
    return last.items()


def _numbers(heads: list[bytes]) -> tuple[list[bytes], list[float]]:
    """Return names and values of timers.

    Raises:
        ValueError: as of `_levels`, or a value is no number that a timer takes.
    """
    names, texts = _two(b"|".join(heads).replace(b":", b"|"), len(heads))
    if b"_" in b"".join(texts):  # Python would read it
        raise ValueError
    numbers = list(map(float, texts))
    if not (min(numbers) >= 0 and sum(numbers) < LARGEST):  # so there is no NaN, either
        raise ValueError
    return names, numbers


def _two(joined: bytes, heads: int) -> tuple[list[bytes], list[bytes]]:
    words = joined.split(b"|") if heads else []
    if len(words) != 2 * heads:
        raise ValueError
    return words[::2], words[1::2]


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
