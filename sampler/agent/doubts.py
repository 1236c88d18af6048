"""What is to be said of ``[samplers]`` once the samplers are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.agent.rename_clashes import rename_clashes
from sampler.agent.unused_settings import unused_settings

if TYPE_CHECKING:
    from collections.abc import Collection

    from sampler.agent.config.settings import Settings
    from sampler.agent.selection import Selection
    from sampler.types import Registered


def log_doubts(settings: Settings, found: Collection[Registered]) -> None:
    """Warn of keys that others replace, of names that clash, and of settings nobody knows."""
    for said in settings.outdated:
        log.warning("%s: %s", settings.file, said)
    for clash in rename_clashes(settings.samplers, found):
        log.warning("%s: %s", settings.file, clash)
    for unused in unused_settings(settings.samplers, found):
        tell = log.warning if unused.certain else log.info
        tell("%s: %s", settings.file, unused.message)


def notes(settings: Settings, selection: Selection, found: Collection[Registered]) -> list[str]:
    """Return a sentence on each key that another one replaces, or that concerns no sampler."""
    names = [str(each.sampler.get("name")) for each in found]
    unused = (each.message for each in unused_settings(settings.samplers, found))
    return [*settings.outdated, *selection.notes(names), *unused]
