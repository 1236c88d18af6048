"""A plain program ends at SIGTERM and SIGHUP without ``atexit``: what it counted has to go first.

Only on request: a library installs no handler behind the program's back.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def finish_at_signals(finish: Callable[[], object]) -> None:
    """Where SIGTERM or SIGHUP would end the program, call ``finish`` first.

    The program still ends by the signal, and another one of the same sort ends it at once. What
    it handles or ignores stays as it is. Forked children inherit all this.
    """
    if threading.current_thread() is not threading.main_thread():
        log.error(
            "signals=True changes nothing on %r: handlers can be set on the main thread only, "
            "so start the agent there",
            threading.current_thread().name,
        )
        return

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        try:
            finish()
        finally:
            os.kill(os.getpid(), number)

    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
