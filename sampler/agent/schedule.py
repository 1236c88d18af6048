"""When to pull: aligned to the wall clock, timed by the monotonic clock, never in a burst."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from sampler._runtime.service import Service
from sampler._runtime.threads import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def phase(identity: Mapping[str, str]) -> float:
    """Return the fraction of the interval, 0 to 0.5, by which an identity's ticks are shifted.

    It is the same after a restart. Only half of the interval is used, so that a late tick still
    falls into its own interval: a store with one slot per interval gets one value for each.
    """
    words = "\0".join(identity.get(word, "") for word in ("service", "host", "instance"))
    key = words.encode("utf-8", "surrogatepass")  # another maker of identities may put in anything
    return int.from_bytes(hashlib.sha256(key).digest()[:4]) / 2**33


class Schedule:
    """The moments of one interval.

    Args:
        interval: seconds between ticks.
        phase: seconds by which ticks follow whole intervals of the wall clock.
        wall: returns epoch seconds; it may jump.
        clock: returns monotonic seconds.

    Attributes:
        skipped: ticks that were due while another one was still running.
    """

    def __init__(
        self,
        interval: float,
        phase: float = 0.0,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.skipped: int = 0
        self._interval = interval
        self._phase = phase
        self._wall = wall
        self._clock = clock
        self._last = float("-inf")

    def next(self) -> float:
        """Return the monotonic moment of the next tick, in the future.

        It is computed anew each time, so a clock that steps costs at most one short or long gap.
        """
        now, interval = self._clock(), self._interval
        due = now + interval - (self._wall() - self._phase) % interval
        if due - self._last < interval / 2:  # the thread woke early: this tick is done already
            due += interval
        if self._last > float("-inf"):
            self.skipped += max(0, round((due - self._last) / interval) - 1)
        self._last = due
        return due


LOOKS = 10
"""How often there is something done between the first two ticks, a second apart."""


class Ticker:
    """Calls ``tick`` at once and then on schedule, on a daemon thread of its own.

    Args:
        name: the thread's name.
        schedule: says when.
        tick: what is called; a call longer than an interval skips the ticks meanwhile.
        longest: returns how long a call may last, in seconds.
        meanwhile: called each second between the first tick and the second, :data:`LOOKS` times at
            most; it must neither block nor raise.

    Attributes:
        ticks: calls so far.
        lag: seconds by which the last tick began late.
    """

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        tick: Callable[[], object],
        longest: Callable[[], float] = lambda: float("inf"),
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.schedule = schedule
        self.ticks: int = 0
        self.lag: float = 0.0
        self._tick = tick
        self._longest = longest
        self._meanwhile = meanwhile
        self._due = time.monotonic()
        self._stop = Event()
        self._first = Event()
        self._service = Service(self._run, name)

    def start(self) -> None:
        """Start the thread; the first tick comes at once."""
        self._service.start()

    def wait(self, timeout: float) -> bool:
        """Wait for the end of the first tick; return False when it takes longer."""
        return self._first.wait(timeout)

    def stop(self, deadline: float | None = None) -> bool:
        """Tick no more; return False when a tick still runs at the monotonic ``deadline``."""
        self._stop.set()
        return self._service.join(None if deadline is None else deadline - time.monotonic())

    def _run(self) -> None:
        while not self._stop.wait(max(0.0, self._due - time.monotonic())):
            self.lag = max(0.0, time.monotonic() - self._due)
            try:
                with self._service.within(self._longest()):
                    self._tick()
            finally:  # a tick that fails waits for the next one's time, too
                self.ticks += 1
                self._first.set()
                self._due = self.schedule.next()
            if self.ticks == 1:
                self._look()

    def _look(self) -> None:
        for _ in range(LOOKS):
            if time.monotonic() + 1.0 >= self._due or self._stop.wait(1.0):
                return
            self._meanwhile()
