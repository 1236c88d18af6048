"""Turns snapshots into requests to export metrics."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.adapterkit.identity_labels import filled_in_labels
from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.protobuf import message
from sampler.adapterkit.render_cache import NotRendered, RenderCache
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, MAX_BATCH, GiveWayTimer
from sampler_otlp._points import (
    EXPONENTIAL,
    HISTOGRAM,
    Point,
    attribute,
    ended,
    exponential_histogram,
    histogram,
    metric_of,
    numbers,
    point_end,
    rendered,
    sort_of,
)
from sampler_otlp._requests import Requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Batch, Block, Series, Snapshot

    Item: TypeAlias = bytes | tuple[int, bytes]
    """A point up to its time; of a histogram with its sort; nothing for what is absent."""

_MOST_MARKERS = 2_000
"""Ended series that one snapshot tells of; those beyond just stop."""


class Encoder:
    """Encodes for one receiver.

    Args:
        resource: templates of the attributes of who measures.
        exponential: write exponential histograms as such.
        gzip: compress requests.
        limit: most bytes of a request before it is compressed.
    """

    def __init__(
        self,
        resource: Mapping[str, str],
        *,
        exponential: bool,
        gzip: bool,
        limit: int = MAX_BATCH,
    ) -> None:
        self._resource = resource
        self._exponential = exponential
        self._gzip = gzip
        self._limit = limit
        self._cache: RenderCache[Point] = RenderCache(rendered, lambda point: (point.key,))
        self._kept: KeptBlocks[Point, Item] = KeptBlocks(b"")
        self._last: dict[int, tuple[tuple[Series, ...], list[Point | NotRendered]]] = {}

    def batches(self, snapshot: Snapshot) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        turn = GiveWayTimer()
        blocks = self._cache.of(snapshot)
        markers = self._ended(blocks, point_end(snapshot.time))
        before = self._before(snapshot.identity)
        requests = Requests(before, self._limit, markers, gzip=self._gzip)
        for block, kept in self._kept.of(blocks, turn):
            end = point_end(block.time)
            with kept.updating(block.values) as earlier:
                for metric, first, last in kept.spans:
                    if metric.histogram:
                        self._keep_histograms(kept, block, earlier, range(first, last), turn)
                    else:
                        _keep_numbers(kept, block, earlier, first, last)
                    for place, reason in kept.missing(block, first, last):
                        kept.items[first + place] = b""
                        requests.refuse(reason)
                    items: list[Any] = list(filter(None, kept.items[first:last]))
                    if not metric.histogram and items:
                        yield from requests.add(metric, sort_of(metric), items, end)
                    elif items:
                        for sort, run in groupby(items, lambda item: item[0]):
                            yield from requests.add(metric, sort, [p for _, p in run], end)
                    turn.give_way_if_due()
        yield from requests.rest()

    def _before(self, identity: Mapping[str, str]) -> bytes:
        found = filled_in_labels(self._resource, identity)
        attributes = (message(1, attribute(*pair)) for pair in found.items())
        return message(1, b"".join(attributes))

    def _keep_histograms(
        self,
        kept: KeptBlock[Point, Item],
        block: Block,
        before: Sequence[Any] | None,
        places: range,
        turn: GiveWayTimer,
    ) -> None:
        for place in new_places(block.values, before, places.start, places.stop):
            point, value = kept.made[place], block.values[place]
            if value is ABSENT or isinstance(point, NotRendered):
                continue
            kept.items[place] = self._histogram(point, value, block.series[place])
            turn.give_way_if_due()

    def _histogram(self, point: Point, value: Any, series: Series) -> Item:
        if self._exponential and (found := exponential_histogram(point, value)) is not None:
            return EXPONENTIAL, found
        return HISTOGRAM, histogram(point, at_shared_bounds(value, series))

    def _ended(
        self, rendered: Iterable[tuple[Block, list[Point | NotRendered]]], end: bytes
    ) -> list[bytes]:
        """Return metrics that mark the series which the last snapshot had and this one has not."""
        lists = {id(made): (block.series, made) for block, made in rendered}
        before, self._last = self._last, lists
        if lists.keys() == before.keys():
            return []
        stay = {
            point.key
            for key, (_, made) in lists.items()
            if key not in before
            for point in made
            if not isinstance(point, NotRendered)
        }
        found: list[bytes] = []
        for key, (every, made) in before.items():
            for series, point in () if key in lists else zip(every, made, strict=True):
                if isinstance(point, NotRendered) or point.key in stay:
                    continue
                sort = sort_of(series.metric)
                if series.metric.histogram:
                    sort = EXPONENTIAL if self._exponential else HISTOGRAM
                found.append(metric_of(series.metric, sort, ended(point, sort) + end))
        return found[:_MOST_MARKERS]


def _keep_numbers(
    kept: KeptBlock[Point, Item],
    block: Block,
    before: Sequence[Any] | None,
    first: int,
    last: int,
) -> None:
    """Write the points of numbers that are new, up to their time."""
    new = new_places(block.values, before, first, last)
    if len(block) < len(block.series) or kept.refused:
        new = [
            place
            for place in new
            if block.values[place] is not ABSENT and place not in kept.refused
        ]
    points: list[Any] = list(map(kept.made.__getitem__, new))
    items = numbers(points, list(map(block.values.__getitem__, new)))
    if len(new) == last - first:
        kept.items[first:last] = items
    else:
        for place, item in zip(new, items, strict=True):
            kept.items[place] = item
