"""All series of a StatsD listener; bounded whatever comes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import Lock
from sampler.bridges._names import LabelNames, Names
from sampler.bridges._statsd_lines import Parts
from sampler.bridges._statsd_series import (
    FURTHEST,
    BadLineError,
    Count,
    Level,
    Members,
    Timer,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REASONS = (
    "connections",
    "empty",
    "event",
    "long",
    "name",
    "negative",
    "rate",
    "series",
    "set",
    "tags",
    "type",
    "utf8",
    "value",
)
"""Why lines, values of lines, or connections are not taken."""
_TYPES: dict[bytes, Any] = {
    b"c": Count,
    b"g": Level,
    b"ms": Timer,
    b"h": Timer,
    b"d": Timer,
    b"s": Members,
}
_OWN = ("bridge.datagrams.dropped", "bridge.refused", "bridge.values")
"""Names of the listener's own account: no line may have them."""
_LONGEST_TEXT = 250
_MOST_TAGS = 32
_MOST_LABELS = 1_000
_PENDING = 2**18
"""Bytes that wait to be looked at together."""


class _Kept:
    """A series, with its name, labels and description."""

    __slots__ = ("described", "labels", "name", "of")

    def __init__(self, of: Any, name: str, labels: dict[str, str], described: Any) -> None:
        self.of = of
        self.name = name
        self.labels = labels
        self.described = described


class Table:
    """All series of a listener.

    Args:
        bridge: the label of its own account.
        most: series that are kept; lines of others are refused.

    Attributes:
        lock: held by whoever calls a method.
        refused: what was not taken, by reason.
    """

    def __init__(self, bridge: str, most: int) -> None:
        self.lock = Lock()
        self.refused: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._bridge = bridge
        self._most = most
        self._taken = 0
        self._raw: list[bytes] = []
        self._waiting = 0
        self._series: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Kept] = {}
        self._entries: dict[tuple[bytes, bytes], tuple[Any, float]] = {}
        """Series and weight, by a line's name and what follows its first bar."""
        self._words: dict[str, str] = {}
        self._names = Names(_OWN)
        self._labels = LabelNames()
        self._label_names: set[str] = set()
        self._epoch = 1
        self._consumers: dict[object, int] = {}

    def feed(self, *data: bytes) -> None:
        """Take the lines of datagrams, or whole lines of a stream."""
        self._raw += data
        self._waiting += sum(map(len, data))
        if self._waiting > _PENDING:
            self.drain()

    def drain(self) -> None:
        """Look at what waits: the values of one series together, in their order."""
        raw, self._raw, self._waiting = self._raw, [], 0
        if not raw:
            return
        parts = Parts()
        before = sum(self.refused.values())
        parts.take(raw, self.refused)
        unreadable = sum(self.refused.values()) - before
        for rest, group in parts.groups.items():
            for name, texts in group.items():
                self._add(name, texts, rest)
        for rest, timers in parts.observed.items():
            for name, numbers in timers.items():
                self._observe(name, numbers, rest)
        refused = sum(self.refused.values()) - before - unreadable
        self._taken += parts.size - refused
        if len(self._entries) > 2 * self._most:  # one series may have many entries
            self._entries = {}

    def _add(self, name: bytes, texts: list[bytes], rest: bytes) -> None:
        """Add the values of lines that differ in nothing else."""
        entry = self._entries.get((name, rest))
        for place, text in enumerate(texts if entry is None else ()):
            try:
                entry = self._enter(name, text, rest)
            except BadLineError as bad:
                self.refused[bad.reason] += 1
            else:
                texts = texts[place:]
                break
        if entry is not None:
            series, weight = entry
            series.add(texts, weight, self.refused)

    def _observe(self, name: bytes, numbers: list[float], rest: bytes) -> None:
        """Add the values of timers that have been read already."""
        entry = self._entries.get((name, rest))
        if entry is None:
            try:
                entry = self._enter(name, b"0", rest)
            except BadLineError as bad:
                self.refused[bad.reason] += len(numbers)
                return
        series, weight = entry
        series.observe(numbers, weight)

    def refuse(self, reason: str) -> None:
        """Count what cannot be looked at."""
        self.refused[reason] += 1

    def join(self, consumer: object) -> None:
        """Begin a consumer's window for sets: now."""
        self.drain()
        self._consumers[consumer] = self._next_epoch()

    def leave(self, consumer: object) -> None:
        """Forget a consumer."""
        self._consumers.pop(consumer, None)

    def samples(self, consumer: object) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of a consumer's pull."""
        self.drain()
        since = self._consumers.get(consumer, 0)
        for kept in self._series.values():
            yield kept.name, kept.of.value(since), kept.labels, kept.described
        own = {"bridge": self._bridge}
        counted = {"kind": "counter", "unit": "{value}", "scope": "server"}
        taken = {**counted, "help": "Values that a listener has taken."}
        yield "bridge.values", self._taken, own, taken
        left_out = {**counted, "help": "Lines, or values of lines, that were not taken."}
        for reason, count in self.refused.items():
            yield "bridge.refused", count, {**own, "reason": reason}, left_out
        self._consumers[consumer] = self._next_epoch()
        oldest = min(self._consumers.values())
        for kept in self._series.values():
            if isinstance(kept.of, Members):
                kept.of.forget(oldest)

    def _next_epoch(self) -> int:
        """End an epoch; return its number."""
        self._epoch += 1
        return self._epoch - 1

    def _enter(self, name: bytes, text: bytes, rest: bytes) -> tuple[Any, float]:
        """Return the entry of a line; make its series if it is new.

        Raises:
            BadLineError: it is no line of a type that is known, or there are too many series.
        """
        if name.startswith(b"_e{"):
            raise BadLineError("event")
        kind, *more = rest.strip().split(b"|")
        if (cls := _TYPES.get(kind)) is None:
            raise BadLineError("type")
        if not name or len(name) > _LONGEST_TEXT:
            raise BadLineError("name")
        if cls is Level:
            number(text, FURTHEST)
        elif cls is not Members and number(text) < 0:
            raise BadLineError("negative")
        weight: float = 1
        labels: dict[str, str] = {}
        for part in more:
            if part[:1] == b"@":
                weight = _weight(part[1:])
            elif part[:1] == b"#":
                labels = self._tags(part[1:])
        entry = self._kept(_decoded(name), cls, kind, labels).of, weight
        self._entries[name, rest] = entry
        return entry

    def _kept(self, name: str, cls: Any, kind: bytes, labels: dict[str, str]) -> _Kept:
        key = name, cls.word, tuple(sorted(labels.items()))
        kept = self._series.get(key)
        if kept is not None:
            return kept
        if len(self._series) >= self._most:
            raise BadLineError("series")
        # A second type of one name is another metric.
        word = self._words.setdefault(name, cls.word)
        metric = self._names.of(name if word == cls.word else f"{name}.{cls.word}")
        described = {"kind": cls.kind, "scope": "server"}
        if kind == b"ms":
            described["unit"] = "ms"
        of = Members(lambda: self._epoch) if cls is Members else cls()
        kept = self._series[key] = _Kept(of, metric, labels, described)
        return kept

    def _tags(self, text: bytes) -> dict[str, str]:
        tags = _decoded(text).split(",")
        if len(tags) > _MOST_TAGS:
            raise BadLineError("tags")
        labels: dict[str, str] = {}
        for tag in tags:
            key, colon, value = tag.partition(":")
            if not key:
                continue
            if len(key) > _LONGEST_TEXT or len(value) > 4 * _LONGEST_TEXT:
                raise BadLineError("tags")
            if key not in self._label_names:
                if len(self._label_names) >= _MOST_LABELS:
                    raise BadLineError("tags")
                self._label_names.add(key)
            labels[self._labels.of(key)] = value if colon else "true"
        return {key: value for key, value in labels.items() if value}


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise BadLineError("utf8") from None


def _weight(text: bytes) -> float:
    """Return how many a value stands for by its sample rate."""
    try:
        rate = number(text.strip())
    except BadLineError:
        raise BadLineError("rate") from None
    if not 1e-6 <= rate <= 1:
        raise BadLineError("rate")
    return 1 if rate == 1 else 1 / rate
