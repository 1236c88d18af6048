"""Long work lets others have their turn.

Who works for milliseconds without letting go of the interpreter's lock makes every thread of the
application wait as long. Letting go without a pause is worse: the waiter wakes up, finds the lock
taken again, and starts over.
"""

from __future__ import annotations

from time import sleep

ENTRIES = 2_000
"""After how many samples or entries: some half a millisecond."""
SECONDS = 0.0005
"""After how much time, where nothing is counted."""
_PAUSE = 0.00005


def give_way() -> None:
    """Let threads run that wait for the interpreter's lock."""
    sleep(_PAUSE)
