"""Exemplars on an OpenMetrics page: behind the total of a counter, and the buckets of histograms.

They are asked for when the line of a new value is written, so one may be newer than the value
before it; it lies within its bucket all the same (OpenMetrics 1.0, "Exemplars").
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.prometheus_names import label_name
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler import Exemplar
    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Block, Series

    _Known = tuple[KeptBlock[Any, Any], list[Any], frozenset[int]]
    """A block, its items, and the places that can have exemplars."""

_QUOTED = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


_exposed = lru_cache(1_000)(label_name)


class ExemplarItems:
    """The items of blocks in which series have exemplars, with these; kept from page to page."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._next: dict[int, _Known] = {}

    def update(self, block: Block, kept: KeptBlock[Any, Any], new: list[int]) -> None:
        """Take over the items of new values.

        Args:
            block: the values.
            kept: what was written for them.
            new: places of new ones, of all kinds.
        """
        known = self._known.get(id(kept))
        if known is None:
            spans = [span for span in kept.spans if _can_have(block.series[span[1]])]
            if not spans:
                return
            having = frozenset(place for _, *span in spans for place in range(*span))
            known, new = (kept, list(kept.items), having), list(range(len(kept.items)))
        self._next[id(kept)] = known
        series, written, values = block.series, kept.items, block.values
        _, items, having = known
        for place in new:
            items[place] = written[place]
        for place in having.intersection(new):
            if (exemplars := series[place].exemplars) and values[place] is not ABSENT:
                item = written[place]
                if type(item) is str:
                    items[place] = item + _text(exemplars[0])
                else:
                    items[place] = _with_buckets(item, exemplars, block, place)

    def end(self) -> None:
        """End a page: forget blocks that were not in it."""
        self._known, self._next = self._next, {}

    def of(self, kept: KeptBlock[Any, Any]) -> list[Any]:
        """Return the items of a block for a page that may have exemplars."""
        known = self._known.get(id(kept))
        return kept.items if known is None else known[1]


def _can_have(series: Series) -> bool:
    return series.exemplars is not None


def _with_buckets(item: Any, exemplars: Iterable[Exemplar], block: Block, place: int) -> Any:
    """Return the item of a histogram with exemplars."""
    buckets, text, openmetrics = item
    value: Any = block.values[place]
    lines = buckets.split("\n")  # each begins with the end of the one before
    bounds = at_shared_bounds(value, block.series[place]).bounds
    latest = {1 + bisect_left(bounds, each.value): each for each in exemplars}
    for line, exemplar in latest.items():
        if line < len(lines):  # a histogram that was not rendered has none
            lines[line] += _text(exemplar)
    return "\n".join(lines), text, openmetrics


def _text(exemplar: Exemplar) -> str:
    """Return an exemplar as it stands behind a value; a histogram has many that stay."""
    if exemplar.written:
        return exemplar.written
    starts = []
    for name, text in exemplar.labels.items():
        if '"' in text or "\\" in text or "\n" in text:
            text = text.translate(_QUOTED)  # noqa: PLW2901
        starts.append(f'{_exposed(name)}="{text}"')
    pairs = starts[0] if len(starts) == 1 else ",".join(starts)
    exemplar.written = f" # {{{pairs}}} {exemplar.value!r} {exemplar.time:.3f}"
    return exemplar.written
