"""Sub-interpreters, as mod_wsgi has: one ends while its process goes on.

CPython ends the whole process when an interpreter ends that still has threads.
"""

from __future__ import annotations

import time
from importlib import import_module

from sampler._runtime.daemon import running
from sampler._runtime.log import log
from sampler._runtime.native import sleep

_PATIENCE = 1.0
"""Seconds for threads that have nothing more to do."""
_LEAVING = 0.02
"""Seconds in which the interpreter forgets a thread that has ended."""


def leave_no_thread() -> None:
    """Wait for our threads to end, once the agent has stopped; the main interpreter need not."""
    if _in_main_interpreter():
        return
    log.end()
    until = time.monotonic() + _PATIENCE
    for thread in running():
        thread.join(until - time.monotonic())
    sleep(_LEAVING)


def _in_main_interpreter() -> bool:
    asked = getattr(import_module("_thread"), "_is_main_interpreter", None)  # from 3.12 on
    if asked is not None:
        return bool(asked())
    try:
        interpreters = import_module("_xxsubinterpreters")
    except ImportError:
        return True
    return bool(interpreters.get_current() == interpreters.get_main())
