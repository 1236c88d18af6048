"""Programs without a server that calls us: plain ones, their children, servers for development."""

from __future__ import annotations

import atexit
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from sampler._runtime.native import get_ident, sleep
from sampler._runtime.who_forked import gets_no_agent
from sampler.wiring._patching import replace
from sampler.wiring._serving import begin

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_IN_FLIGHT = 0.5
"""Seconds that requests to a server for development may take while its process ends."""
_LOOK = 0.01


def plain() -> None:
    """Begin at the start of the program, and end where SIGTERM or SIGHUP end it, too."""
    begin("the program", role=None, signals=True)


def children(module: ModuleType) -> None:
    """Wire :mod:`multiprocessing.process`: a process of any start method begins before it runs.

    The agent itself sees to its end. granian and hypercorn start their workers so, too.
    """

    def make(original: Callable[..., int]) -> Callable[..., int]:
        def bootstrap(self: Any, *args: Any, **kwargs: Any) -> int:
            run = self.run

            def begin_and_run() -> None:
                if not gets_no_agent():
                    begin("multiprocessing", signals=True)
                run()

            self.run = begin_and_run
            return original(self, *args, **kwargs)

        return bootstrap

    replace(module, "BaseProcess._bootstrap", make, "its children get no agent")


def socketserver(module: ModuleType) -> None:
    """Wire :mod:`socketserver`, in which ``flask run`` and ``manage.py runserver`` serve."""

    def make(original: Callable[..., None]) -> Callable[..., None]:
        def serve_forever(self: Any, *args: Any, **kwargs: Any) -> None:
            alone = _on_main_thread()
            begin("the development server", signals=alone)
            if not alone:
                _rest_at_exit(self)
            original(self, *args, **kwargs)

        return serve_forever

    replace(module, "BaseServer.serve_forever", make, "the server gets no agent")


def _rest_at_exit(server: Any) -> None:
    """Let a server take no more requests once its process ends, before its agent stops.

    Where a reloader has the main thread, its exit does not end the one that serves.
    """
    busy: list[None] = []
    process, shut_down = server.process_request, server.shutdown_request

    def process_request(*args: Any) -> None:
        busy.append(None)
        process(*args)

    def shutdown_request(*args: Any) -> None:
        try:
            shut_down(*args)
        finally:
            del busy[:1]

    def rest() -> None:
        server._handle_request_noblock = lambda: sleep(_LOOK)  # noqa: SLF001 - shutdown() waits
        until = monotonic() + _IN_FLIGHT
        sleep(_LOOK)
        while busy and monotonic() < until:
            sleep(_LOOK)

    server.process_request, server.shutdown_request = process_request, shutdown_request
    atexit.register(rest)


def _on_main_thread() -> bool:
    """Tell whether handlers of signals can be set here; not where a reloader serves."""
    main: int = sys.modules["threading"].main_thread().ident
    return get_ident() == main
