"""Waiting for a call inside an event loop, which goes on meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sampler._runtime.threads import Thread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")


async def beside(call: Callable[[], T]) -> T:
    """Run ``call`` on a thread of ours; return, or raise, what it does.

    The event loop that runs goes on meanwhile.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(set_it: Callable[[Any], None], what: Any) -> None:
        if not future.done():  # cancelled meanwhile
            set_it(what)

    def run() -> None:
        try:
            outcome: Any = (future.set_result, call())
        except BaseException as error:
            outcome = (future.set_exception, error)
        try:
            loop.call_soon_threadsafe(tell, *outcome)
        except RuntimeError:  # the loop has been closed, and nobody waits
            return

    Thread(run, "sampler-change").start()
    return await future
