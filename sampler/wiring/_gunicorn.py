"""gunicorn: each worker begins once its application is loaded, preloaded or not, patched or not.

It ends at exit. Its arbiter is a supervisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sampler.wiring._patching import replace
from sampler.wiring._serving import begin
from sampler.wiring._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


_CALL_IT: dict[str, Literal["wsgi", "asgi"]] = {
    "gunicorn.workers.sync": "wsgi",
    "gunicorn.workers.gthread": "wsgi",
    "gunicorn.workers.base_async": "wsgi",
    "gunicorn.workers.gasgi": "asgi",
}
"""Modules of gunicorn's own workers, and how they call the application."""


def workers(module: ModuleType) -> None:
    """Wire :mod:`gunicorn.workers.base`."""

    def make(original: Callable[[Any], None]) -> Callable[[Any], None]:
        def init_process(self: Any) -> None:
            load = self.load_wsgi  # a worker class may have one of its own

            def load_and_begin() -> None:
                load()
                for kind in _calls_application(self):
                    if (application := getattr(self, kind, None)) is not None:
                        setattr(self, kind, wrapped(application, kind))
                begin("gunicorn")

            self.load_wsgi = load_and_begin
            original(self)

        return init_process

    replace(module, "Worker.init_process", make, "its workers get no agent")


def _calls_application(worker: Any) -> Iterator[Literal["wsgi", "asgi"]]:
    """Yield how a worker calls its application; workers of others have their own servers for it.

    Whatever sort of application uvicorn's, aiohttp's or Tornado's serve, they call it ``wsgi``.
    """
    modules = {each.__module__ for each in type(worker).__mro__}
    return (kind for module, kind in _CALL_IT.items() if module in modules)
