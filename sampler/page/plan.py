"""Where the numbers of one block are in a row: a column a number, three for a histogram."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

from sampler._contract.histogram import HistogramValue
from sampler.page.quantiles import QUANTILES, increase, quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampler.agent import Block, Series

_NAN = math.nan
_NONE = (_NAN,) * len(QUANTILES)


class Plan:
    """The columns of one block, as long as its series are the same.

    Args:
        series: the block's.
        numbers: of the series that are kept, which are the first ones.
        before: the same sampler's plan until now, whose histograms go on.
        whole: since when those have counted all of their first value, by number: epoch seconds.

    Attributes:
        series: as given.
        numbers: likewise.
        whole: likewise.
        ids: the number of each column's series.
        kept: how many series are kept.
    """

    def __init__(
        self,
        series: tuple[Series, ...],
        numbers: Sequence[int],
        before: Plan | None = None,
        whole: Mapping[int, float] | None = None,
    ) -> None:
        self.series = series
        self.kept: int = len(numbers)
        self.ids: array[int] = array("L")
        self.numbers: Sequence[int] = numbers
        self.whole: Mapping[int, float] = whole or {}
        for number, each in zip(numbers, series[: self.kept], strict=True):
            self.ids.extend([number] * (len(QUANTILES) if each.metric.histogram else 1))
        self._all = self.kept == len(series)
        earlier = {} if before is None else before.histograms()
        self._before: list[HistogramValue | None] = [
            None if n in self.whole else earlier.get(n) for n in numbers
        ]

    def histograms(self) -> dict[int, HistogramValue]:
        """Return the last value of each histogram, by the number of its series."""
        pairs = zip(self.numbers, self._before, strict=True)
        return {number: value for number, value in pairs if value is not None}

    def column(self, number: int) -> int:
        """Return the first column of a series; -1 if it is none of this block's."""
        try:
            return self.ids.index(number)
        except ValueError:
            return -1

    def row(self, block: Block) -> array[float]:
        """Return the block's numbers; of histograms the quantiles since the row before."""
        values = block.values if self._all else block.values[: self.kept]
        try:
            return array("d", values)  # type: ignore[arg-type]  # else it raises
        except (TypeError, OverflowError):
            return self._mixed(values)

    def _mixed(self, values: Sequence[object]) -> array[float]:
        row: array[float] = array("d")
        for place, value in enumerate(values):
            if self.series[place].metric.histogram:
                row.extend(self._quantiles(place, value))
            else:
                row.append(float(value) if isinstance(value, int | float) else _NAN)
        return row

    def _quantiles(self, place: int, value: object) -> tuple[float, ...]:
        if not isinstance(value, HistogramValue):
            return _NONE
        last, self._before[place] = self._before[place], value
        if last is None:
            risen = value if self.numbers[place] in self.whole else None
        else:
            risen = increase(value, last)
        return _NONE if risen is None else quantiles(risen)
