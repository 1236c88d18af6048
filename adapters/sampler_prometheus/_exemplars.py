"""Exemplars on an OpenMetrics page: behind the total of a counter, and the buckets of histograms.

They are asked for when the page is written, so one may be newer than the value before it; it lies
within its bucket all the same (OpenMetrics 1.0, "Exemplars").
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT
from sampler_prometheus._names import label_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler import Exemplar
    from sampler.adapterkit.kept_blocks import KeptBlock
    from sampler.agent import Block

_QUOTED = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def add_exemplars(parts: list[Any], block: Block, first: int, last: int) -> None:
    """Add to the lines of a counter's series what its exemplars say.

    Args:
        parts: the start of each line, and its value.
        block: the series.
        first: the place of the first of them.
        last: that behind the last one.
    """
    place = 1
    for series in block.series[first:last]:
        for exemplar in series.exemplars or ():
            parts[place] += _text(exemplar)
        place += 2


def with_exemplars(
    block: Block, kept: KeptBlock[Any, Any], first: int, last: int
) -> Iterator[str]:
    """Yield the lines of a histogram's series, with what their exemplars say."""
    for place in range(first, last):
        buckets, _, totals = kept.items[place]
        value, series = block.values[place], block.series[place]
        exemplars = series.exemplars
        if exemplars and value is not ABSENT:
            lines = buckets.split("\n")  # each begins with the end of the one before
            bounds = at_shared_bounds(value, series).bounds  # type: ignore[arg-type]
            latest = {1 + bisect_left(bounds, each.value): each for each in exemplars}
            for line, exemplar in latest.items():
                lines[line] += _text(exemplar)
            buckets = "\n".join(lines)
        yield buckets
        yield totals


def _text(exemplar: Exemplar) -> str:
    pairs = ",".join(
        f'{label_name(name)}="{text.translate(_QUOTED)}"' for name, text in exemplar.labels.items()
    )
    return f" # {{{pairs}}} {exemplar.value!r} {exemplar.time:.3f}"
