"""Turns snapshots into batches of points: totals or differences, and parts of histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.dotted_paths import expand_template, quantile_name
from sampler.adapterkit.render_cache import NotRendered, RenderCache, Unencodable, iter_entries
from sampler.agent import ABSENT, Batch, HistogramValue, difference, step
from sampler_graphite._layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Block, Series, Since, Snapshot
    from sampler_graphite._formats import Format

MAX_PATH = 3000
"""Bytes: carbon makes a file name of the path, which with its folder has at most 4 096."""
MAX_TAGGED = 16_000
"""Bytes: the file name is a hash, but the line with value and time must be below 16 384."""
_AFTER_PATH = 48
"""Bytes that a line may have after its path."""


@attrs.define(eq=False)
class SeriesPoints:
    """The paths of a series, and its points in the last pull.

    Attributes:
        head: what its point begins with; of a histogram, its ``count``.
        more: the same for a histogram's ``sum`` and each quantile.
        value_only: it has one point, which depends on its value only.
        value: its last value; while value and ``before`` are the same objects, ``items`` are kept.
        before: the earlier value that it was compared with.
        items: its points without their time.
        size: bytes that they take at most.
    """

    head: Any
    more: tuple[Any, ...] = ()
    value_only: bool = False
    value: object = None
    before: object = None
    items: tuple[Any, ...] = ()
    size: int = 0


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
        self._tags = tags
        self._templates = templates
        self._deltas = deltas
        self._quantiles = quantiles
        self._prefix: str | None = None
        self._layout = Layout("", tags=tags, templates=self._templates)
        self._cache: RenderCache[SeriesPoints] = RenderCache(self._render, _names_taken)
        self._blocks: tuple[Block, ...] = ()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries in the snapshot's order."""
        self._set_prefix(snapshot.identity)
        form, deltas = self._form, self._deltas
        write, measure, limit = form.item, form.size, form.limit
        # A block that several pulls share is the same object: its points were written already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        began = int(step(snapshot.time, snapshot.interval))
        size = samples = 0
        refused: dict[str, int] = {}
        runs: list[tuple[int, list[Any]]] = []
        for block, entries in iter_entries(self._cache.of(snapshot)):
            if id(block) in seen:
                samples += sum(value is not ABSENT for _, _, value in entries)
                continue
            # Increases within one interval are one point, to which the last pull at stop adds.
            time = began if deltas else int(block.time)
            items: list[Any] = []
            runs.append((time, items))
            for points, series, value in entries:
                if value is ABSENT:
                    continue
                if type(points) is NotRendered:
                    refused[points.reason] = refused.get(points.reason, 0) + 1
                    continue
                before = None if points.value_only else since.get(series)
                if value is not points.value or before is not points.before:
                    points.value, points.before = value, before
                    if points.value_only:
                        item = write(points.head, value)
                        points.items, points.size = (item,), measure(item)
                    else:
                        points.items = self._parts(points, value, before)
                        points.size = sum(map(measure, points.items))
                if size + points.size > limit and size:
                    yield Batch(form.frames(runs), samples, refused)
                    size, samples, refused = 0, 0, {}
                    items = []
                    runs = [(time, items)]
                items += points.items
                size += points.size
                samples += 1
        if samples or refused:
            yield Batch(form.frames(runs) if size else (), samples, refused)

    def _set_prefix(self, identity: Mapping[str, str]) -> None:
        prefix = expand_template(self._template, identity)
        if prefix != self._prefix:
            self._prefix = prefix
            self._layout = Layout(prefix, tags=self._tags, templates=self._templates)
            self._cache = RenderCache(self._render, _names_taken)

    def _render(self, series: Series) -> SeriesPoints:
        head = self._form.head
        if series.kind != "histogram":
            value_only = not (self._deltas and series.cumulative)
            return SeriesPoints(head(self._path(series)), value_only=value_only)
        quantiles = map(quantile_name, self._quantiles)
        paths = tuple(self._path(series, part) for part in ("count", "sum", *quantiles))
        if sum(map(len, paths)) + _AFTER_PATH * len(paths) > self._form.limit:
            raise Unencodable("too_long")
        return SeriesPoints(head(paths[0]), tuple(map(head, paths[1:])))

    def _path(self, series: Series, suffix: str = "") -> str:
        path = self._layout.path(series, suffix)
        longest = MAX_TAGGED if ";" in path else MAX_PATH
        if len(path) > min(longest, self._form.limit - _AFTER_PATH):
            raise Unencodable("too_long")
        return path

    def _parts(self, points: SeriesPoints, value: Any, before: Any) -> tuple[Any, ...]:
        """Return the items of a histogram or a difference; a part without a number has none."""
        write = self._form.item
        if not isinstance(value, HistogramValue):
            return (write(points.head, value - (before or 0)),)
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        whole = recent if self._deltas else value
        numbers = (whole.count, whole.sum, *map(recent.quantile, self._quantiles))
        heads = (points.head, *points.more)
        return tuple(
            write(head, number)
            for head, number in zip(heads, numbers, strict=True)
            if number is not None
        )


def _names_taken(points: SeriesPoints) -> tuple[Any, ...]:
    return points.head, *points.more
