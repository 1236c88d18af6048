"""Turns snapshots into requests of time series."""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.adapterkit.identity_labels import filled_in_labels
from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.render_cache import NotRendered, RenderCache
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT, MAX_BATCH, GiveWayTimer
from sampler_remote_write._native import ended_histogram, histogram_end, native_series
from sampler_remote_write._requests import Requests, compressed
from sampler_remote_write._series import (
    ENDED,
    HistogramHead,
    SeriesRenderer,
    ended,
    milliseconds,
    sample_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Batch, Block, Series, Snapshot

    Made: TypeAlias = bytes | HistogramHead
    Item: TypeAlias = bytes | tuple[bytes, ...]
    """A time series up to its time; of a histogram, each of them; nothing for what is absent."""


class Encoder:
    """Encodes for one receiver.

    Args:
        labels: templates of the labels that every series gets.
        native: a histogram is one sample, with all its buckets.
        limit: most bytes of a request before it is compressed.
    """

    def __init__(self, labels: Mapping[str, str], *, native: bool, limit: int = MAX_BATCH) -> None:
        self._templates = labels
        self._native = native
        self._limit = limit
        self._blocks: tuple[Block, ...] = ()
        self._last: dict[int, list[Made | NotRendered]] = {}
        self._pending: list[bytes] = []
        self._begin({})

    def batches(self, snapshot: Snapshot) -> Iterator[Batch]:
        """Yield batches of whole entries, in the snapshot's order."""
        common = filled_in_labels(self._templates, snapshot.identity)
        if common != self._common:
            self._begin(common)
        turn = GiveWayTimer()
        rendered = self._cache.of(snapshot)
        markers = self._pending + self._ended(rendered, milliseconds(snapshot.time))
        requests = Requests(self._limit, markers)
        # A block that several pulls share is the same object: its samples were written already.
        seen, self._blocks = {id(block) for block in self._blocks}, snapshot.blocks
        for block, kept in self._kept.of(rendered, turn):
            if id(block) in seen:
                requests.skip(len(block))
                continue
            requests.at(block.time)
            time = milliseconds(block.time)
            with kept.updating(block.values) as before:
                for kind, first, last in kept.runs:
                    if kind == "histogram":
                        self._keep_histograms(kept, block, before, range(first, last), turn)
                    else:
                        _keep_numbers(kept, block, before, first, last)
                    for place, reason in kept.missing(block, first, last):
                        kept.items[first + place] = b""
                        requests.refuse(reason)
                    items: list[Any] = kept.items[first:last]
                    if kind == "histogram":
                        end = histogram_end(time) if self._native else sample_end(time)
                        yield from requests.add([item for item in items if item], end)
                    else:
                        yield from requests.add_single(items, sample_end(time))
                    turn.give_way_if_due()
        yield from requests.rest()
        self._pending = requests.markers

    def ending(self, time: float, limit: int) -> tuple[bytes, bool]:
        """Return a request that marks all series as ended, and whether it has all of them.

        Args:
            time: epoch seconds at which they end.
            limit: most bytes, before it is compressed.
        """
        made = chain.from_iterable(self._last.values())
        markers = chain.from_iterable(self._markers(each, milliseconds(time)) for each in made)
        taken: list[bytes] = []
        for marker in markers:
            limit -= len(marker)
            if limit < 0:
                return compressed(b"".join(taken)), False
            taken.append(marker)
        return compressed(b"".join(taken)), True

    def _begin(self, common: Mapping[str, str]) -> None:
        """Begin with other labels: nothing that was kept can be used."""
        self._common = common
        renderer = SeriesRenderer(common)
        self._cache: RenderCache[Made] = RenderCache(renderer, family=renderer.family)
        self._kept: KeptBlocks[Made, Item] = KeptBlocks(b"")
        self._blocks, self._last, self._pending = (), {}, []

    def _keep_histograms(
        self,
        kept: KeptBlock[Made, Item],
        block: Block,
        before: Sequence[Any] | None,
        places: range,
        turn: GiveWayTimer,
    ) -> None:
        for place in new_places(block.values, before, places.start, places.stop):
            head, value = kept.made[place], block.values[place]
            if value is not ABSENT and isinstance(head, HistogramHead):
                kept.items[place] = self._histogram(head, value, block.series[place])
                turn.give_way_if_due()

    def _histogram(self, head: HistogramHead, value: Any, series: Series) -> Item:
        if self._native:
            return (native_series(head.native, value),)
        shared = at_shared_bounds(value, series)
        total, *others = head.heads(shared.bounds)
        numbers = struct.pack(f"<{len(others)}d", value.count, *shared.counts, value.count)
        pairs = zip(others, range(0, len(numbers), 8), strict=True)
        items = tuple([begin + numbers[at : at + 8] for begin, at in pairs])
        return items if value.sum is None else (total + struct.pack("<d", value.sum), *items)

    def _ended(
        self, rendered: Iterable[tuple[Block, list[Made | NotRendered]]], time: int
    ) -> list[bytes]:
        """Return the markers of the series that the last snapshot had and this one has not."""
        before, self._last = self._last, {id(made): made for _, made in rendered}
        return [
            *chain.from_iterable(self._markers(each, time) for each in ended(before, self._last))
        ]

    def _markers(self, made: Made | NotRendered, time: int) -> Iterable[bytes]:
        if isinstance(made, NotRendered):
            return ()
        if isinstance(made, bytes):
            return (made + ENDED + sample_end(time),)
        if self._native:
            return (ended_histogram(made.native) + histogram_end(time),)
        return [head + ENDED + sample_end(time) for head in made.written]


def _keep_numbers(
    kept: KeptBlock[Made, Item],
    block: Block,
    before: Sequence[Any] | None,
    first: int,
    last: int,
) -> None:
    """Write the samples of numbers that are new, up to their time."""
    new = new_places(block.values, before, first, last)
    values: list[Any] = list(map(block.values.__getitem__, new))
    heads: list[Any] = list(map(kept.made.__getitem__, new))
    if len(block) < len(block.series):
        values = [0.0 if value is ABSENT else value for value in values]
    if kept.refused:
        heads = [b"" if isinstance(head, NotRendered) else head for head in heads]
    numbers = struct.pack(f"<{len(new)}d", *values)
    pairs = zip(heads, range(0, len(numbers), 8), strict=True)
    items: list[Item] = [head + numbers[at : at + 8] for head, at in pairs]
    if len(new) == last - first:
        kept.items[first:last] = items
    else:
        for place, item in zip(new, items, strict=True):
            kept.items[place] = item
