"""Turns snapshots into StatsD texts, as the ``statsd`` package writes them.

The package writes negative gauges and histograms, which take several lines. Counters and other
gauges take one line, and most lines are theirs: they are written here, byte for byte the same.

The package does not escape names (ours are safe), writes ``-0.0``, which a daemon reads as a
difference (ours is ``0.0``), loses a datagram that is too long (we limit sizes), and has no tags
(we append them). The two lines of a negative gauge stay in one batch, so no zero is seen alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import attrs
from statsd.client.base import StatsClientBase

from sampler.adapterkit.dotted_paths import expand_template
from sampler.adapterkit.render_cache import NotRendered, RenderCache, Unencodable, iter_entries
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, Batch, HistogramValue, difference
from sampler_statsd._names import Name, Namer, histogram_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Series, Since, Snapshot

LONGEST_VALUE = 32
"""Most bytes of a value with its type and separators."""
SUMS, BUCKETS, QUANTILES = "sums", "buckets", "quantiles"


@attrs.define(eq=False)
class SeriesText:
    """The names of a series, and the last text of a gauge.

    Attributes:
        names: its name; of a histogram, those of its ``count``, ``sum`` and each quantile.
        kind: ``counter``, ``gauge`` or ``histogram``.
        start: written before a value.
        end: written after a value.
        value: the last value of a gauge; while it is the same object, ``text`` is kept.
        text: the text for that value.
    """

    names: tuple[Name, ...]
    kind: str
    start: str
    end: str
    value: Any = None
    text: str = ""


class CapturingClient(StatsClientBase):  # type: ignore[misc]  # the package has no types
    """A client of the ``statsd`` package that collects its lines instead of sending them."""

    def __init__(self) -> None:
        self._prefix = None
        self._lines: list[str] = []
        self._tags = ""

    def write_counter(self, name: Name, change: Any) -> None:
        """Write the increase of a counter, unless it is 0."""
        if change:
            self._tags = name.tags
            self.incr(name.path, change)

    def write_gauge(self, name: Name, value: float) -> None:
        """Write the value of a gauge."""
        self._tags = name.tags
        self.gauge(name.path, value)

    def take_text(self) -> str:
        """Return the lines written since the last call, joined by line feeds."""
        text = "\n".join(self._lines)
        self._lines.clear()
        return text

    def pipeline(self) -> Any:
        """Return this client, to which the package writes lines that belong together."""
        return nullcontext(self)

    def close(self) -> None:
        """Do nothing: there is no socket."""

    def _send(self, data: str = "") -> None:
        self._lines.append(data + self._tags)


class TextEncoder:
    """Encodes for one destination.

    Args:
        template: prefix of every name, with placeholders.
        limit: most bytes of a batch.
        stream: end the last line, too: on a stream a daemon drops a line without an end.
        tags: labels become tags instead of path segments.
        histograms: ``sums``, ``buckets`` or ``quantiles``.
        quantiles: for ``quantiles``: which, 0 to 1.
    """

    def __init__(
        self,
        template: str,
        limit: int,
        *,
        stream: bool,
        tags: bool,
        histograms: str,
        quantiles: tuple[float, ...],
    ) -> None:
        self._template = template
        self._limit = limit - stream
        self._end = "\n" if stream else ""
        self._tags = tags
        self._buckets = histograms == BUCKETS
        self._quantiles = quantiles if histograms == QUANTILES else ()
        self._prefix: str | None = None
        self._namer = Namer("", tags=tags, buckets=self._buckets)
        self._cache: RenderCache[SeriesText] = RenderCache(self._render, _names_taken)
        self._client = CapturingClient()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        self._set_prefix(expand_template(self._template, snapshot.identity))
        limit = self._limit
        texts: list[str] = []
        size = samples = 0
        refused: dict[str, int] = {}
        for _, entries in iter_entries(self._cache.of(snapshot)):
            for rendered, series, value in entries:
                if value is ABSENT:
                    continue
                if isinstance(rendered, NotRendered):
                    refused[rendered.reason] = refused.get(rendered.reason, 0) + 1
                    continue
                if rendered.kind == "gauge":
                    if value is not rendered.value:
                        rendered.value = value
                        if value >= 0:  # + 0: -0.0 becomes 0.0
                            rendered.text = f"{rendered.start}{value + 0!r}{rendered.end}"
                        else:
                            self._client.write_gauge(rendered.names[0], value)
                            rendered.text = self._client.take_text()
                    text = rendered.text
                elif rendered.kind == "counter":
                    change = value - since.get(series, 0)
                    text = f"{rendered.start}{change!r}{rendered.end}" if change else ""
                else:
                    text = self._histogram(rendered.names, series, value, since.get(series))
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

    def _set_prefix(self, prefix: str) -> None:
        if prefix != self._prefix:
            self._prefix = prefix
            self._namer = Namer(prefix, tags=self._tags, buckets=self._buckets)
            self._cache = RenderCache(self._render, _names_taken)

    def _frame(self, texts: list[str]) -> bytes:
        return ("\n".join(texts) + self._end).encode()

    def _histogram(self, names: tuple[Name, ...], series: Series, value: Any, before: Any) -> str:
        """Return the lines of a histogram; an unchanged number has none."""
        client = self._client
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        client.write_counter(names[0], recent.count)
        if recent.sum is not None:
            # It falls when negative values are observed; a daemon subtracts then.
            client.write_counter(names[1], recent.sum)
        for name, q in zip(names[2:], self._quantiles, strict=True):
            estimate = recent.quantile(q)
            if estimate is not None:
                client.write_gauge(name, estimate)
        if self._buckets:
            below = 0
            for upper, count in at_shared_bounds(recent, series).buckets:
                client.write_counter(self._namer.bucket(series, upper), count - below)
                below = count
            client.write_counter(self._namer.bucket(series, None), recent.count - below)
        return client.take_text()

    def _render(self, series: Series) -> SeriesText:
        if series.kind == "histogram":
            names = histogram_names(self._namer, series, self._quantiles)
        else:
            names = (self._namer.name(series),)
        lines = 2 if series.kind == "gauge" else 1
        if sum(name.size + LONGEST_VALUE for name in names) * lines > self._limit:
            raise Unencodable("too_long")
        letter = "g" if series.kind == "gauge" else "c"
        first = names[0]
        return SeriesText(names, series.kind, f"{first.path}:", f"|{letter}{first.tags}")


def _names_taken(rendered: SeriesText) -> tuple[str, ...]:
    return tuple(name.path + name.tags for name in rendered.names)
