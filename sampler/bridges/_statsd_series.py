"""What a StatsD listener keeps of one series, by its type. Values come many at once, as text."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 2.0**53
"""Amount of one value, at most: a stranger's number must not spoil a total."""
FURTHEST = float("inf")
"""No gauge is so far from 0; there is no total to spoil."""
_RESTART = 2.0**62
"""A total that has come so far begins anew."""
_LONGEST = 64
_MEMBERS = 10_000
"""Members of a set, at most."""
SIGNS = (b"+", b"-")
SCALE = 3
EDGES = [2.0 ** (i / 2**SCALE) for i in range(-20 * 2**SCALE, 40 * 2**SCALE + 1)]
"""Bounds of timers, eight for each power of two, as those of instruments."""


class BadLineError(Exception):
    """A line, or a value of one, that is not taken.

    Attributes:
        reason: why, in one word.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def number(text: bytes, below: float = LARGEST) -> float:
    """Return a number as StatsD's clients write it, of a lesser amount than ``below``.

    Raises:
        BadLineError: it is none, or is too large.
    """
    try:
        if len(text) > _LONGEST or b"_" in text:
            raise BadLineError("value")
        found = float(text)
    except ValueError:
        raise BadLineError("value") from None
    if not -below < found < below:  # NaN is not, either
        raise BadLineError("value")
    return found


class Count:
    """A counter: what clients have counted, by their sample rates."""

    kind = "counter"
    word = "count"

    def __init__(self) -> None:
        self.total: float = 0

    def add(self, texts: list[bytes], weight: float, refused: Counter[str]) -> None:
        """Take values in their order, of so much weight each; count those that are none."""
        ones = texts.count(b"1")  # as a rule all of them are
        self.total += ones * weight
        for text, times in Counter(texts).items() if ones < len(texts) else ():
            if text == b"1":
                continue
            try:
                amount = number(text)
            except BadLineError as bad:
                refused[bad.reason] += times
                continue
            if amount < 0:
                refused["negative"] += times
            elif amount * weight >= LARGEST:  # one line must not begin a total anew
                refused["value"] += times
            else:
                self.total += amount * times * weight
        if self.total > _RESTART:
            self.total = 0

    def value(self, _: int) -> float:
        """Return the total."""
        return self.total


class Level:
    """A gauge: the last value, or the last one and the changes since."""

    kind = "gauge"
    word = "gauge"

    def __init__(self) -> None:
        self.last: float = 0

    def add(self, texts: list[bytes], _: float, refused: Counter[str]) -> None:
        """See `Count.add`; a value with a sign is a change."""
        if texts[-1][:1] not in SIGNS:  # those before it do not matter, if it is a number
            try:
                self.last = number(texts[-1], FURTHEST)
                return
            except BadLineError:
                pass
        for text in texts:
            try:
                changed = number(text, FURTHEST) + (self.last if text[:1] in SIGNS else 0)
            except BadLineError as bad:
                refused[bad.reason] += 1
                continue
            if -FURTHEST < changed < FURTHEST:
                self.last = changed
            else:
                refused["value"] += 1

    def value(self, _: int) -> float:
        """Return it."""
        return self.last


class Timer:
    """Observations, in exponential buckets; a sample rate gives each a weight."""

    kind = "histogram"
    word = "timer"

    def __init__(self) -> None:
        self.sum: float = 0
        self._weights: Counter[int] = Counter()

    def add(self, texts: list[bytes], weight: float, refused: Counter[str]) -> None:
        """See `Count.add`."""
        numbers = []
        for text in texts:
            try:
                amount = number(text)
            except BadLineError as bad:
                refused[bad.reason] += 1
                continue
            if amount < 0:
                refused["negative"] += 1
            elif amount * weight >= LARGEST:  # one line must not begin a sum anew
                refused["value"] += 1
            else:
                numbers.append(amount)
        self.observe(numbers, weight)

    def observe(self, numbers: list[float], weight: float) -> None:
        """Take values that have been read, none of them negative."""
        weights = self._weights
        places = map(bisect_left, repeat(EDGES), numbers)
        if weight == 1:
            weights.update(places)
        else:
            for place in places:
                weights[place] += weight  # type: ignore[assignment]  # parts of one, too
        self.sum += sum(numbers) * weight
        if self.sum > _RESTART:
            self.sum = 0
            self._weights.clear()

    def value(self, _: int) -> dict[str, Any]:
        """Return the histogram: counts are whole, so the parts of a weight wait."""
        places = sorted(self._weights)
        totals = list(accumulate(self._weights[place] for place in places))
        buckets: dict[float, int] = {}
        below = 0
        for place, total in zip(places, totals, strict=True):
            if place == len(EDGES):
                break
            if place:
                buckets.setdefault(EDGES[place - 1], below)
            buckets[EDGES[place]] = below = int(total)
        count = int(totals[-1]) if totals else 0
        shape = {"scale": SCALE, "zero_threshold": EDGES[0]}
        return {"count": count, "sum": self.sum, "buckets": buckets, **shape}


class Members:
    """A set: how many different members there were since the consumer's last pull.

    Args:
        epoch: returns the number of the time between two pulls that it is now.
    """

    kind = "gauge"
    word = "set"

    def __init__(self, epoch: Callable[[], int]) -> None:
        self._epoch = epoch
        self._seen: dict[bytes, int] = {}

    def add(self, texts: list[bytes], _: float, refused: Counter[str]) -> None:
        """See `Count.add`; a member is any text."""
        now = self._epoch()
        for text in texts:
            if not text or len(text) > 4 * _LONGEST:
                refused["value"] += 1
            elif text not in self._seen and len(self._seen) >= _MEMBERS:
                refused["set"] += 1
            else:
                self._seen[text] = now

    def value(self, since: int) -> int:
        """Return how many were seen in an epoch after ``since``."""
        return sum(epoch > since for epoch in self._seen.values())

    def forget(self, until: int) -> None:
        """Forget members that no consumer will ask for."""
        if any(epoch <= until for epoch in self._seen.values()):
            self._seen = {m: epoch for m, epoch in self._seen.items() if epoch > until}
