"""Calls of somebody's collector on a thread, so that one that hangs costs itself only."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import Event, Thread

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 1.0
"""Seconds that one call may take."""


class _Call:
    """One call, on a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._began = monotonic()
        self._pid = os.getpid()
        self._ended = Event()
        self._found: list[Any] = []
        self._error: BaseException | None = None
        Thread(self._run, "sampler-bridge-collector").start()

    @property
    def hangs(self) -> bool:
        """Whether it has run for longer than it may; a forked child has no part in it."""
        late = monotonic() - self._began > PATIENCE
        return late and not self._ended.is_set() and self._pid == os.getpid()

    def result(self) -> list[Any]:
        """Return what the function returned, as a list; raise what it raised.

        Raises:
            TimeoutError: it has not ended in time.
        """
        if not self._ended.wait(PATIENCE):
            raise TimeoutError(f"has not ended within {PATIENCE:g} s")
        if self._error is not None:
            raise RuntimeError(f"{type(self._error).__name__}: {self._error}") from self._error
        return self._found

    def _run(self) -> None:
        try:
            self._found.extend(self._function())
        except BaseException as error:  # SystemExit, too
            self._error = error
        self._ended.set()


class Guard:
    """Calls collectors, each on a thread while it runs; none again that hangs still."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[Any, _Call]] = {}

    def collect(self, collector: Any) -> list[Any]:
        """Return what a collector tells.

        Raises:
            TimeoutError: it hangs.
            RuntimeError: it has raised, or no thread can start.
        """
        before = self._calls.get(id(collector))
        if before is not None and before[0] is collector and before[1].hangs:
            raise TimeoutError("still hangs since an earlier pull")
        call = _Call(collector.collect)
        self._calls[id(collector)] = collector, call
        try:
            return call.result()
        finally:
            if not call.hangs:
                self._calls.pop(id(collector), None)
