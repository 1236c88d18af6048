"""What the demo shows of its shop: metrics by their names, with a value and a line of the past."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from sampler._contract.histogram import HistogramValue, difference
from sampler.cli.demo.shop import pool
from sampler.cli.demo.traffic import THREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampler.agent import Series

    Value = float | HistogramValue

_BARS = "▁▂▃▄▅▆▇█"
_KEPT = 60


@attrs.define(eq=False)
class Figure:
    """One metric.

    Attributes:
        name: the metric's full name, or a series', as consumers see it.
        says: writes a number; rates and quantiles are per second, and of the last second.
        quantile: of a histogram's observations.
        past: the newest numbers, the last one last; None where there was nothing.
    """

    name: str
    says: Callable[[float], str]
    quantile: float = 0.95
    past: deque[float | None] = attrs.field(factory=lambda: deque[float | None](maxlen=_KEPT))

    @property
    def text(self) -> str:
        """The newest number, with its unit."""
        number = self.past[-1] if self.past else None
        return "-" if number is None else self.says(number)

    def line(self, width: int) -> str:
        """Draw the newest numbers, as many as fit; the highest has the highest bar."""
        shown = list(self.past)[-width:]
        top = max((number for number in shown if number), default=0.0) or 1.0
        return "".join(
            " " if number is None else _BARS[round((len(_BARS) - 1) * max(0.0, number) / top)]
            for number in shown
        )

    def take(
        self, now: Mapping[Series, Value], before: Mapping[Series, Value], passed: float
    ) -> None:
        """Add what a pull has found.

        Args:
            now: its values.
            before: those of the pull before.
            passed: seconds between the two.
        """
        found = [each for each in now if self.name in (each.name, str(each))]
        numbers = [self._number(each, now[each], before.get(each), passed) for each in found]
        known = [number for number in numbers if number is not None]
        self.past.append(sum(known) if known else None)

    def _number(
        self, series: Series, value: Value, before: Value | None, passed: float
    ) -> float | None:
        if isinstance(value, HistogramValue):
            if isinstance(before, HistogramValue):
                value = difference(value, before)
            return value.quantile(self.quantile)
        if not series.cumulative:
            return value
        return (value - before) / passed if isinstance(before, int | float) else None


def _rate(number: float) -> str:
    return f"{number:.0f} /s"


def _p95(number: float) -> str:
    return f"p95 {number * 1000:.0f} ms"


def figures() -> list[Figure]:
    """Return what the demo shows: the web application first, then the program's own."""
    return [
        Figure("http.server.requests", _rate),
        Figure("http.server.active_requests", lambda n: f"{n:g} of {THREADS}"),
        Figure("http.server.queue.duration", _p95),
        Figure("http.server.request.duration", _p95),
        Figure('shop.orders{outcome="paid"}', _rate),
        Figure('pool.connections{state="used"}', lambda n: f"{n:g} of {pool.size}"),
        Figure("process.cpu.time", lambda n: f"{100 * n:.0f} % of a core"),
    ]
