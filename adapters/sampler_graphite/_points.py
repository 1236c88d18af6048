"""Snapshots to batches of points: totals or differences, and a histogram's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler.adapterkit.dotted_paths import expand, quantile_name
from sampler.adapterkit.render_cache import NotRendered, Rendered, Unencodable, in_turns
from sampler.agent import ABSENT, Batch, HistogramValue, difference, step
from sampler_graphite._layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Block, Series, Since, Snapshot
    from sampler_graphite._formats import Format

MAX_PATH = 3000
"""Bytes: a path becomes a file's name, which with its folder has at most 4 096."""
MAX_TAGGED = 16_000
"""Bytes: a tagged file's name is a hash; the line, with value and time, has less than 16 384."""
_AFTER_PATH = 48
"""Bytes that a line may have after its path."""


@attrs.define(eq=False)
class SeriesPoints:
    """Where the points of a series go, and what they last were.

    Attributes:
        head: what its point begins with; a histogram's ``count``.
        more: the same for a histogram's ``sum`` and each quantile.
        alone: its one point follows from its value.
        value: what was last written; unchanged, it is not written again.
        before: what that was compared with.
        items: its points without their time.
        size: bytes that they take, at most.
    """

    head: Any
    more: tuple[Any, ...] = ()
    alone: bool = False
    value: object = None
    before: object = None
    items: tuple[Any, ...] = ()
    size: int = 0


class Points:
    """Encodes for one destination.

    Args:
        form: how points are written.
        prefix: template of what every path begins with.
        tags: labels become tags instead of path segments.
        templates: metric name or pattern to path template.
        deltas: counters and histograms as what they grew by since the last pull.
        quantiles: of each histogram, of what was observed since the last pull; 0 to 1.
    """

    def __init__(
        self,
        form: Format,
        prefix: str,
        *,
        tags: bool = False,
        templates: Mapping[str, str] | None = None,
        deltas: bool = False,
        quantiles: tuple[float, ...] = (),
    ) -> None:
        self._form = form
        self._template = prefix
        self._tags = tags
        self._templates = templates or {}
        self._deltas = deltas
        self._quantiles = quantiles
        self._prefix: str | None = None
        self._layout = Layout("", tags=tags, templates=self._templates)
        self._rendered: Rendered[SeriesPoints] = Rendered(self._render, _names)
        self._blocks: tuple[Block, ...] = ()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries in the snapshot's order."""
        self._fill_in(snapshot.identity)
        form, deltas = self._form, self._deltas
        write, measure, limit = form.item, form.size, form.limit
        # A reading that is used again is the same block: its point is there already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        began = int(step(snapshot.time, snapshot.interval))
        size = samples = 0
        refused: dict[str, int] = {}
        runs: list[tuple[int, list[Any]]] = []
        for block, entries in in_turns(self._rendered.of(snapshot)):
            if id(block) in seen:
                samples += sum(value is not ABSENT for _, _, value in entries)
                continue
            # What grew in one interval is one point, though the last pull at stop adds to it.
            time = began if deltas else int(block.time)
            items: list[Any] = []
            runs.append((time, items))
            for place, series, value in entries:
                if value is ABSENT:
                    continue
                if type(place) is NotRendered:
                    refused[place.reason] = refused.get(place.reason, 0) + 1
                    continue
                before = None if place.alone else since.get(series)
                if value is not place.value or before is not place.before:
                    place.value, place.before = value, before
                    if place.alone:
                        item = write(place.head, value)
                        place.items, place.size = (item,), measure(item)
                    else:
                        place.items = self._parts(place, value, before)
                        place.size = sum(map(measure, place.items))
                if size + place.size > limit and size:
                    yield Batch(form.frames(runs), samples, refused)
                    size, samples, refused = 0, 0, {}
                    items = []
                    runs = [(time, items)]
                items += place.items
                size += place.size
                samples += 1
        if samples or refused:
            yield Batch(form.frames(runs) if size else (), samples, refused)

    def _fill_in(self, identity: Mapping[str, str]) -> None:
        prefix = expand(self._template, identity)
        if prefix != self._prefix:
            self._prefix = prefix
            self._layout = Layout(prefix, tags=self._tags, templates=self._templates)
            self._rendered = Rendered(self._render, _names)

    def _render(self, series: Series) -> SeriesPoints:
        head = self._form.head
        if series.kind != "histogram":
            alone = not (self._deltas and series.cumulative)
            return SeriesPoints(head(self._path(series)), alone=alone)
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

    def _parts(self, place: SeriesPoints, value: Any, before: Any) -> tuple[Any, ...]:
        """Return the items of a histogram or a difference; none for what they cannot tell."""
        write = self._form.item
        if not isinstance(value, HistogramValue):
            return (write(place.head, value - (before or 0)),)
        recent = difference(value, before) if isinstance(before, HistogramValue) else value
        whole = recent if self._deltas else value
        numbers = (whole.count, whole.sum, *map(recent.quantile, self._quantiles))
        heads = (place.head, *place.more)
        return tuple(
            write(head, number)
            for head, number in zip(heads, numbers, strict=True)
            if number is not None
        )


def _names(place: SeriesPoints) -> Iterator[tuple[Any, None]]:
    for head in (place.head, *place.more):
        yield head, None
