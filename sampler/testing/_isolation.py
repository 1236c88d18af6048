"""An empty default registry for a block."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sampler._registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler import Registry


@contextmanager
def isolated() -> Iterator[Registry]:
    """Put an empty registry in the place of ``sampler.registry`` while the block lasts.

    What ``register`` and ``Instruments`` publish meanwhile is forgotten at the end; collectors and
    agents made meanwhile pull the new registry. It stands for the whole process: tests on other
    threads see it, too.
    """
    before, registry.default = registry.default, registry.Registry()
    try:
        yield registry.default
    finally:
        registry.default = before
