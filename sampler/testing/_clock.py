"""A clock that stands still."""

from __future__ import annotations


class FakeClock:
    """A clock for ``Collector(clock=...)`` that moves only when told.

    Args:
        time: epoch seconds at which it begins.
    """

    def __init__(self, time: float = 1_000_000_000.0) -> None:
        self._time = time
        self._monotonic = 0.0

    def time(self) -> float:
        """Return the time since the epoch, in seconds."""
        return self._time

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: ``seconds`` is negative; ``set`` can move the wall clock back.
        """
        if seconds < 0:
            raise ValueError("time does not go back: use set() to step the wall clock")
        self._time += seconds
        self._monotonic += seconds

    def set(self, time: float) -> None:
        """Step the wall clock, as ``ntpd`` may, to ``time`` in epoch seconds."""
        self._time = time
