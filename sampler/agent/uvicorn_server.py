"""uvicorn raises a signal again once it has shut down: no ``atexit`` follows."""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from sampler.agent.beside import beside

if TYPE_CHECKING:
    from collections.abc import Callable

_stops: list[Callable[[], object]] = []


def listen(stop: Callable[[], object]) -> None:
    """Have every server of uvicorn that a signal ends call ``stop`` last; twice is harmless.

    It does nothing if the program has not imported uvicorn. A server that ends otherwise leaves
    its process to the program.
    """
    server = getattr(sys.modules.get("uvicorn.server"), "Server", None)
    if server is None or _stops:
        return
    _stops.append(stop)
    before = server.shutdown

    @wraps(before)
    async def shutdown(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            await before(self, *args, **kwargs)
        finally:
            if getattr(self, "_captured_signals", ()):  # older ones do not raise it again
                await beside(stop)

    server.shutdown = shutdown
