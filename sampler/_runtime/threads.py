"""Daemon threads whose failures are counted and logged, and what they wait for."""

from __future__ import annotations

from sampler._runtime.daemon import DaemonThread, running
from sampler._runtime.fork import in_child
from sampler._runtime.log import log
from sampler._runtime.printable import error_line
from sampler._runtime.waiting import Condition, Event, Lock, SimpleQueue
from sampler._runtime.who_forked import call_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = (
    "Condition",
    "Event",
    "Lock",
    "SimpleQueue",
    "Thread",
    "call_foreign",
    "failed",
    "failures",
    "running",
    "uninterrupted",
)

_ASK_AGAIN = 1.0
"""Seconds between two looks at how long a call may take yet."""
failures: dict[str, int] = {}
"""Thread name to how often it has raised; what a sampler raises is not among it."""
in_child(failures.clear)


def failed(name: str, error: BaseException, logged: str = "") -> str:
    """Count what a thread of ours has raised, and log it.

    Args:
        name: the thread's name.
        error: what it raised.
        logged: the line that was logged last for it; the same line is not logged again.

    Returns:
        The line about ``error``.
    """
    failures[name] = failures.get(name, 0) + 1
    line = error_line(error)
    if line != logged:
        log.error("thread %r has failed: %s", name, line, error=error)
    return line


class Thread(DaemonThread):
    """A daemon thread whose failure is counted and logged."""

    def _failed(self, error: BaseException) -> None:
        failed(self.name, error)


def uninterrupted(
    call: Callable[[], Any],
    *,
    here: bool = False,
    left: Callable[[], float] | None = None,
    exit_last: bool = False,
) -> Any:
    """Run ``call`` on a new thread and return, or raise, what it does.

    Signal handlers run on the main thread only: ``Ctrl-C`` interrupts the wait here, and never
    the work half-way.

    Args:
        call: what to do.
        here: run it on this thread if no other can start, as while the interpreter ends.
        left: seconds that it may take yet, asked again while it is waited for; default: any.
        exit_last: the first ``SystemExit`` that a signal handler raises meanwhile comes when it is
            done; a second one comes at once.

    Raises:
        RuntimeError: no thread can start.
        TimeoutError: no time is left, and it has not ended.
    """
    outcome: list[Any] = []
    fault: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            fault.append(error)

    thread = Thread(run, "sampler-change")
    try:
        thread.start()
    except RuntimeError:
        if here:
            return call()
        raise
    ended, wish = False, list[BaseException]()
    while not ended:
        try:
            ended = thread.join(None if left is None else min(left(), _ASK_AGAIN))
        except SystemExit as error:
            if wish or not exit_last:
                raise
            wish.append(error)
        if not ended and left is not None and left() <= 0:
            raise (wish or [TimeoutError(f"{thread.name} has not ended")]).pop()
    if wish:
        raise wish.pop()
    if fault:
        raise fault.pop()
    return outcome.pop()
