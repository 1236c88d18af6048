"""Which samplers an agent collects: those its configuration enables, but the disabled ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler._contract.snapshot import Failure
    from sampler._registry.registry import Registration, Registry

VARIABLE = "SAMPLER_DISABLE"
"""The environment variable with the samplers not to collect, separated by commas; ``*``: all."""
EVERYTHING = "*"


def disabled() -> frozenset[str]:
    """Return the names that :data:`VARIABLE` lists."""
    words = os.environ.get(VARIABLE, "").split(",")
    return frozenset(word.strip() for word in words if word.strip())


def log_failures(failures: Iterable[Failure]) -> None:
    """Say which named samplers are not collected, or not yet."""
    for failure in failures:
        if failure.reason == "missing":
            log.info(
                "sampler %r is not there yet: it is collected once it registers", failure.sampler
            )
        else:
            log.warning("sampler %r is not collected: %s", failure.sampler, failure.message)


class Selection:
    """The registrations an agent collects; its own metrics always come last.

    Args:
        registry: where samplers are found.
        enabled: names and references; None: all.
        own: where the agent's own metrics are registered.
    """

    def __init__(self, registry: Registry, enabled: tuple[str, ...] | None, own: Registry) -> None:
        self._registry = registry
        self._own = own
        self._disabled = disabled()
        self.enable(enabled)

    def wanted(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return which of ``names`` discovery has to load.

        Args:
            names: default: what is enabled; where nothing is named, the ``process`` sampler.
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
