"""Django: how long it takes to set itself up, which is over before any sampler can look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ("registry",)


def registry(module: ModuleType) -> None:
    """Wire :mod:`django.apps.registry`: the sampler ``django`` finds what is noted on ``apps``."""

    def make(original: Callable[..., None]) -> Callable[..., None]:
        def populate(self: Any, *args: Any, **kwargs: Any) -> None:
            begun, was_ready = time.perf_counter(), self.ready
            original(self, *args, **kwargs)
            if self.ready and not was_ready:
                self.sampler_setup = time.perf_counter() - begun

        return populate

    replace(module, "Apps.populate", make, "its start-up is not timed")
