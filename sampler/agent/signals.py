"""A plain program ends at SIGTERM and SIGHUP without ``atexit``: what it counted has to go first.

Only on request: a library installs no handler behind the program's back.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from signal import SIG_DFL, SIGHUP, SIGINT, SIGTERM
from time import monotonic
from typing import TYPE_CHECKING

from sampler._runtime.fork import in_child
from sampler._runtime.log import log
from sampler._runtime.native import original, sleep
from sampler.agent.pending_signals import pending
from sampler.agent.roles import is_multiprocessing_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


_handlers: list[object] = []
_asked: list[float] = []
"""Since when this process has been ending: a monotonic moment; empty until a signal asks."""
_SAME_REQUEST = 0.5
"""Seconds within which another signal is the same request: a service manager sends it to every
process of a group, and one of these passes its own on."""


def finish_at_signals(finish: Callable[[], object]) -> None:
    """Where SIGTERM or SIGHUP would end the program, call ``finish`` first.

    The program still ends by the signal, and another one, half a second later or more, ends it at
    once, unless it is a child of multiprocessing. What it handles or ignores stays as it is.
    Forked children inherit all this.
    """
    handle, handler_of = original("signal", "signal"), original("signal", "getsignal")

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        if _asked:  # this may have interrupted any of the lines below
            # A pool that one of its processes has left terminates the others, whenever that is.
            if monotonic() - _asked[0] >= _SAME_REQUEST and not is_multiprocessing_child():
                leave(number)
            return
        _asked.append(monotonic())
        before = _children()
        _start_no_more()
        with pending.lock:  # from here on the signal is not sent again
            pass
        try:
            finish()
        finally:
            for child in _children() - before:  # it was being started
                with suppress(OSError):
                    os.kill(child, number)
            leave(number)

    def leave(number: int) -> None:
        handle(number, SIG_DFL)
        os.kill(os.getpid(), number)

    try:
        for number in (SIGTERM, SIGHUP):
            if handler_of(number) is SIG_DFL:
                handle(number, end)
                _handlers.append(end)
        if is_multiprocessing_child():
            pending.watch(lambda number: handler_of(number) in _handlers and not _asked)
    except ValueError:
        log.error(
            "signals=True changes nothing on this thread: handlers can be set on the "
            "main thread only, so start the agent there"
        )


def past_ctrl_c(finish: Callable[[], object]) -> None:
    """Call ``finish`` in a process that ends already: Ctrl-C reaches all those of a terminal.

    Another one, half a second later or more, interrupts it.
    """
    handle, theirs = original("signal", "signal"), original("signal", "getsignal")(SIGINT)
    default = original("signal", "default_int_handler")
    asked: list[float] = []

    def wait(number: int, frame: FrameType | None) -> None:
        asked.append(monotonic())
        if asked[-1] - asked[0] >= _SAME_REQUEST:
            default(number, frame)

    if theirs is not default:
        finish()
        return
    try:
        with suppress(ValueError):  # not on this thread
            handle(SIGINT, wait)
        finish()
    finally:
        with suppress(ValueError):
            handle(SIGINT, theirs)


def _start_no_more() -> None:
    """Let threads wait for the end that want to start processes of multiprocessing.

    The same signal may have ended those of a Pool, and would have ended what replaces them.
    """
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        process.BaseProcess.start = _wait


def _wait(process: object) -> None:
    del process
    while True:
        sleep(60.0)


def _children() -> set[int]:
    """Return the processes that multiprocessing has started and not seen end."""
    process = sys.modules.get("multiprocessing.process")
    try:
        return {each.pid for each in list(process._children)} if process is not None else set()  # noqa: SLF001
    except (AttributeError, RuntimeError):  # it changes on another thread
        return set()


in_child(_asked.clear)
