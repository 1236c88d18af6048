"""Snapshots to StatsD texts, as the ``statsd`` package writes them.

It writes negative gauges and what histograms become; the one line of a counter or another gauge
is written here, byte for byte the same, because most lines are such. The package's traps, and the
way around: names go out raw (ours are safe); a negative gauge is two lines (both are one entry of
one batch, so nobody sees the zero); ``-0.0`` passes as not negative and would be read as a
difference (it is made ``0.0``); a datagram too long is lost silently (sizes are ours); it has no
tags (appended).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import attrs
from statsd.client.base import StatsClientBase

from sampler.adapterkit.dotted_paths import expand
from sampler.adapterkit.render_cache import NotRendered, Rendered, Unencodable, in_turns
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, Batch, HistogramValue, difference
from sampler_statsd._names import Name, Namer, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Series, Since, Snapshot

LONGEST_VALUE = 32
"""Bytes that a value may take, at most, with its type and its separators."""
SUMS, BUCKETS, QUANTILES = "sums", "buckets", "quantiles"


@attrs.define(eq=False)
class SeriesText:
    """What the texts of a series are made of, and what they last were.

    Attributes:
        names: its name; a histogram's, of its ``count``, ``sum`` and each quantile.
        kind: ``counter``, ``gauge`` or ``histogram``.
        start: what stands before a value.
        end: what stands behind it.
        value: of a gauge: what was last written; unchanged, it is not written again.
        text: the text of that.
    """

    names: tuple[Name, ...]
    kind: str
    start: str
    end: str
    value: Any = None
    text: str = ""


class CapturingClient(StatsClientBase):  # type: ignore[misc]  # the package has no types
    """A client of the ``statsd`` package that keeps what it would send."""

    def __init__(self) -> None:
        self._prefix = None
        self._texts: list[str] = []
        self._tags = ""

    def count(self, name: Name, change: Any) -> None:
        """Write how much a counter grew, if it did."""
        if change:
            self._tags = name.tags
            self.incr(name.path, change)

    def show(self, name: Name, value: float) -> None:
        """Write what a gauge is."""
        self._tags = name.tags
        self.gauge(name.path, value + 0)

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
        self._texts.append(data + self._tags)


class Texts:
    """Encodes for one destination.

    Args:
        template: of the prefix of every name.
        limit: bytes of one batch.
        stream: every line has an end, the last too: a receiver drops what has none.
        tags: labels become tags instead of path segments.
        histograms: ``sums``, ``buckets`` or ``quantiles``.
        quantiles: which, 0 to 1.
    """

    def __init__(
        self,
        template: str,
        limit: int,
        *,
        stream: bool = False,
        tags: bool = False,
        histograms: str = SUMS,
        quantiles: tuple[float, ...] = (),
    ) -> None:
        self._template = template
        self._limit = limit - stream
        self._end = "\n" if stream else ""
        self._tags = tags
        self._buckets = histograms == BUCKETS
        self._quantiles = quantiles if histograms == QUANTILES else ()
        self._prefix: str | None = None
        self._namer = Namer("", tags=tags, buckets=self._buckets)
        self._rendered: Rendered[SeriesText] = Rendered(self._render, _taken)
        self._client = CapturingClient()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        self._fill_in(expand(self._template, snapshot.identity))
        limit = self._limit
        texts: list[str] = []
        size = samples = 0
        refused: dict[str, int] = {}
        for _, entries in in_turns(self._rendered.of(snapshot)):
            for place, series, value in entries:
                if value is ABSENT:
                    continue
                if isinstance(place, NotRendered):
                    refused[place.reason] = refused.get(place.reason, 0) + 1
                    continue
                if place.kind == "gauge":
                    if value is not place.value:
                        place.value = value
                        if value >= 0:  # + 0: -0.0 becomes 0.0
                            place.text = f"{place.start}{value + 0!r}{place.end}"
                        else:
                            self._client.show(place.names[0], value)
                            place.text = self._client.written()
                    text = place.text
                elif place.kind == "counter":
                    change = value - since.get(series, 0)
                    text = f"{place.start}{change!r}{place.end}" if change else ""
                else:
                    text = self._histogram(place.names, series, value, since.get(series))
                more = len(text)
                if more > limit:
                    refused["too_long"] = refused.get("too_long", 0) + 1
                    continue
                if size + more > limit and texts and text:
                    yield Batch((self._frame(texts),), samples, refused)
                    texts, size, samples, refused = [], 0, 0, {}
                if text:
                    texts.append(text)
                    size += more + 1
                samples += 1
        if samples or refused:
            yield Batch((self._frame(texts),) if texts else (), samples, refused)

    def _fill_in(self, prefix: str) -> None:
        if prefix != self._prefix:
            self._prefix = prefix
            self._namer = Namer(prefix, tags=self._tags, buckets=self._buckets)
            self._rendered = Rendered(self._render, _taken)

    def _frame(self, texts: list[str]) -> bytes:
        return ("\n".join(texts) + self._end).encode()

    def _histogram(self, names: tuple[Name, ...], series: Series, value: Any, before: Any) -> str:
        """Return a histogram's lines; none for what did not move."""
        client = self._client
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        client.count(names[0], recent.count)
        if recent.sum is not None:
            # Falls where negative values were observed: a daemon subtracts it all the same.
            client.count(names[1], recent.sum)
        for name, q in zip(names[2:], self._quantiles, strict=True):
            estimate = recent.quantile(q)
            if estimate is not None:
                client.show(name, estimate)
        if self._buckets:
            below = 0
            for upper, count in at_shared_bounds(recent, series).buckets:
                client.count(self._namer.bucket(series, upper), count - below)
                below = count
            client.count(self._namer.bucket(series, None), recent.count - below)
        return client.written()

    def _render(self, series: Series) -> SeriesText:
        if series.kind == "histogram":
            names = parts(self._namer, series, self._quantiles)
        else:
            names = (self._namer.name(series),)
        lines = 2 if series.kind == "gauge" else 1
        if sum(name.size + LONGEST_VALUE for name in names) * lines > self._limit:
            raise Unencodable("too_long")
        letter = "g" if series.kind == "gauge" else "c"
        first = names[0]
        return SeriesText(names, series.kind, f"{first.path}:", f"|{letter}{first.tags}")


def _taken(place: SeriesText) -> list[tuple[str, None]]:
    return [(name.path + name.tags, None) for name in place.names]
