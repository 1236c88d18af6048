"""Programs without a server that calls us: plain ones, their children, servers for development."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sampler._runtime.native import get_ident
from sampler._runtime.who_forked import gets_no_agent
from sampler.wiring._patching import replace
from sampler.wiring._serving import begin

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


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
        def serve_forever(*args: Any, **kwargs: Any) -> None:
            begin("the development server", signals=_on_main_thread())
            original(*args, **kwargs)

        return serve_forever

    replace(module, "BaseServer.serve_forever", make, "the server gets no agent")


def _on_main_thread() -> bool:
    """Tell whether handlers of signals can be set here; not where a reloader serves."""
    main: int = sys.modules["threading"].main_thread().ident
    return get_ident() == main
