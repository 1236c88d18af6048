"""Turns snapshots into StatsD texts, as the ``statsd`` package writes them.

The package writes histograms, which take several lines. Counters and gauges are written here, byte
for byte the same, and many at once.

The package does not escape names (ours are safe), writes ``-0.0``, which a daemon reads as a
difference (ours is ``0.0``), loses a datagram that is too long (we limit sizes), and has no tags
(we append them). The two lines of a negative gauge stay in one batch, so no zero is seen alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import compress, repeat
from operator import add
from typing import TYPE_CHECKING, Any

from statsd.client.base import StatsClientBase

from sampler.adapterkit.dotted_paths import expand_template, quantile_name
from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.packing import Packing, interleaved
from sampler.adapterkit.part_names import PART, part_families
from sampler.adapterkit.render_cache import RenderCache, Unencodable
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, GiveWayTimer, HistogramValue, difference
from sampler_statsd._names import Name, Namer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Batch, Block, Series, Since, Snapshot

    Missing = Sequence[tuple[int, str]]

LONGEST_VALUE = 32
"""Most bytes of a value with its type and separators."""
SUMS, BUCKETS, QUANTILES = "sums", "buckets", "quantiles"


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
        """Return the lines written since the last call, each with a line feed."""
        text = "".join(f"{line}\n" for line in self._lines)
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
        self._trim = 0 if stream else 1
        self._tags = tags
        self._buckets = histograms == BUCKETS
        self._quantiles = quantiles if histograms == QUANTILES else ()
        self._words = ("count", "sum", *map(quantile_name, self._quantiles))
        self._client = CapturingClient()
        self._prefix: str | None = None

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        prefix = expand_template(self._template, snapshot.identity)
        if prefix != self._prefix:
            self._begin(prefix)
        turn, packing = GiveWayTimer(), Packing(self._limit + 1 - self._trim, self._trim)
        for block, kept in self._kept.of(self._cache.of(snapshot), turn):
            with kept.updating(block.values) as before:
                for kind, first, last in kept.runs:
                    run = range(first, last)
                    missing = kept.missing(block, first, last)
                    heads: Sequence[Any] = kept.made[first:last]
                    if kind == "gauge":
                        items = self._gauges(kept, block, before, run, missing)
                    elif kind == "counter":
                        items = self._counters(kept, block, since, run, missing)
                    else:
                        items, missing = self._histograms(kept, block, since, run, missing, turn)
                    if self._tags or kind == "histogram":
                        heads = (b"",) * len(run)  # the items begin with the name
                    heads, data = interleaved(heads, items)
                    sizes = map(add, map(len, heads), map(len, items))
                    yield from packing.add(data, len(run), missing, sizes)
                    turn.give_way_if_due()
        yield from packing.rest()

    def _begin(self, prefix: str) -> None:
        """Begin with another prefix: nothing that was kept can be used."""
        self._prefix = prefix
        self._namer = Namer(prefix, tags=self._tags, buckets=self._buckets)
        self._cache: RenderCache[bytes] = RenderCache(
            self._render, family=part_families(self._words, self._head)
        )
        self._kept: KeptBlocks[bytes, bytes] = KeptBlocks(b"")

    def _gauges(
        self,
        kept: KeptBlock[bytes, bytes],
        block: Block,
        before: Sequence[Any] | None,
        run: range,
        missing: Missing,
    ) -> list[bytes]:
        """Write the gauges that are new, and return all."""
        places = _without(missing, new_places(block.values, before, run.start, run.stop), run)
        items = self._items(kept, places, list(map(block.values.__getitem__, places)), "g")
        if len(places) == len(run):
            kept.items[run.start : run.stop] = items
            return items
        for place, item in zip(places, items, strict=True):
            kept.items[place] = item
        for place, _ in missing:
            kept.items[run.start + place] = b""
        return kept.items[run.start : run.stop]

    def _counters(
        self, kept: KeptBlock[bytes, bytes], block: Block, since: Since, run: range, missing: Missing
    ) -> list[bytes]:
        """Write by how much counters have grown; one that has not needs no bytes."""
        here = slice(run.start, run.stop)
        earlier = map(since.get, block.series[here], repeat(0))
        pairs = zip(block.values[here], earlier, strict=False)
        changes = [0 if now is ABSENT else now - then for now, then in pairs]
        places = _without(missing, list(compress(run, changes)), run)
        items = [b""] * len(run)
        grown = [changes[place - run.start] for place in places]
        for place, item in zip(places, self._items(kept, places, grown, "c"), strict=True):
            items[place - run.start] = item
        return items

    def _items(
        self, kept: KeptBlock[bytes, bytes], places: Sequence[int], numbers: list[Any], letter: str
    ) -> list[bytes]:
        """Return what comes after each name, made all at once; with tags, the names, too."""
        if not numbers:
            return []
        end = f"|{letter}\n"
        text = end.join(map(repr, numbers)) + end
        items = text.encode().splitlines(keepends=True)
        if letter == "g" and (text[0] == "-" or "\n-" in text):
            for at, place in enumerate(places):
                if items[at].startswith(b"-"):
                    name = kept.made[place].partition(b":")[0]
                    items[at] = _negative(name, numbers[at], items[at])
        if self._tags:
            for at, place in enumerate(places):
                name, colon, tags = kept.made[place].partition(b":")
                items[at] = name + colon + items[at].replace(b"\n", tags + b"\n")
        return items

    def _histograms(
        self,
        kept: KeptBlock[bytes, bytes],
        block: Block,
        since: Since,
        run: range,
        missing: Missing,
        turn: GiveWayTimer,
    ) -> tuple[list[bytes], Missing]:
        """Write histograms, and return the missing ones with those that are too long."""
        items = [b""] * len(run)
        too_long: list[tuple[int, str]] = []
        for place in _without(missing, run, run):
            value, before = block.values[place], since.get(block.series[place])
            if value is before:
                continue  # nothing was observed
            item = self._histogram(kept.made[place], block.series[place], value, before)
            if len(item) - 1 > self._limit:
                too_long.append((place - run.start, "too_long"))
            else:
                items[place - run.start] = item
            turn.give_way_if_due()
        return items, sorted([*missing, *too_long])

    def _histogram(self, stem: bytes, series: Series, value: Any, before: Any) -> bytes:
        """Return the lines of a histogram; an unchanged number has none."""
        client = self._client
        path, _, tags = stem.decode().partition(":")
        names = [Name(path.replace(PART, word), tags) for word in self._words]
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
        return client.take_text().encode()

    def _render(self, series: Series) -> bytes:
        """Return a series' name; of a histogram, the stem of its names."""
        name, labels = series.name, series.labels
        words = self._words if series.kind == "histogram" else ("",)
        lines = 2 if series.kind == "gauge" else 1
        sizes = [self._namer.name(name, labels, word).size + LONGEST_VALUE for word in words]
        if sum(sizes) * lines > self._limit:
            raise Unencodable("too_long")
        return self._head(name, labels, PART if series.kind == "histogram" else "")

    def _head(self, name: str, labels: Mapping[str, str], word: str = PART) -> bytes:
        """Return the name before a value, and the tags after it; a colon is in neither name."""
        found = self._namer.name(name, labels, word)
        return f"{found.path}:{found.tags}".encode()


def _negative(name: bytes, number: float, item: bytes) -> bytes:
    """Return what a gauge below zero takes: a daemon reads its sign as a difference."""
    return b"0|g\n%b:%b" % (name, item) if number < 0 else item[1:]  # -0.0 is 0.0


def _without(missing: Missing, places: Sequence[int], run: range) -> Sequence[int]:
    """Return the places of a run that are not missing."""
    if not missing:
        return places
    gone = {run.start + place for place, _ in missing}
    return [place for place in places if place not in gone]
