"""Long work gives way to other threads.

Work that keeps the interpreter's lock for milliseconds makes every thread of the application wait
as long. Releasing the lock without a pause is worse: the waiting thread wakes up, finds the lock
taken again, and starts over.
"""

from __future__ import annotations

from time import monotonic

from sampler._runtime.native import sleep

GIVE_WAY_EVERY = 1_500
"""Samples or entries between two pauses: about half a millisecond of work."""
_SECONDS = 0.0004
_PAUSE = 0.00005


def give_way() -> None:
    """Let threads run that wait for the interpreter's lock."""
    sleep(_PAUSE)


class GiveWayTimer:
    """Gives way by time, for work that does not count samples or entries."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = monotonic()

    def give_way_if_due(self) -> None:
        """Give way if the last time was half a millisecond ago."""
        if monotonic() - self._since > _SECONDS:
            sleep(_PAUSE)
            self._since = monotonic()
