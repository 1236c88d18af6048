"""What is counted for each route: requests by method and class, and durations. It is bounded."""

from __future__ import annotations

from sampler._contract.declaration import label_text
from sampler._contract.names import SURPLUS
from sampler._instruments.histogram import Histogram
from sampler.web._metrics import CLASS, METHOD, ROUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

OTHER = "_OTHER"
"""What OpenTelemetry calls a method that is not known."""
METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", OTHER)
CLASSES = {**{digit: f"{digit}xx" for digit in "12345"}, "": "none", OTHER: OTHER}
"""The first character of a status to what its class is called; "" where none was said."""


class Route:
    """What is counted for one route.

    Args:
        labels: its own labels; none for requests whose route is not known.

    Attributes:
        durations: the histogram of durations.
    """

    __slots__ = ("_counts", "_labels", "_named", "durations")

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = labels
        self._named: dict[tuple[str, str], dict[str, str]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self.durations: Histogram = Histogram()

    def count(self, method: str, status: str, n: int) -> None:
        """Count requests; ``status`` begins with its class."""
        key = method if method in METHODS else OTHER, status[:1]
        if key[1] not in CLASSES:
            key = key[0], OTHER
        counts = self._counts
        try:
            counts[key] += n
        except KeyError:
            counts.setdefault(key, 0)
            counts[key] += n

    def samples(self) -> Iterator[tuple[Any, ...]]:
        """Yield its samples."""
        counts = dict(self._counts)
        if not counts:
            return
        if SURPLUS[0] in self._labels:
            yield "requests", sum(counts.values()), self._labels
        else:
            for key, count in counts.items():
                yield "requests", count, self._label(key)
        yield "request.duration", self.durations.read(), self._labels

    def _label(self, key: tuple[str, str]) -> dict[str, str]:
        if key not in self._named:
            method, first = key
            self._named[key] = {METHOD: method, CLASS: CLASSES[first], **self._labels}
        return self._named[key]


class Routes:
    """All routes: at most so many, and one for the rest.

    Attributes:
        most: how many routes are kept apart.
    """

    def __init__(self) -> None:
        self.most: int = 200
        self.restart()

    def restart(self) -> None:
        """Start at zero."""
        self._unknown = Route({})
        self._known: dict[str, Route] = {}
        self._surplus: Route | None = None

    def named(self, text: Any) -> Route:
        """Return what a template stands for; what is none is a route that is not known."""
        if type(text) is not str:
            return self._unknown
        known = self._known.get(text)
        if known is not None:
            return known
        if not label_text(text):
            return self._unknown
        if len(self._known) >= self.most:
            if self._surplus is None:
                self._surplus = Route(dict([SURPLUS]))
            return self._surplus
        return self._known.setdefault(text, Route({ROUTE: text}))

    def samples(self) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of all."""
        for route in (self._unknown, *list(self._known.values())):
            yield from route.samples()
        if self._surplus is not None:
            yield from self._surplus.samples()
