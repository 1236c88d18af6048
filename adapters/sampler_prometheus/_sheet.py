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
from sampler_prometheus._exemplars import ExemplarItems
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
        self._exemplars = ExemplarItems()

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
            changed: list[int] = []
            with kept.updating(block.values) as before:
                for kind, first, last in kept.runs:
                    new = new_places(block.values, before, first, last)
                    changed += new
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
            self._exemplars.update(block, kept, changed)
        self._exemplars.end()
        return found

    def items(self, kept: KeptBlock[Made, Item], *, openmetrics: bool) -> list[Item]:
        """Return what was written for the values of a block, for a page of either format."""
        return self._exemplars.of(kept) if openmetrics else kept.items

    def _histogram(self, block: Block, kept: KeptBlock[Made, Item], place: int) -> Item:
        value: Any = block.values[place]
        start = kept.made[place]
        if value is ABSENT or not isinstance(start, HistogramStart):
            return _NOTHING
        value = at_shared_bounds(value, block.series[place])
        buckets, totals = self._histograms.lines(start, value)
        return buckets, totals, totals if has_sum_and_count(value) else ""


def lines_of(
    block: Block, kept: KeptBlock[Made, Item], items: list[Item], *, openmetrics: bool
) -> Iterator[tuple[Metric, str]]:
    """Yield the lines of a block by metric, some hundreds of series at once.

    Args:
        block: its values.
        kept: what was written for them.
        items: of each value.
        openmetrics: they are for such a page.
    """
    for metric, first, last in kept.spans:
        parts: list[Any]
        if metric.histogram:
            parts = list(chain.from_iterable(items[first:last]))
            del parts[1 if openmetrics else 2 :: 3]
        else:
            parts = [""] * (2 * (last - first))
            parts[0::2], parts[1::2] = kept.made[first:last], items[first:last]
            for place, _ in kept.missing(block, first, last):
                parts[2 * place] = parts[2 * place + 1] = ""
        if text := "".join(parts):
            yield metric, text
