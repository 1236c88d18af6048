"""Turns snapshots into batches of points: totals or differences, and parts of histograms."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.dotted_paths import expand_template, quantile_name
from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.packing import Packing
from sampler.adapterkit.part_names import PART, part_families
from sampler.adapterkit.render_cache import RenderCache, Unencodable
from sampler.agent import ABSENT, GiveWayTimer, HistogramValue, difference, step
from sampler_graphite._formats import Run
from sampler_graphite._layout import Layout

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Batch, Block, Series, Since, Snapshot
    from sampler_graphite._formats import Format

MAX_PATH = 3000
"""Bytes: carbon makes a file name of the path, which with its folder has at most 4 096."""
MAX_TAGGED = 16_000
"""Bytes: the file name is a hash, but the line with value and time must be below 16 384."""
_AFTER_PATH = 48
"""Bytes that a line may have after its path."""
_PACKED = 500
"""Points that are packed at once: a fraction of a millisecond."""


class PointEncoder:
    """Encodes for one destination.

    Args:
        form: how points are written.
        prefix: template for the beginning of every path.
        tags: labels become tags instead of path segments.
        templates: metric name or pattern to path template.
        deltas: write the increase of counters and histograms since the last pull.
        quantiles: of each histogram, from the observations since the last pull; 0 to 1.
    """

    def __init__(
        self,
        form: Format,
        prefix: str,
        *,
        tags: bool,
        templates: Mapping[str, str],
        deltas: bool,
        quantiles: tuple[float, ...],
    ) -> None:
        self._form = form
        self._template = prefix
        self._layout = Layout(tags=tags, templates=templates)
        # Templates can give any two parts one path, so each part has a name of its own then.
        self._stems = not templates
        self._deltas = deltas
        self._quantiles = quantiles
        self._words = ("count", "sum", *map(quantile_name, quantiles))
        self._blocks: tuple[Block, ...] = ()
        self._begin("")

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries in the snapshot's order."""
        prefix = expand_template(self._template, snapshot.identity)
        if prefix != self._prefix:
            self._begin(prefix)
        # A block that several pulls share is the same object: its points were written already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        began = int(step(snapshot.time, snapshot.interval))
        turn, packing = GiveWayTimer(), Packing(self._form.limit, joined=self._form.joined)
        runs: list[Run] = []
        size = 0
        for block, kept in self._kept.of(self._cache.of(snapshot), turn):
            if id(block) in seen:
                yield from self._form.pack(packing, runs, prefix)
                runs, size = [], 0
                packing.count(len(block))
                continue
            # Increases within one interval are one point, to which the last pull at stop adds.
            time = began if self._deltas else int(block.time)
            with kept.updating(block.values) as before:
                for kind, first, last in kept.runs:
                    if kind == "histogram":
                        self._keep_histograms(kept, block, before, range(first, last), since, turn)
                    else:
                        deltas = self._deltas and kind == "counter"
                        self._keep_numbers(
                            kept, block, before, range(first, last), since if deltas else None
                        )
                    missing = kept.missing(block, first, last)
                    for place, _ in missing:
                        kept.items[first + place] = self._form.nothing
                    heads, items = kept.made[first:last], kept.items[first:last]
                    runs.append(Run(heads, items, time, missing, kind == "histogram"))
                    size += (last - first) * (len(self._words) if kind == "histogram" else 1)
                    if size >= _PACKED:
                        yield from self._form.pack(packing, runs, prefix)
                        runs, size = [], 0
                    turn.give_way_if_due()
        yield from self._form.pack(packing, runs, prefix)
        yield from packing.rest()

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return the path of a series; of a histogram, a pattern of its paths."""
        word = f"{{{','.join(self._words)}}}" if series.kind == "histogram" else ""
        prefix = expand_template(self._template, identity)
        return ".".join(
            filter(None, (prefix, self._layout.path(series.name, series.labels, word)))
        )

    def _begin(self, prefix: str) -> None:
        """Begin with another prefix: nothing that was kept can be used."""
        self._prefix = prefix
        self._before = f"{prefix}." if prefix else ""
        family = part_families(self._words, self._head) if self._stems else None
        self._cache: RenderCache[Any] = RenderCache(self._render, self._names_taken, family)
        self._kept: KeptBlocks[Any, Any] = KeptBlocks(self._form.nothing)

    def _keep_numbers(
        self,
        kept: KeptBlock[Any, Any],
        block: Block,
        before: Sequence[Any] | None,
        places: range,
        since: Since | None,
    ) -> None:
        """Write numbers that are new, or how much they have grown ``since``."""
        first, last = places.start, places.stop
        values: list[Any] = block.values[first:last]
        new: Sequence[int] = places
        if since is None:
            if self._form.lasting:
                new = new_places(block.values, before, first, last)
            if len(new) < len(places):
                values = list(map(block.values.__getitem__, new))
        else:
            earlier = map(since.get, block.series[first:last])
            pairs = zip(values, earlier, strict=True)
            values = [0 if now is ABSENT else now - (then or 0) for now, then in pairs]
        items = self._form.numbers(values)
        if len(new) == len(places):
            kept.items[first:last] = items
        else:
            for place, item in zip(new, items, strict=True):
                kept.items[place] = item

    def _keep_histograms(
        self,
        kept: KeptBlock[Any, Any],
        block: Block,
        before: Sequence[Any] | None,
        places: range,
        since: Since,
        turn: GiveWayTimer,
    ) -> None:
        """Write the parts of histograms that are new, or compared with another value now."""
        values: list[Any] = block.values
        new = set(new_places(values, before, places.start, places.stop))
        for place in places:
            value, earlier = values[place], since.get(block.series[place])
            if place not in new and earlier is kept.befores.get(place):
                continue
            if value is ABSENT or place in kept.refused:
                continue
            kept.befores[place] = earlier
            numbers = self._numbers(value, earlier)
            kept.items[place] = self._form.parts(kept.made[place], numbers)
            turn.give_way_if_due()

    def _numbers(self, value: HistogramValue, before: object) -> list[tuple[str, Any]]:
        """Return the number of each part that has one."""
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        whole = recent if self._deltas else value
        numbers = (whole.count, whole.sum, *map(recent.quantile, self._quantiles))
        return [pair for pair in zip(self._words, numbers, strict=True) if pair[1] is not None]

    def _render(self, series: Series) -> Any:
        """Return the path of a series, or the stem of a histogram's paths."""
        name, labels = series.name, series.labels
        if series.kind != "histogram":
            self._fitting(name, labels)
            return self._head(name, labels, "")
        size = sum(self._fitting(name, labels, word) + _AFTER_PATH for word in self._words)
        if size > self._form.limit:
            raise Unencodable("too_long")
        return self._head(name, labels)

    def _fitting(self, name: str, labels: Mapping[str, str], word: str = "") -> int:
        """Return the length of a path; one that is too long is refused."""
        path = self._before + self._layout.path(name, labels, word)
        longest = MAX_TAGGED if ";" in path else MAX_PATH
        if len(path) > min(longest, self._form.limit - _AFTER_PATH):
            raise Unencodable("too_long")
        return len(path)

    def _head(self, name: str, labels: Mapping[str, str], word: str = PART) -> Any:
        path = self._layout.path(name, labels, word)
        return self._form.head(self._before + path if self._form.prefixed else path)

    def _names_taken(self, head: Any) -> Iterable[Hashable]:
        part = self._form.head(PART)[:1]
        if self._stems or part not in head:
            return (head,)
        words = [self._form.head(word)[: len(word)] for word in self._words]
        return dict.fromkeys(map(head.replace, repeat(part), words))
