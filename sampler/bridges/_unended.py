"""Totals that a pull of OpenTelemetry's SDK lacks, as those of a callback that has failed."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unended:
    """Series whose values only grow, by the name of their metric.

    The SDK leaves out what a callback has not told, and does not say that it has failed. A series
    that is missing from a pull has ended, and its total would count once more when it comes back
    (C-16). So it goes on, without a value.

    Args:
        most: missing series that go on; others end.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._before: dict[str, tuple[list[dict[str, str]], Any]] = {}
        self._now: dict[str, tuple[list[dict[str, str]], Any]] = {}

    def tell(self, name: str, labels: list[dict[str, str]], described: Any) -> None:
        """Take the series of a metric that this pull has."""
        if name in self._now:  # another scope has a metric of this name
            labels = self._now[name][0] + labels
        self._now[name] = labels, described

    def missing(self) -> Iterator[tuple[Any, ...]]:
        """End a pull: yield samples without a value of what earlier pulls had and it lacks."""
        before, self._before, self._now = self._before, self._now, {}
        left = self._most
        for name, (earlier, described) in before.items():
            labels, now = self._before.get(name, ([], described))
            if len(labels) == len(earlier) and all(map(is_, labels, earlier)):
                continue  # as a rule they are the same objects
            there = {frozenset(each.items()) for each in labels}
            gone = [each for each in earlier if frozenset(each.items()) not in there][:left]
            left -= len(gone)
            if gone:
                self._before[name] = labels + gone, now
            yield from ((name, None, each, now) for each in gone)
