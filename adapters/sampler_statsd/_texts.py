"""Snapshots to StatsD texts, written by the ``statsd`` package where it is sound.

It is sound for a counter's difference and for a gauge. Its traps, and the way around:
names go out raw (ours are safe path segments); a negative gauge is two lines (both are one entry
of one datagram, so nobody sees the zero); ``-0.0`` passes as not negative and would be read as
a difference (it is made ``0.0``); a datagram too long is lost silently (sizes are ours).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from statsd.client.base import StatsClientBase

from sampler.agent import ABSENT, Batch, Histogram
from sampler.agent.paths import expand, series_path
from sampler.agent.rendered import Refused, Rendered, Unencodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Series, Since, Snapshot

Names: TypeAlias = "tuple[str, ...]"
"""A series' name; a histogram's two, of its ``count`` and ``sum``."""

LONGEST_VALUES = 64
"""Bytes that the values of one entry may take, at most, with their separators."""


class Pen(StatsClientBase):  # type: ignore[misc]  # the package has no types
    """A client of the ``statsd`` package that keeps what it would send."""

    def __init__(self) -> None:
        self._prefix = None
        self._texts: list[str] = []

    def written(self) -> str:
        """Return what was written since the last call, one text a line."""
        text = "\n".join(self._texts)
        self._texts.clear()
        return text

    def pipeline(self) -> Any:
        """Return what gathers texts that belong together: here, all do."""
        return nullcontext(self)

    def close(self) -> None:
        """Do nothing: there is no socket."""

    def _send(self, data: str = "") -> None:
        self._texts.append(data)


class Texts:
    """Encodes for one destination.

    Args:
        template: of the prefix of every name.
        max_datagram: largest datagram in bytes.
    """

    def __init__(self, template: str, max_datagram: int) -> None:
        self._template = template
        self._max = max_datagram
        self._prefix: str | None = None
        self._rendered: Rendered[Names] = Rendered(self._render, _taken)
        self._pen = Pen()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of one datagram of whole entries, in the snapshot's order."""
        prefix = expand(self._template, snapshot.identity)
        if prefix != self._prefix:
            self._prefix = prefix
            self._rendered = Rendered(self._render, _taken)
        texts: list[str] = []
        size = samples = 0
        refused: dict[str, int] = {}
        for block, names in self._rendered.of(snapshot):
            for own, series, value in zip(names, block.series, block.values, strict=True):
                if value is ABSENT:
                    continue
                if isinstance(own, Refused):
                    refused[own.reason] = refused.get(own.reason, 0) + 1
                    continue
                text = self._text(own, series, value, since)
                if texts and text and size + len(text) > self._max:
                    yield Batch(("\n".join(texts).encode(),), samples, refused)
                    texts, size, samples, refused = [], 0, 0, {}
                if text:
                    texts.append(text)
                    size += len(text) + 1
                samples += 1
        if samples or refused:
            yield Batch(("\n".join(texts).encode(),) if texts else (), samples, refused)

    def _text(self, names: Names, series: Series, value: Any, since: Since) -> str:
        """Return an entry's lines; none for what did not move."""
        pen = self._pen
        if series.kind == "gauge":
            pen.gauge(names[0], value + 0)  # -0.0 becomes 0.0
        elif isinstance(value, Histogram):
            before = since.get(series)
            count, total = _parts(before) if isinstance(before, Histogram) else (0, 0)
            if value.count != count:
                pen.incr(names[0], value.count - count)
            if value.sum is not None and total is not None and value.sum != total:
                # Falls where negative values were observed: a daemon subtracts it all the same.
                change: Any = value.sum - total
                pen.incr(names[1], change)
        else:
            moved = value - since.get(series, 0)
            if moved:
                pen.incr(names[0], moved)
        return pen.written()

    def _render(self, series: Series) -> Names:
        if series.kind == "histogram":
            names: Names = (self._name(series, "count"), self._name(series, "sum"))
        else:
            names = (self._name(series),)
        lines = 2 if series.kind == "gauge" else 1
        if sum(map(len, names)) * lines + LONGEST_VALUES > self._max:
            raise Unencodable("too_long")
        return names

    def _name(self, series: Series, suffix: str = "") -> str:
        path = series_path(series.name, series.labels, suffix)
        return f"{self._prefix}.{path}" if self._prefix else path


def _parts(value: Histogram) -> tuple[int, float | None]:
    return value.count, value.sum


def _taken(names: Names) -> list[tuple[str, None]]:
    return [(name, None) for name in names]
