"""uvicorn: a process begins once its application has started, before it listens.

This holds for one process, for gunicorn's workers of that sort, and for the children of
``--workers`` and ``--reload``. The agent itself sees to the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import replace
from sampler.wiring._serving import abegin
from sampler.wiring._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType


def config(module: ModuleType) -> None:
    """Wire :mod:`uvicorn.config`."""

    def make(original: Callable[[Any], None]) -> Callable[[Any], None]:
        def load(self: Any) -> None:
            original(self)
            self.loaded_app = wrapped(self.loaded_app, "asgi")

        return load

    replace(module, "Config.load", make, "requests are not counted")


def lifespan(module: ModuleType) -> None:
    """Wire :mod:`uvicorn.lifespan.on` or :mod:`uvicorn.lifespan.off`."""

    def make(original: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def startup(self: Any) -> None:
            await original(self)
            if not self.should_exit:
                await abegin("uvicorn")

        return startup

    owner = "LifespanOn" if module.__name__.endswith("on") else "LifespanOff"
    replace(module, f"{owner}.startup", make, "its processes get no agent")
