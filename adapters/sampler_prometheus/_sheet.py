"""The lines of a page, kept from page to page: only those of new values are written again.

They are kept in columns: what comes before a value, which is kept once for all pages, and the
value. So a line is put together only in the page that has it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT
from sampler_prometheus._exemplars import add_exemplars, with_exemplars
from sampler_prometheus._lines import HistogramStart, HistogramWriter, has_sum_and_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.adapterkit.render_cache import NotRendered
    from sampler.agent import Block, GiveWayTimer, Metric

    Made: TypeAlias = str | HistogramStart
    Item: TypeAlias = str | tuple[str, str, str]
    """A number; of a histogram the lines of its buckets, and those of sum and count in either
    format."""

_NOTHING = ("", "", "")


class Sheet:
    """Writes the lines of one block after the other. Not for several threads at once."""

    def __init__(self) -> None:
        self._blocks: KeptBlocks[Made, Item] = KeptBlocks("")
        self._histograms = HistogramWriter()

    def of(
        self, rendered: list[tuple[Block, list[Made | NotRendered]]], turn: GiveWayTimer
    ) -> list[tuple[Block, KeptBlock[Made, Item]]]:
        """Return each block of a snapshot with its lines, brought up to date.

        Args:
            rendered: what :meth:`RenderCache.of` returned.
            turn: gives way where there is much to do.
        """
        found = self._blocks.of(rendered, turn)
        for block, kept in found:
            with kept.updating(block.values) as before:
                for kind, first, last in kept.runs:
                    new = new_places(block.values, before, first, last)
                    if kind == "histogram":
                        for place in new:
                            kept.items[place] = self._histogram(block, kept, place)
                            turn.give_way_if_due()
                    elif len(new) == last - first:
                        kept.items[first:last] = map(repr, block.values[first:last])
                    else:
                        for place in new:
                            kept.items[place] = repr(block.values[place])
                    turn.give_way_if_due()
        return found

    def _histogram(self, block: Block, kept: KeptBlock[Made, Item], place: int) -> Item:
        value: Any = block.values[place]
        start = kept.made[place]
        if value is ABSENT or not isinstance(start, HistogramStart):
            return _NOTHING
        value = at_shared_bounds(value, block.series[place])
        buckets, totals = self._histograms.lines(start, value)
        return buckets, totals, totals if has_sum_and_count(value) else ""


def lines_of(
    block: Block, kept: KeptBlock[Made, Item], *, openmetrics: bool
) -> Iterator[tuple[Metric, str]]:
    """Yield the lines of a block by metric, some hundreds of series at once."""
    for metric, first, last in kept.spans:
        parts: list[Any]
        exemplified = openmetrics and block.series[first].exemplars is not None
        if metric.histogram:
            if exemplified:
                yield metric, "".join(with_exemplars(block, kept, first, last))
                continue
            parts = list(chain.from_iterable(kept.items[first:last]))
            del parts[1 if openmetrics else 2 :: 3]
        else:
            parts = [""] * (2 * (last - first))
            parts[0::2], parts[1::2] = kept.made[first:last], kept.items[first:last]
            if exemplified:
                add_exemplars(parts, block, first, last)
            for place, _ in kept.missing(block, first, last):
                parts[2 * place] = parts[2 * place + 1] = ""
        if text := "".join(parts):
            yield metric, text
