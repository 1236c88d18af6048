"""Processes that start workers, and are none: they have no agent from then on.

As ``gunicorn`` they never had one; a program that becomes one, as by ``uvicorn.run``, had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import replace
from sampler.wiring._serving import begin, supervise

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def _before(path: str, *, forks: bool = False) -> Callable[[ModuleType], None]:
    def wire(module: ModuleType) -> None:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                supervise(module.__name__, forks=forks)
                return original(*args, **kwargs)

            return run

        replace(module, path, make, "a program that becomes one is counted as a worker")

    return wire


def hypercorn(module: ModuleType) -> None:
    """Wire :mod:`hypercorn.run`; with 0 workers the process serves by itself."""

    def make(original: Callable[..., int]) -> Callable[..., int]:
        def run(config: Any) -> int:
            (supervise if config.workers else begin)("hypercorn")
            return original(config)

        return run

    replace(module, "run", make, "it gets no agent where it has no workers")


django = _before("restart_with_reloader")
granian = _before("AbstractServer.serve", forks=True)
gunicorn = _before("Arbiter.run", forks=True)
uvicorn_reload = _before("BaseReload.run")
uvicorn_workers = _before("Multiprocess.run")
werkzeug = _before("ReloaderLoop.restart_with_reloader")
