"""Which samplers an agent collects: what its configuration enables, but for the disabled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampler._registry.registry import Registration, Registry

VARIABLE = "SAMPLER_DISABLE"
"""Of the environment: names of samplers not to touch, separated by commas; ``*`` for all."""
EVERYTHING = "*"


def disabled() -> frozenset[str]:
    """Return the names that the environment forbids."""
    words = os.environ.get(VARIABLE, "").split(",")
    return frozenset(word.strip() for word in words if word.strip())


class Selection:
    """The registrations an agent collects; its own account always comes last.

    Args:
        registry: where samplers are found.
        enabled: names and references; None: all.
        own: the agent's account of itself.
    """

    def __init__(self, registry: Registry, enabled: tuple[str, ...] | None, own: Registry) -> None:
        self._registry = registry
        self._own = own
        self._disabled = disabled()
        self.enable(enabled)

    def wanted(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return what discovery has to load of ``names``; default: of what is enabled.

        Without a word that is the ``process`` sampler.
        """
        if names is None:
            names = ("process",) if self._enabled is None else tuple(self._enabled)
        return tuple(name for name in names if not self._forbids(name))

    def enable(self, enabled: tuple[str, ...] | None) -> None:
        """Collect these from the next pull on."""
        self._enabled = None if enabled is None else dict.fromkeys(enabled)

    def __iter__(self) -> Iterator[Registration]:
        for registration in self._registry:
            name, origin = registration.name, registration.origin
            chosen = self._enabled is None or name in self._enabled or origin in self._enabled
            if chosen and not self._forbids(name) and not self._forbids(origin):
                yield registration
        yield from self._own

    def _forbids(self, name: str) -> bool:
        return name in self._disabled or EVERYTHING in self._disabled
