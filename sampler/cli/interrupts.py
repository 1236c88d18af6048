"""What Ctrl-C does while a command comes up."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:  # as the interpreter has it: signal itself takes longer than all that is guarded here
    import _signal

__all__ = ("INTERRUPTED", "EndAtOnce")

INTERRUPTED = 130
"""What a shell reports: 128 plus the number of SIGINT."""


class EndAtOnce:
    """A block in which Ctrl-C ends the process, with status 130, instead of raising.

    For imports: one that is interrupted may swallow ``KeyboardInterrupt``, or leave a lock behind
    for which the next import waits. Elsewhere than on the main thread, and where the program has
    a handler of its own, nothing changes.
    """

    def __init__(self) -> None:
        self._changed = False

    def __enter__(self) -> None:
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            try:
                _signal.signal(_signal.SIGINT, _end)
                self._changed = True
            except ValueError:  # not the main thread
                pass

    def __exit__(self, *_: object) -> None:
        if self._changed:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)
