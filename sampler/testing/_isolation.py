"""A default registry of one's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sampler._registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler import Registry


@contextmanager
def isolated() -> Iterator[Registry]:
    """Put an empty registry in the place of the default one, for as long as the block lasts.

    What registers itself meanwhile, ``register`` and ``Instruments``, is forgotten at the end;
    collectors and agents made meanwhile pull the empty one. It is the whole process' registry:
    tests on other threads see it, too.
    """
    before, registry.default = registry.default, registry.Registry()
    try:
        yield registry.default
    finally:
        registry.default = before
