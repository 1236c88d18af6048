"""The lines of one block, kept from page to page: only those of new values are written again."""

from __future__ import annotations

from itertools import compress, count, groupby, repeat
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.kept_blocks import new_places
from sampler.adapterkit.render_cache import NotRendered
from sampler.adapterkit.shared_bounds import at_shared_bounds
from sampler.agent import ABSENT
from sampler_prometheus._lines import HistogramWriter, has_sum_and_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sampler.agent import GiveWayTimer, Series
    from sampler_prometheus._lines import Family, HistogramStart

_PART = 500
"""Series that are compared, or joined, at once: a small fraction of a millisecond."""


class Sheet:
    """A block's lines in both formats.

    Args:
        series: the block's.
        made: what their lines begin with, as the cache has it.
        family: tells the family of one of them.
        before: the sheet of an earlier block, whose lines of the same series are taken over.

    Attributes:
        made: likewise.
        refused: places of the series that have no lines, and the reasons.
    """

    __slots__ = (
        "_heads",
        "_histograms",
        "_runs",
        "_series",
        "_texts",
        "_values",
        "_without_sum",
        "made",
        "refused",
    )

    def __init__(
        self,
        series: tuple[Series, ...],
        made: list[str | HistogramStart | NotRendered],
        family: Callable[[Series], Family],
        before: Sheet | None,
    ) -> None:
        self._series = series
        self.made = made
        self._values: Sequence[Any] | None = [ABSENT] * len(made)
        """What was written last; None: it was not written to its end."""
        self._heads = [""] * len(made)
        """Of each series: what comes before its value; empty while that is absent."""
        self._texts = self._heads.copy()
        """Of each series: its value, and the end of the line."""
        self._histograms = HistogramWriter()
        self._without_sum: set[int] = set()
        """Places of the histograms whose sum and count OpenMetrics refuses."""
        self._runs: list[tuple[Family, int, int]] = []
        """Which series next to each other are of one family: from where to where."""
        self.refused = [(i, m.reason) for i, m in enumerate(made) if type(m) is NotRendered]
        end = 0
        for _, group in groupby(series, attrgetter("metric")):
            start, end = end, end + len(list(group))
            self._runs.append((family(series[start]), start, end))
        if before is not None:
            self._take_over(before)

    def _take_over(self, before: Sheet) -> None:
        if before._values is None:
            return
        found = dict(zip(before._series, range(len(before._series)), strict=True))
        places = list(map(found.get, self._series, repeat(len(found))))
        heads, texts, values = (
            [*before._heads, ""],
            [*before._texts, ""],
            [*before._values, ABSENT],
        )
        self._heads = list(map(heads.__getitem__, places))
        self._texts = list(map(texts.__getitem__, places))
        self._values = taken = list(map(values.__getitem__, places))
        made = map([*before.made, None].__getitem__, places)
        for place in compress(count(), map(is_not, made, self.made)):  # it got or lost its name
            taken[place], self._heads[place], self._texts[place] = ABSENT, "", ""
        if before._without_sum:
            self._without_sum = {i for i, p in enumerate(places) if p in before._without_sum}

    def write(self, values: Sequence[Any], turn: GiveWayTimer) -> None:
        """Write what differs from the last page; values are the same if they are one object."""
        written, self._values = self._values, None
        heads, texts, made = self._heads, self._texts, self.made
        for first in range(0, len(values), _PART):
            for place in new_places(values, written, first, first + _PART):
                value, head = values[place], made[place]
                if type(head) is str and (type(value) is float or type(value) is int):
                    heads[place], texts[place] = head, f"{value!r}\n"
                else:
                    self._write(place, value)
                    turn.give_way_if_due()
            turn.give_way_if_due()
        self._values = values

    def _write(self, place: int, value: Any) -> None:
        made = self.made[place]
        if value is ABSENT or isinstance(made, NotRendered):
            head = text = ""
        elif isinstance(made, str):  # a number of another type: a snapshot made by hand
            head, text = made, f"{value!r}\n"
        else:
            value = at_shared_bounds(value, self._series[place])
            head, text = self._histograms.lines(made, value)
            if has_sum_and_count(value):
                self._without_sum.discard(place)
            else:
                self._without_sum.add(place)
        self._heads[place], self._texts[place] = head, text

    def lines(self, *, openmetrics: bool) -> Iterator[tuple[Family, str]]:
        """Yield the lines, part by part."""
        texts = self._texts
        if openmetrics and self._without_sum:
            texts = texts.copy()
            for place in self._without_sum:
                texts[place] = ""
        for family, start, end in self._runs:
            for first in range(start, end, _PART):
                until = min(first + _PART, end)
                parts = [""] * (2 * (until - first))
                parts[0::2], parts[1::2] = self._heads[first:until], texts[first:until]
                if text := "".join(parts):
                    yield family, text
