"""gunicorn: each worker begins once its application is loaded, preloaded or not, patched or not.

It ends at exit. Its arbiter is a supervisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import replace
from sampler.wiring._serving import begin
from sampler.wiring._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def workers(module: ModuleType) -> None:
    """Wire :mod:`gunicorn.workers.base`."""

    def make(original: Callable[[Any], None]) -> Callable[[Any], None]:
        def init_process(self: Any) -> None:
            load = self.load_wsgi  # a worker class may have one of its own

            def load_and_begin() -> None:
                load()
                for kind in ("wsgi", "asgi"):
                    if (application := getattr(self, kind, None)) is not None:
                        setattr(self, kind, wrapped(application, kind))
                begin("gunicorn")

            self.load_wsgi = load_and_begin
            original(self)

        return init_process

    replace(module, "Worker.init_process", make, "its workers get no agent")
