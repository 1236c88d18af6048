"""A plain program ends at SIGTERM and SIGHUP without ``atexit``: what it counted has to go first.

Only on request: a library installs no handler behind the program's back.
"""

from __future__ import annotations

import os
from signal import SIG_DFL, SIGHUP, SIGTERM
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler._runtime.native import original

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def finish_at_signals(finish: Callable[[], object]) -> None:
    """Where SIGTERM or SIGHUP would end the program, call ``finish`` first.

    The program still ends by the signal, and another one of the same sort ends it at once. What
    it handles or ignores stays as it is. Forked children inherit all this.
    """
    handle, handler_of = original("signal", "signal"), original("signal", "getsignal")

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        handle(number, SIG_DFL)
        try:
            finish()
        finally:
            os.kill(os.getpid(), number)

    for number in (SIGTERM, SIGHUP):
        if handler_of(number) is SIG_DFL:
            try:
                handle(number, end)
            except ValueError:
                log.error(
                    "signals=True changes nothing on this thread: handlers can be set on the "
                    "main thread only, so start the agent there"
                )
                return
