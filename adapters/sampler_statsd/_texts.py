"""Turns snapshots into StatsD texts, as the ``statsd`` package writes them.

The package writes histograms, which take several lines. Counters and gauges are written here, byte
for byte the same, and many at once.

The package does not escape names (ours are safe), writes ``-0.0``, which a daemon reads as a
difference (ours is ``0.0``), loses a datagram that is too long (we limit sizes), and has no tags
(we append them). The two lines of a negative gauge stay in one batch, so no zero is seen alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import repeat
from typing import TYPE_CHECKING, Any

from statsd.client.base import StatsClientBase

from sampler.adapterkit.dotted_paths import expand_template, quantile_name
from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.part_names import PART, part_families
from sampler.adapterkit.render_cache import RenderCache, Unencodable
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, GiveWayTimer, HistogramValue, difference
from sampler_statsd._names import Name, Namer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Batch, Block, Series, Since, Snapshot

    Columns = tuple[Sequence[str], list[str], Sequence[str]]
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
                    missing: Missing = kept.missing(block, first, last)
                    turn.give_way_if_due()
                    if kind == "histogram":
                        items, missing = self._histograms(kept, block, since, run, missing, turn)
                        data = "".join(items).encode()
                        yield from packing.add(data, len(run), missing, map(len, items))
                        continue
                    if kind == "gauge":
                        items = self._gauges(kept, block, before, run, missing)
                    else:
                        items = self._counters(block, since, run, missing)
                    columns = self._columns(kept.made[first:last], items, kind[0])
                    text = _joined(columns)
                    if kind == "gauge" and ":-" in text and _mend(columns):
                        kept.items[first:last] = items
                        text = _joined(columns)
                    lines = text.count("\n") == len(run) and all(items)
                    sizes = map(len, map("".join, zip(*columns, strict=True)))
                    yield from packing.add(text.encode(), len(run), missing, sizes, lines=lines)
        yield from packing.rest()

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return the name of a series; of a histogram, a pattern of its names."""
        prefix = expand_template(self._template, identity)
        namer = Namer(prefix, tags=self._tags, buckets=False)
        word = f"{{{','.join(self._words)}}}" if series.kind == "histogram" else ""
        name = namer.name(series.name, series.labels, word)
        return name.path + name.tags

    def _begin(self, prefix: str) -> None:
        """Begin with another prefix: nothing that was kept can be used."""
        self._prefix = prefix
        self._namer = Namer(prefix, tags=self._tags, buckets=self._buckets)
        self._cache: RenderCache[str] = RenderCache(
            self._render, family=part_families(self._words, self._head)
        )
        self._kept: KeptBlocks[str, str] = KeptBlocks("")

    def _gauges(
        self,
        kept: KeptBlock[str, str],
        block: Block,
        before: Sequence[Any] | None,
        run: range,
        missing: Missing,
    ) -> list[str]:
        """Write the numbers of gauges that are new, and return all."""
        places = new_places(block.values, before, run.start, run.stop)
        if len(places) == len(run):
            kept.items[run.start : run.stop] = map(repr, block.values[run.start : run.stop])
        else:
            for place in places:
                kept.items[place] = repr(block.values[place])
        for place, _ in missing:
            kept.items[run.start + place] = ""
        return kept.items[run.start : run.stop]

    def _counters(self, block: Block, since: Since, run: range, missing: Missing) -> list[str]:
        """Write by how much counters have grown; one that has not needs no bytes."""
        here = slice(run.start, run.stop)
        values: list[Any] = block.values[here]
        earlier: Iterator[Any] = map(since.get, block.series[here], repeat(0))
        pairs = zip(values, earlier, strict=True)
        changes = [0 if now is ABSENT else now - then for now, then in pairs]
        items = [repr(change) if change else "" for change in changes]
        for place, _ in missing:
            items[place] = ""
        return items

    def _columns(self, made: list[Any], items: list[str], letter: str) -> Columns:
        """Return what comes before each number, the numbers, and what comes after."""
        heads: Sequence[str] = made
        ends: Sequence[str] = (f"|{letter}\n",) * len(made)
        if self._tags:
            pairs = zip(made, items, strict=True)
            parts = [head.partition(":") if item else ("", "", "") for head, item in pairs]
            heads = [path + colon for path, colon, _ in parts]
            ends = [f"|{letter}{tags}\n" if colon else "" for _, colon, tags in parts]
        elif not all(items):
            heads = [head if item else "" for head, item in zip(made, items, strict=True)]
            ends = [end if item else "" for end, item in zip(ends, items, strict=True)]
        return heads, items, ends

    def _histograms(
        self,
        kept: KeptBlock[str, str],
        block: Block,
        since: Since,
        run: range,
        missing: Missing,
        turn: GiveWayTimer,
    ) -> tuple[list[str], Missing]:
        """Write histograms, and return the missing ones with those that are too long."""
        items = [""] * len(run)
        too_long: list[tuple[int, str]] = []
        gone = {run.start + place for place, _ in missing}
        for place in run:
            value, before = block.values[place], since.get(block.series[place])
            if place in gone or value is before:
                continue  # it is missing, or nothing was observed
            item = self._histogram(kept.made[place], block.series[place], value, before)
            if len(item) - 1 > self._limit:
                too_long.append((place - run.start, "too_long"))
            else:
                items[place - run.start] = item
            turn.give_way_if_due()
        return items, sorted([*missing, *too_long])

    def _histogram(self, stem: Any, series: Series, value: Any, before: Any) -> str:
        """Return the lines of a histogram; an unchanged number has none."""
        client = self._client
        path, _, tags = stem.partition(":")
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
        return client.take_text()

    def _render(self, series: Series) -> str:
        """Return a series' name; of a histogram, the stem of its names."""
        name, labels = series.name, series.labels
        words = self._words if series.kind == "histogram" else ("",)
        lines = 2 if series.kind == "gauge" else 1
        sizes = [self._namer.name(name, labels, word).size + LONGEST_VALUE for word in words]
        if sum(sizes) * lines > self._limit:
            raise Unencodable("too_long")
        return self._head(name, labels, PART if series.kind == "histogram" else "")

    def _head(self, name: str, labels: Mapping[str, str], word: str = PART) -> str:
        """Return the name before a value, and the tags after it; a colon is in neither name."""
        found = self._namer.name(name, labels, word)
        return f"{found.path}:{found.tags}"


def _joined(columns: Columns) -> str:
    pieces = [""] * (3 * len(columns[0]))
    pieces[::3], pieces[1::3], pieces[2::3] = columns
    return "".join(pieces)


def _mend(columns: Columns) -> bool:
    """Set gauges below zero to zero first, as a daemon reads a sign as a difference.

    Returns:
        Whether there was one that had not been mended.
    """
    heads, items, ends = columns
    found = [place for place, item in enumerate(items) if item.startswith("-")]
    for place in found:
        if float(items[place]):
            items[place] = f"0{ends[place]}{heads[place]}{items[place]}"
        else:
            items[place] = items[place][1:]  # -0.0 is 0.0
    return bool(found)
