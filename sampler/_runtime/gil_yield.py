"""Long work lets others have their turn.

Who works for milliseconds without letting go of the interpreter's lock makes every thread of the
application wait as long. Letting go without a pause is worse: the waiter wakes up, finds the lock
taken again, and starts over.
"""

from __future__ import annotations

from time import monotonic

from sampler._runtime.native import sleep

GIVE_WAY_EVERY = 1_500
"""After how many samples or entries others have their turn: some half a millisecond."""
_SECONDS = 0.0004
_PAUSE = 0.00005


def give_way() -> None:
    """Let threads run that wait for the interpreter's lock."""
    sleep(_PAUSE)


class GiveWayTimer:
    """Gives way when it is time, for work that counts nothing."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = monotonic()

    def end(self) -> None:
        """Give way if the last time was half a millisecond ago."""
        if monotonic() - self._since > _SECONDS:
            sleep(_PAUSE)
            self._since = monotonic()
