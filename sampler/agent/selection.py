"""Which samplers an agent collects: those its configuration enables, but the disabled ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sampler._registry.all_registries import AllRegistries, PerRound, expected_calls
from sampler._registry.discovery import Discovery, log_failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler._contract.snapshot import Failure
    from sampler._registry.all_registries import Either
    from sampler._registry.registry import Registration, Registry

VARIABLE = "SAMPLER_DISABLE"
"""The environment variable with the samplers not to collect, separated by commas; ``*``: all."""
EVERYTHING = "*"


def disabled() -> frozenset[str]:
    """Return the names that :data:`VARIABLE` lists."""
    words = os.environ.get(VARIABLE, "").split(",")
    return frozenset(word.strip() for word in words if word.strip())


class Selection:
    """Which registrations an agent collects; its own metrics always come last.

    Args:
        registry: where samplers are found, and published by discovery.
        enabled: names and references; None: all.
        own: where the agent's own metrics are registered.
        everywhere: samplers of other distributions' registries are collected, too.
    """

    def __init__(
        self,
        registry: Registry,
        enabled: tuple[str, ...] | None,
        own: Registry,
        *,
        everywhere: bool = False,
    ) -> None:
        self._registry = registry
        self._own = own
        self._everywhere = everywhere
        self._disabled = disabled()
        self._discovery = Discovery(registry, self._may_load, log_failures)
        self.enable(enabled)

    def discover(self, names: Sequence[str] | None = None) -> tuple[Failure, ...]:
        """Load samplers, and return a failure for each that cannot be.

        Args:
            names: default: what is enabled; where nothing is named, the ``process`` sampler.
        """
        if names is None:
            names = ("process",) if self._enabled is None else tuple(self._enabled)
        failures = self._discovery.look([name for name in names if not self.forbids(name)])
        if self._everywhere and any(each.reason == "missing" for each in failures):
            there = {each.sampler.get("name") for each in AllRegistries()}
            return tuple(f for f in failures if f.reason != "missing" or f.sampler not in there)
        return failures

    def look_again(self) -> None:
        """Begin to publish what the program has imported since the last look."""
        self._discovery.look_again()

    def enable(self, enabled: tuple[str, ...] | None) -> None:
        """Collect these from the next pull on."""
        self._enabled = None if enabled is None else dict.fromkeys(enabled)

    def of_consumer(self) -> SelectedRegistrations:
        """Return what a new consumer pulls."""
        return SelectedRegistrations(self, AllRegistries() if self._everywhere else self._registry)

    def chosen(self, found: Iterable[Either]) -> tuple[Either, ...]:
        """Return those that are enabled and not disabled, and the agent's own."""
        return (*filter(self._collects, found), *self._own)

    def registered(self) -> Iterator[Registration]:
        """Return those of its registry that are enabled and not disabled."""
        return filter(self._collects, self._registry)

    def forbids(self, name: str) -> bool:
        """Tell whether :data:`VARIABLE` disables a sampler."""
        return name in self._disabled or EVERYTHING in self._disabled

    def _collects(self, registration: Either) -> bool:
        name, origin = registration.name, registration.origin
        chosen = self._enabled is None or name in self._enabled or origin in self._enabled
        return chosen and not self.forbids(name) and not self.forbids(origin)

    def _may_load(self, name: str) -> bool:
        return self._enabled is None and not self.forbids(name)


class SelectedRegistrations(PerRound):
    """What one consumer of an agent pulls."""

    def __init__(self, selection: Selection, found: AllRegistries | Registry) -> None:
        self._selection = selection
        self._found = found

    def begin_round(self, deadline: float, until: float) -> tuple[Either, ...]:
        """See `PerRound`."""
        self._selection.look_again()
        if isinstance(self._found, AllRegistries):
            return self._selection.chosen(self._found.begin_round(deadline, until))
        return self._selection.chosen(self._found)

    def __len__(self) -> int:
        return expected_calls(self._found) + 1
