"""What is made of rows for people: rates of counters, quantiles of histograms, gauges."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sampler.page.quantiles import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampler.page.history import Row
    from sampler.page.plan import Plan

_NAN = math.nan


class Points:
    """The points of some rows.

    Args:
        rows: as of :meth:`History.rows`. The first one gives a counter no rate.
        cut: how many of the first rows are left out of what is returned.
    """

    def __init__(self, rows: Sequence[Row], cut: int = 0) -> None:
        self._rows = rows
        self._cut = cut
        alike = groupby(rows, key=lambda row: id(row.plans))
        self._runs = [list(run) for _, run in alike]

    @property
    def times(self) -> list[float]:
        """When each pull began."""
        return [row.time for row in self._rows[self._cut :]]

    def of(self, number: int, kind: str) -> Any:
        """Return a series' points, None where there is none.

        Args:
            number: of the series.
            kind: of the series; of a histogram, points are returned by the name of a quantile.
        """
        if kind == "histogram":
            return {name: self._plain(number, place) for place, name in enumerate(NAMES)}
        if kind == "counter":
            return list(self._rates(number))[self._cut :]
        return self._plain(number, 0)

    def _plain(self, number: int, offset: int) -> list[float | None]:
        values: list[float] = []
        for run, place, at in self._found(number):
            if at < 0:
                values += [_NAN] * len(run)
            else:
                values += [row.numbers[place][at + offset] for row in run]
        return [None if value != value else value for value in values[self._cut :]]  # noqa: PLR0124

    def _rates(self, number: int) -> Iterator[float | None]:
        last, last_read = _NAN, 0.0
        plan: Plan | None = None
        before: Row | None = None
        for run, place, at in self._found(number):
            previous, plan = plan, run[0].plans[place] if at >= 0 else None
            if plan is None:
                last = _NAN
                yield from [None] * len(run)
            elif plan is not previous and number in plan.whole and before is not None:
                last, last_read = 0.0, plan.whole[number]
            for row in run if plan is not None else ():
                value, read = row.numbers[place][at], row.reads[place]
                passed = read - last_read
                risen = value - last if value >= last else value  # after a reset, all of it
                known = passed > 0 and not (math.isnan(value) or math.isnan(last))
                yield float(f"{risen / passed:.6g}") if known else None
                last, last_read = value, read
            before = run[-1]

    def _found(self, number: int) -> Iterator[tuple[list[Row], int, int]]:
        """Yield rows of one layout, with the series' block and column in it; -1: it has none."""
        for run in self._runs:
            for place, plan in enumerate(run[0].plans):
                if (at := plan.column(number)) >= 0:
                    yield run, place, at
                    break
            else:
                yield run, 0, -1
