"""Which samplers an agent collects: those its configuration enables, but the disabled ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sampler._registry.all_registries import AllRegistries, PerRound, expected_calls
from sampler._registry.announcements import SAMPLERS, announcements
from sampler._registry.discovery import Discovery, log_failures
from sampler._runtime.log import log
from sampler.agent.config.joining import joined
from sampler.agent.config.series import is_pattern, selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampler._contract.snapshot import Failure
    from sampler._registry.all_registries import Either
    from sampler._registry.registry import Registration, Registry
    from sampler.agent.config.settings import SamplersSettings

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
        wanted: the configuration's ``[samplers]``: names, patterns of names and references that
            are enabled, None: all; and bridges.
        own: where the agent's own metrics are registered.
        everywhere: samplers of other distributions' registries are collected, too.
    """

    def __init__(
        self,
        registry: Registry,
        wanted: SamplersSettings,
        own: Registry,
        *,
        everywhere: bool = False,
    ) -> None:
        self._registry = registry
        self._own = own
        self._everywhere = everywhere
        self._disabled = disabled()
        self._discovery = Discovery(registry, self._may_load, log_failures)
        self._left_out: dict[str, bool] = {}
        self._enabled: dict[str, None] | None = None
        self.enable(wanted)

    def discover(self, names: Sequence[str] | None = None) -> tuple[Failure, ...]:
        """Load samplers, and return a failure for each that cannot be.

        A pattern loads the built-in samplers that it matches; others it only selects. In a process
        of a relay it loads none that needs no worker: the relay pulls those.

        Args:
            names: default: what is enabled; where nothing is named, the ``process`` sampler.
        """
        if names is None:
            names = ("process", *self._bridges) if self._enabled is None else tuple(self._enabled)
        if patterns := [name for name in names if _is_pattern(name)]:
            elsewhere = joined()
            built_in = [
                each.name
                for each in announcements(SAMPLERS, fresh=True)
                if each.by_name_only and not each.bridge and not (each.once and elsewhere)
            ]
            matched = [name for name in built_in if selects(patterns, name)]
            names = [*dict.fromkeys([n for n in names if n not in patterns] + matched)]
        failures = self._discovery.look([name for name in names if not self.forbids(name)])
        if self._everywhere and any(each.reason == "missing" for each in failures):
            there = {each.sampler.get("name") for each in AllRegistries()}
            return tuple(f for f in failures if f.reason != "missing" or f.sampler not in there)
        return failures

    def uncollected(self) -> list[Failure]:
        """Return why samplers are not collected that are announced, or named."""
        return self._discovery.uncollected

    def look_again(self) -> None:
        """Begin to publish what the program has imported since the last look."""
        self._discovery.look_again()

    def look_last(self, deadline: float) -> None:
        """Publish it now, before the last pull; an import may take ``deadline`` seconds."""
        self._discovery.look_last(deadline)

    def enable(self, wanted: SamplersSettings) -> None:
        """Collect these from the next pull on."""
        names, self._bridges = wanted.enable, wanted.bridges
        enabled = None if names is None else dict.fromkeys((*names, *self._bridges))
        if enabled != self._enabled:  # else what has been said is still true
            self._left_out = {}
        self._enabled = enabled
        self._patterns = [name for name in names or () if _is_pattern(name)]

    def notes(self, names: Sequence[str]) -> list[str]:
        """Say which patterns match none of these samplers."""
        return [
            f"samplers.enable: {pattern!r} matches no sampler that is here"
            for pattern in self._patterns
            if not any(selects([pattern], name) for name in names)
        ]

    def of_consumer(self) -> SelectedRegistrations:
        """Return what a new consumer pulls."""
        return SelectedRegistrations(self, AllRegistries() if self._everywhere else self._registry)

    def chosen(self, found: Iterable[Either]) -> tuple[Either, ...]:
        """Return those that are enabled and not disabled, and the agent's own."""
        chosen = (*filter(self._collects, found), *self._own)
        if new := [name for name, said in self._left_out.items() if not said]:
            self._left_out |= dict.fromkeys(new, True)
            log.warning(
                "not collected, as samplers.enable does not name them: %s: add them there, or to "
                "$%s to hear no more of it",
                ", ".join(sorted(map(repr, new))),
                VARIABLE,
            )
        return chosen

    def registered(self) -> Iterator[Registration]:
        """Return those of its registry that are enabled and not disabled."""
        return filter(self._collects, self._registry)

    def forbids(self, name: str) -> bool:
        """Tell whether :data:`VARIABLE` disables a sampler."""
        return name in self._disabled or EVERYTHING in self._disabled

    def _collects(self, registration: Either) -> bool:
        name, origin = registration.name, registration.origin
        if self.forbids(name) or self.forbids(origin):
            return False
        if self._enabled is None or name in self._enabled or origin in self._enabled:
            return True
        if selects(self._patterns, name):
            return True
        self._left_out.setdefault(name, False)
        return False

    def _may_load(self, name: str) -> bool:
        chosen = self._enabled is None or selects(self._patterns, name)
        return chosen and not self.forbids(name)


def _is_pattern(name: str) -> bool:
    return ":" not in name and is_pattern(name)


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
