"""What one worker of many has: 1,000 series, and what it counts within an interval.

60 % are counters, 30 % gauges with ``merge``, and 10 % histograms. Within an interval a tenth of
the counters and gauges and all histograms change.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sampler

COUNTERS, GAUGES, HISTOGRAMS = 600, 300, 100
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CHANGED = 60
"""Counters that change within an interval; of gauges there are half as many."""


class Mix:
    """The instruments of a worker.

    Args:
        registry: where they are.
        buckets: of the histograms; None: exponential ones.
        observations: of each histogram within an interval.
        seed: of what is observed.
        share: of the 1,000 series.

    Attributes:
        counted: what all counters have counted.
        observed: what all histograms have observed.
    """

    def __init__(
        self,
        registry: sampler.Registry,
        buckets: tuple[float, ...] | None = BOUNDS,
        observations: int = 1,
        seed: int = 0,
        share: float = 1.0,
    ) -> None:
        import sampler

        group = sampler.Instruments("shop", registry)
        counter = group.counter("orders", labels=("route",))
        gauge = group.gauge("depth", labels=("queue",), merge="sum")
        histogram = group.histogram("wait", unit="s", labels=("route",), buckets=buckets)
        self.counters = [counter.labels(f"/r/{i}") for i in range(int(COUNTERS * share))]
        self.gauges = [gauge.labels(f"q{i}") for i in range(int(GAUGES * share))]
        self.histograms = [histogram.labels(f"/r/{i}") for i in range(int(HISTOGRAMS * share))]
        self.counted = self.observed = 0
        self._observations = observations
        self._drawn = random.Random(seed)

    def work(self) -> None:
        """Count what comes within an interval: waits of 50 ms, most within 7 and 370."""
        for each in self.counters[:: COUNTERS // CHANGED]:
            each.inc()
        for each in self.gauges[:: 2 * GAUGES // CHANGED]:
            each.set(self._drawn.randrange(100))
        for each in self.histograms:
            for _ in range(self._observations):
                each.observe(self._drawn.lognormvariate(-3, 1))
        self.counted += len(self.counters[:: COUNTERS // CHANGED])
        self.observed += self._observations * len(self.histograms)
