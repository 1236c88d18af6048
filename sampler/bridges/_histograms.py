"""Histograms that arrive in parts, or in buckets of an exponential scale, as whole ones."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_BUCKETS = 900
"""Bounds of a histogram; a consumer takes 1,000."""
_SCHEMAS = range(-4, 9)
_MOST_PARTS = 10_000
_bounds: dict[str, float] = {}


class Parts:
    """The samples of one family of histograms or summaries, by their labels.

    Args:
        name: the family's.
    """

    def __init__(self, name: str) -> None:
        self._bucket = f"{name}_bucket"
        self._key = {f"{name}_count": "count", f"{name}_sum": "sum"}
        self._found: dict[tuple[tuple[str, str], ...], tuple[dict[str, str], dict[str, Any]]] = {}
        self._labels: dict[str, str] = {}
        self._value: dict[str, Any] | None = None

    def add(self, name: str, labels: dict[str, str], value: float) -> None:
        """Take one sample; those that are no part of a histogram are left out."""
        if name == self._bucket:
            upper = labels.get("le", "")
            if (bound := _bounds.get(upper)) is None:
                bound = _bound(upper)
            self._of(labels, 1)["buckets"][bound] = whole(value)
        elif (key := self._key.get(name)) is not None:
            self._of(labels, 0)[key] = whole(value) if key == "count" else value

    def whole(self) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """Yield labels and value of each histogram."""
        for labels, value in self._found.values():
            if "count" not in value:  # as where a sum may fall
                value["count"] = value["buckets"].get(float("inf"))
            yield labels, value

    def _of(self, labels: dict[str, str], bounds: int) -> dict[str, Any]:
        """Return the histogram of these labels, which have so many bounds among them."""
        last = self._value
        alike = len(labels) - bounds == len(self._labels)
        if last is not None and alike and labels.items() >= self._labels.items():
            return last  # parts come together as a rule
        own = {key: text for key, text in labels.items() if key != "le"} if bounds else labels
        key = tuple(sorted(own.items()))
        self._labels, self._value = self._found.setdefault(key, (own, {"buckets": {}}))
        return self._value


def whole(number: Any) -> Any:
    """Return a count, which others keep as a float, as an int if it is one."""
    try:
        count = int(number)
    except (TypeError, ValueError, OverflowError):
        return number  # the consumer says what is wrong
    return count if count == number else number


def _bound(upper: str) -> float:
    bound = float(upper)
    if len(_bounds) < 10_000:
        _bounds[upper] = bound
    return bound


def native(given: Any) -> dict[str, Any]:
    """Return a native histogram of Prometheus, whose bounds are exponential.

    Raises:
        ValueError: they are not, or are too many.
    """
    if given.schema not in _SCHEMAS:
        raise ValueError(f"its schema {given.schema} is not exponential")
    return exponential(
        given.schema,
        whole(given.count_value),
        given.sum_value,
        whole(given.zero_count),
        _from_spans(given.pos_spans, given.pos_deltas),
        _from_spans(given.neg_spans, given.neg_deltas),
        given.zero_threshold,
    )


def _from_spans(spans: Any, deltas: Any) -> dict[int, int]:
    """Return counts by index: buckets in runs, each with its difference from the last."""
    found: dict[int, int] = {}
    index, counts = -2, accumulate(deltas or ())  # a bucket of theirs ends at base ** index
    for span in spans or ():
        index += span.offset
        if len(found) + span.length > _MOST_PARTS:
            raise ValueError(f"has more than {_MOST_PARTS:,} buckets")
        for _ in range(span.length):
            index += 1
            found[index] = next(counts)
    return found


def exponential(
    scale: int,
    count: int,
    total: float | None,
    zeros: int,
    positive: dict[int, int],
    negative: dict[int, int],
    zero_threshold: float = 0.0,
) -> dict[str, Any]:
    """Return a histogram of buckets ``(base ** i, base ** (i + 1)]``, at most `MOST_BUCKETS`.

    Args:
        scale: base 2's; the base is ``2 ** 2 ** -scale``.
        count: of all observations.
        total: their sum.
        zeros: observations within the zero threshold.
        positive: counts by index.
        negative: those of negative observations, by the index of their amount. The edges of
            theirs are inclusive on the other side, which only an observation on one can show.
        zero_threshold: the end of what counts as zero.
    """
    while len(positive) + len(negative) > MOST_BUCKETS // 2:
        scale, positive, negative = scale - 1, halved(positive), halved(negative)
    buckets: dict[float, int] = {}
    below = 0
    for index in sorted(negative, reverse=True):
        if negative[index]:
            buckets.setdefault(0.0 - edge(index + 1, scale), below)
            below += negative[index]
            buckets[0.0 - edge(index, scale)] = below
    if zeros:
        below += zeros
        buckets[zero_threshold] = below
    for index in sorted(positive):
        if positive[index]:
            buckets.setdefault(edge(index, scale), below)
            below += positive[index]
            buckets[edge(index + 1, scale)] = below
    value: dict[str, Any] = {"count": count, "sum": total, "buckets": buckets}
    if not any(negative.values()):  # the specification has scales of positive bounds only
        value["scale"] = scale
    return {**value, "zero_threshold": zero_threshold} if zero_threshold else value


def edge(index: int, scale: int) -> float:
    """Return the lower bound of a bucket, as the specification computes it (S-22)."""
    try:
        return float(2.0 ** (index / 2**scale if scale >= 0 else index * 2**-scale))
    except OverflowError:
        return float("inf")


def halved(counts: dict[int, int]) -> dict[int, int]:
    """Return the counts at the next coarser scale."""
    halved: dict[int, int] = {}
    for index, count in counts.items():
        halved[index >> 1] = halved.get(index >> 1, 0) + count
    return halved


def dense(offset: int, counts: Iterable[int]) -> dict[int, int]:
    """Return the buckets of OpenTelemetry by their index, without empty ones."""
    return {index: count for index, count in enumerate(counts, offset) if count}
