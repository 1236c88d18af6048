"""How late a thread that slept gets to run: a measure of the contention for the interpreter.

A daemon thread sleeps and looks at the clock. Its delay is what any thread of this process waits
once its input has come: for the interpreter's lock, which a busy thread releases after the switch
interval, and for a CPU. The thread starts with the first pull and ends when pulls end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler._instruments.histogram import Histogram
from sampler._runtime.native import sleep
from sampler._runtime.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERVAL = 0.1
"""Seconds between two observations."""
IDLE = 900.0
"""Seconds without a pull after which the thread ends."""
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds in seconds."""


class Wakeups:
    """Observes how late wake-ups are while consumers pull.

    Args:
        besides: called at each wake-up.
    """

    def __init__(self, besides: Callable[[], object]) -> None:
        self._histogram = Histogram((), BOUNDS)
        self._besides = besides
        self._pulled = 0.0
        self._service: Service | None = None

    def samples(self, metric: str) -> Iterator[tuple[Any, ...]]:
        """Yield a histogram in seconds; the first call starts the thread."""
        self._pulled = time.monotonic()
        if self._service is None or not self._service.is_alive():
            service = Service(self._watch, "sampler-wakeups")
            self._service = service  # so that another caller finds it, and only one goes on
            try:
                service.start()
            except RuntimeError:  # no new thread at interpreter exit, nor in some sub-interpreters
                return
        yield metric, self._histogram.read()

    def restart(self) -> None:
        """Start at zero in a forked child, which does not have the thread."""
        self._service = None
        self._histogram.restart()

    def _watch(self) -> None:
        clock, observe = time.perf_counter, self._histogram.observe
        while self._service is not None and self._service.is_current():
            due = clock() + INTERVAL
            sleep(INTERVAL)
            observe(max(0.0, clock() - due))
            self._besides()
            if time.monotonic() - self._pulled > IDLE:
                return
