"""A gauge that notes that it is set: the same value again is news, too."""

from __future__ import annotations

from sampler._instruments import free_threading
from sampler._instruments.gauge import Gauge


class AgingGauge(Gauge):
    """A gauge that is removed when nobody has set it for a while."""

    __slots__ = ("_touched",)

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        super().__init__(texts)
        self._touched: int = 0

    def set(self, value: float) -> None:
        """Set the value; see :meth:`Gauge.set`."""
        self._touched += 1
        Gauge.set(self, value)

    def inc(self, n: float = 1) -> None:
        """Add ``n``; see :meth:`Gauge.inc`."""
        self._touched += 1
        Gauge.inc(self, n)

    def set_to_current_time(self) -> None:
        """Set the value to the seconds since the epoch."""
        self._touched += 1
        Gauge.set_to_current_time(self)


if free_threading.NEEDED:
    free_threading.guard(AgingGauge)
