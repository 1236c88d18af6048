"""Calls of somebody's collector on a thread, so that one that hangs costs itself only."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import Event, Thread
from sampler.bridges._log import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 1.0
"""Seconds that one call may take."""
_SHARE, _LEAST = 0.8, 0.05


class _Call:
    """One call, on a thread of its own."""

    def __init__(self, function: Callable[[], Any], patience: float) -> None:
        self._function = function
        self._patience = patience
        self._began = monotonic()
        self._pid = os.getpid()
        self._ended = Event()
        self._found: list[Any] = []
        self._error: BaseException | None = None
        Thread(self._run, "sampler-bridge-collector").start()

    @property
    def hangs(self) -> bool:
        """Whether it has run for longer than it may; a forked child has no part in it."""
        late = monotonic() - self._began > self._patience
        return late and not self._ended.is_set() and self._pid == os.getpid()

    def result(self) -> list[Any]:
        """Return what the function returned, as a list; raise what it raised.

        Raises:
            TimeoutError: it has not ended in time.
        """
        if not self._ended.wait(self._patience):
            raise TimeoutError(f"has not ended within {self._patience:.2g} s")
        if self._error is not None:
            raise RuntimeError(text_of(self._error)) from self._error
        return self._found

    def _run(self) -> None:
        try:
            self._found.extend(self._function())
        except BaseException as error:  # SystemExit, too
            self._error = error
        self._ended.set()


class Patience:
    """The time that the sources of one pull have together, which ends before the sampler's does.

    Args:
        deadline: seconds that the sampler has.
    """

    def __init__(self, deadline: float) -> None:
        self._ends = monotonic() + _SHARE * deadline

    def left(self) -> float:
        """Return the seconds that the next source may take: half of what there is still."""
        return max(_LEAST, (self._ends - monotonic()) / 2)


class Guard:
    """Calls collectors, each on a thread while it runs; none again that hangs still."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[Any, _Call]] = {}

    def collect(self, collector: Any) -> list[Any]:
        """Return what a collector tells; errors as of :meth:`call`."""
        return self.call(collector, collector.collect)

    def call(self, who: Any, function: Callable[[], Any], patience: float = PATIENCE) -> list[Any]:
        """Return what a function tells, as a list.

        Args:
            who: whose function it is: one that hangs is not called again.
            function: it.
            patience: seconds that it may take.

        Raises:
            TimeoutError: it hangs.
            RuntimeError: it has raised, or no thread can start.
        """
        before = self._calls.get(id(who))
        if before is not None and before[0] is who and before[1].hangs:
            raise TimeoutError("still hangs since an earlier pull")
        call = _Call(function, patience)
        self._calls[id(who)] = who, call
        try:
            return call.result()
        finally:
            if not call.hangs:
                self._calls.pop(id(who), None)
