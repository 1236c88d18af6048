"""Snapshots to batches of points: totals or differences, and a histogram's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.agent import ABSENT, Batch, Histogram, difference, step
from sampler.agent.paths import expand, quantile_name
from sampler.agent.rendered import Refused, Rendered, Unencodable
from sampler_graphite._layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Block, Series, Since, Snapshot
    from sampler_graphite._formats import Format

Paths: TypeAlias = "str | tuple[str, ...]"
"""A series' path; of a histogram those of ``count``, ``sum`` and each quantile."""

MAX_PATH = 3000
"""Bytes: a path becomes a file's name, which with its folder has at most 4 096."""
MAX_TAGGED = 16_000
"""Bytes: a tagged file's name is a hash; the line, with value and time, has less than 16 384."""
_AFTER_PATH = 48
"""Bytes that a line may have after its path."""


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
        self._rendered: Rendered[Paths] = Rendered(self._render, _names)
        self._blocks: tuple[Block, ...] = ()

    def batches(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of whole entries in the snapshot's order."""
        self._fill_in(snapshot.identity)
        form = self._form
        measure, limit, deltas = form.size, form.limit, self._deltas
        points: list[Any] = []
        size = samples = 0
        refused: dict[str, int] = {}
        # A reading that is used again is the same block: its point is there already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        began = int(step(snapshot.time, snapshot.interval))
        for block, paths in self._rendered.of(snapshot):
            if id(block) in seen:
                samples += len(block)
                continue
            # What grew in one interval is one point, though the last pull at stop adds to it.
            make = form.at(began if deltas else int(block.time))
            for path, series, value in zip(paths, block.series, block.values, strict=True):
                if value is ABSENT:
                    continue
                if isinstance(path, Refused):
                    refused[path.reason] = refused.get(path.reason, 0) + 1
                    continue
                if isinstance(path, tuple):
                    new = [make(p, v) for p, v in self._parts(path, value, since.get(series))]
                    more = sum(map(measure, new))
                else:
                    if deltas and series.cumulative:
                        value -= since.get(series, 0)  # type: ignore[operator] # noqa: PLW2901
                    new = [make(path, value)]
                    more = measure(new[0])
                if size + more > limit and points:
                    yield Batch((form.frame(points),), samples, refused)
                    points, size, samples, refused = [], 0, 0, {}
                points += new
                size += more
                samples += 1
        if samples or refused:
            yield Batch((form.frame(points),) if points else (), samples, refused)

    def _fill_in(self, identity: Mapping[str, str]) -> None:
        prefix = expand(self._template, identity)
        if prefix != self._prefix:
            self._prefix = prefix
            self._layout = Layout(prefix, tags=self._tags, templates=self._templates)
            self._rendered = Rendered(self._render, _names)

    def _render(self, series: Series) -> Paths:
        if series.kind != "histogram":
            return self._path(series)
        quantiles = map(quantile_name, self._quantiles)
        paths = tuple(self._path(series, part) for part in ("count", "sum", *quantiles))
        if sum(map(len, paths)) + _AFTER_PATH * len(paths) > self._form.limit:
            raise Unencodable("too_long")
        return paths

    def _path(self, series: Series, suffix: str = "") -> str:
        path = self._layout.path(series, suffix)
        longest = MAX_TAGGED if ";" in path else MAX_PATH
        if len(path) > min(longest, self._form.limit - _AFTER_PATH):
            raise Unencodable("too_long")
        return path

    def _parts(
        self, paths: tuple[str, ...], value: Any, before: Any
    ) -> Iterator[tuple[str, int | float]]:
        """Yield what a histogram becomes; nothing for what it cannot tell."""
        recent = difference(value, before) if isinstance(before, Histogram) else value
        whole = recent if self._deltas else value
        yield paths[0], whole.count
        if whole.sum is not None:
            yield paths[1], whole.sum
        for path, q in zip(paths[2:], self._quantiles, strict=True):
            estimate = recent.quantile(q)
            if estimate is not None:
                yield path, estimate


def _names(paths: Paths) -> Iterator[tuple[str, None]]:
    for path in (paths,) if isinstance(paths, str) else paths:
        yield path, None
