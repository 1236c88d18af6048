"""Counters, gauges and histograms with labels.

Methods that record by keyword all begin with the same lines: a call for them would take a tenth
of the whole. Who is found in `_by_text` is not the surplus, locks nothing, and is told nothing.
"""

from __future__ import annotations

from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge, RefusingGauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.labelled import Labelled, labels_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._instruments.timers import Timer
    from sampler.types import ContextDecorator

_ONE = 1  # as in the counter


class LabelledCounter(Labelled[Counter]):
    """A counter for each set of label values."""

    __slots__ = ()

    def inc(self, n: float = 1, **labels: object) -> None:
        """Add to the child for these labels; see :meth:`Counter.inc` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).inc(n)
        elif n is _ONE:
            child._value += 1
        else:
            child.inc(n)

    def count_exceptions(
        self,
        kinds: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        **labels: object,
    ) -> ContextDecorator:
        """Count exceptions for these labels; see :meth:`Counter.count_exceptions`."""
        return self._by_keywords(labels).count_exceptions(kinds)

    def samples(self, metric: str) -> list[tuple[Any, ...]]:
        """Return a sample of each child, without a call of ``read`` for each."""
        return [
            (metric, child._value, child._labels or labels_of(self.names, child))
            for child in self.children()
        ]

    def _read_all(self) -> list[Any]:
        """Return the total of each child."""
        return [child._value for child in self.children()]


class LabelledGauge(Labelled[Gauge]):
    """A gauge for each set of label values; beyond the bound it refuses recordings."""

    __slots__ = ()

    @classmethod
    def _aging(cls, names: tuple[str, ...], most: int, expire: float | None) -> LabelledGauge:
        """Return one; if its children expire, they note that they are set."""
        if expire is None:
            return cls(names, Gauge, most)
        from sampler._instruments.aging_gauge import AgingGauge

        return cls(names, AgingGauge, most, direct=False)

    def _make_surplus(self, texts: tuple[str, ...]) -> Gauge:
        return RefusingGauge(texts)

    def set(self, value: float, **labels: object) -> None:
        """Set the child for these labels; see :meth:`Gauge.set` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).set(value)
        elif type(value) is float or type(value) is int:
            child._value = value
        else:
            child.set(value)

    def inc(self, n: float = 1, **labels: object) -> None:
        """Add to the child for these labels; see :meth:`Gauge.inc` and :meth:`labels`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).inc(n)
        elif n is _ONE and child._value is not None:
            child._value += 1
        else:
            child.inc(n)

    def dec(self, n: float = 1, **labels: object) -> None:
        """Subtract from the child for these labels; see :meth:`inc`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is None:
            self._by_keywords(labels).dec(n)
        elif n is _ONE and child._value is not None:
            child._value -= 1
        else:
            child.dec(n)

    def set_to_current_time(self, **labels: object) -> None:
        """Set the child for these labels to the seconds since the epoch."""
        self._by_keywords(labels).set_to_current_time()

    def track_inprogress(self, **labels: object) -> ContextDecorator:
        """Add 1 while a block, or a call, lasts; see :meth:`Gauge.track_inprogress`."""
        return self._by_keywords(labels).track_inprogress()


class LabelledHistogram(Labelled[Histogram]):
    """A histogram for each set of label values."""

    __slots__ = ()

    def observe(self, value: float, **labels: object) -> None:
        """Count an observation for these labels; see :meth:`Histogram.observe`."""
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        (self._by_keywords(labels) if child is None else child).observe(value)

    def time(self, **labels: object) -> Timer:
        """Return a timer for these labels; see :meth:`Histogram.time`.

        Labels that are known only later are set by :meth:`Timer.labels` before the block ends; one
        that is not set is absent.

        Raises:
            ValueError: a label is not the instrument's.
        """
        child = None
        try:
            if len(labels) == 1 and type(text := labels[self._keyword]) is str:
                child = self._by_text[text]
        except KeyError:
            pass
        if child is not None:
            return child.time()
        if len(labels) < len(self.names):
            from sampler._instruments.late_timer import LateTimer

            return LateTimer(self, labels)
        return self._by_keywords(labels).time()
