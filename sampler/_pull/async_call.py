"""``async def`` samplers: scheduled on the loop they belong to, and waited for on the worker.

:mod:`asyncio` is not imported here before a program has done so: it is heavy.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sampler._registry.shared_read import HeldRead, gather
from sampler._runtime.waiting import Event

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Overdue(Exception):
    """An async sampler did not end in time, and was cancelled."""


def running_loop() -> object:
    """Return the event loop that runs on this thread, or None."""
    asyncio = sys.modules.get("asyncio")
    # Another thread may be importing it just now: then nothing runs on it yet.
    running = getattr(asyncio, "_get_running_loop", None)
    return None if running is None else running()


class Call:
    """One call of an async sampler.

    Args:
        loop: the running loop it belongs to.
        given: what the sampler returned; it is closed at the end, as it may never have begun.
        work: what to await there.

    Attributes:
        over: it has ended, one way or the other.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, given: Any, work: Any) -> None:
        self._loop = loop
        self._given = given
        self._work = work
        self._task: asyncio.Task[Any] | None = None
        self._ended = Event()

    @property
    def over(self) -> bool:
        """True once nothing of it runs any more; nothing runs on a stopped loop."""
        return self._ended.is_set() or not self._loop.is_running()

    def result(self, timeout: float) -> Any:
        """Run it, and return what it returned.

        Raises:
            Overdue: it did not end within ``timeout`` seconds.
            Exception: whatever it raised.
        """
        try:
            self._loop.call_soon_threadsafe(self._start)
            if not self._ended.wait(timeout):
                self._loop.call_soon_threadsafe(self._cancel)
                raise Overdue(f"no answer within {timeout:g} s")
        finally:
            if not self._loop.is_running() and self._task is None:
                _discard(self._work)
                _discard(self._given)
        assert self._task is not None  # noqa: S101 - it has ended
        if self._task.cancelled():
            raise RuntimeError("the sampler was cancelled on its loop")
        return self._task.result()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._work, name="sampler")
        self._task.add_done_callback(self._end)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # marked as seen, so that asyncio logs nothing
        _discard(self._given)
        self._ended.set()


def call_to_gather(
    samples: Any, loop: Callable[[], Any] | None, limit: int, caller: object
) -> Call:
    """Return a call whose result is a private copy of ``samples``, or the read that is held.

    Args:
        samples: an awaitable of samples, or an async iterable of them.
        loop: the sampler's ``loop``.
        limit: samples to take, at most.
        caller: the loop that waits for this pull, or None.

    Raises:
        TypeError: the sampler has no ``loop``, or it returns no event loop.
        RuntimeError: the loop is not running, or waits for this pull.
    """
    try:
        found = event_loop(loop)
        if found is caller:
            raise RuntimeError("collect() was called on its event loop, which waits for itself")
        return Call(found, samples, _gathered(samples, limit))
    except BaseException:
        _discard(samples)
        raise


def call_to_close(work: Any, loop: Callable[[], Any] | None) -> Call:
    """Return a call that awaits what an instance's ``close`` returned."""
    try:
        return Call(event_loop(loop), work, _awaited(work))
    except BaseException:
        _discard(work)
        raise


def _discard(given: Any) -> None:
    """Close a coroutine that may never have been awaited: Python would warn about it."""
    if hasattr(given, "cr_frame"):
        given.close()


def event_loop(loop: Callable[[], Any] | None) -> asyncio.AbstractEventLoop:
    """Return the running event loop that a sampler's ``loop`` returns.

    Raises:
        TypeError: the sampler has no ``loop``, or it returns no event loop.
        RuntimeError: the loop is not running.
    """
    if loop is None:
        raise TypeError("an async sampler needs 'loop': a callable that returns its event loop")
    import asyncio

    found = loop()
    if not isinstance(found, asyncio.AbstractEventLoop):
        raise TypeError(f"'loop' returned {type(found).__name__}, not an event loop")
    if not found.is_running():
        raise RuntimeError("its event loop is not running")
    return found


async def _gathered(samples: Any, limit: int) -> Any:
    if hasattr(samples, "__await__"):
        samples = await samples
    if isinstance(samples, HeldRead):
        return samples
    return (await gather(samples, limit))[0]


async def _awaited(work: Any) -> None:
    await work
