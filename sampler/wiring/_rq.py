"""RQ: a work horse begins before its job, and ends after it, as it leaves by ``os._exit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import replace
from sampler.wiring._serving import begin, end, supervise

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def base(module: ModuleType) -> None:
    """Wire :mod:`rq.worker.base`."""

    def make(original: Callable[..., bool]) -> Callable[..., bool]:
        def perform_job(self: Any, *args: Any, **kwargs: Any) -> bool:
            begin("rq")
            try:
                return original(self, *args, **kwargs)
            finally:
                if self.is_horse:
                    end("rq")

        return perform_job

    def make_work(original: Callable[..., bool]) -> Callable[..., bool]:
        def work(self: Any, *args: Any, **kwargs: Any) -> bool:
            if hasattr(self, "fork_work_horse"):
                supervise("rq", forks=True)
            return original(self, *args, **kwargs)

        return work

    replace(module, "BaseWorker.work", make_work, "workers of a pool are counted")
    replace(module, "BaseWorker.perform_job", make, "its work horses get no agent")
