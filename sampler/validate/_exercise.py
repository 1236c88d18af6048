"""What makes a metric source do something while it is watched."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from sampler._registry.shared_read import is_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

_PATIENCE = 1.0
"""Seconds that a call may take to run between the reads; a longer one runs beside them."""


class Exercise:
    """Calls an author's function again and again, on one daemon thread.

    A context manager: at its end the function is not called again, and nobody waits for it.

    Args:
        call: the function; None for nothing to do.
    """

    def __init__(self, call: Callable[[], Any] | None) -> None:
        self._call = call
        self._turns: SimpleQueue[threading.Event | None] = SimpleQueue()
        self._ended = threading.Event()
        self._ended.set()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        if self._call is not None:
            threading.Thread(target=self._run, name="validate-exercise", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turns.put(None)

    def step(self) -> None:
        """Call the function, unless an earlier call of it still runs.

        Raises:
            BaseException: what the function raised.
        """
        if self._call is not None and self._ended.is_set() and self._error is None:
            self._ended = threading.Event()
            self._turns.put(self._ended)
            self._ended.wait(_PATIENCE)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (ended := self._turns.get()) is not None:
            try:
                assert self._call is not None  # noqa: S101 - only then is there a thread
                exercise_once(self._call)
            except BaseException as error:  # also what pytest raises to fail or skip a test
                self._error = error
            finally:
                ended.set()


def exercise_once(call: Callable[[], Any]) -> None:
    """Call an author's function.

    Raises:
        TypeError: it is a coroutine function, which would not run.
    """
    if is_async(made := call()):
        if hasattr(made, "close"):  # a coroutine warns if nobody awaits it
            made.close()
        raise TypeError("the exercise is asynchronous: give a function that runs it")
