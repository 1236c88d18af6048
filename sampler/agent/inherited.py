"""What a forked child's agent takes from its parent's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler._runtime.log import log
from sampler.agent.roles import WORKER

if TYPE_CHECKING:
    from sampler.agent.agent import Agent
    from sampler.agent.config.settings import AdapterSettings, Settings


def inherited_settings(parents: Settings, *, pages: bool) -> Settings:
    """Return what a child runs: new adapters that push, and ``pages`` if the parent has none."""
    adapters = (
        attrs.evolve(each, adapter=each.make())
        for each in parents.adapters
        if each.make is not None and (pages or is_inherited(each))
    )
    return attrs.evolve(parents, adapters=tuple(adapters))


def is_inherited(each: AdapterSettings) -> bool:
    """Tell whether a forked child gets such an adapter: one that pushes."""
    return each.make is not None and each.pushes


def warn_of_pages(agent: Agent) -> None:
    """Warn that a worker's pages have its own numbers only."""
    if agent.identity["role"] != WORKER:
        return
    for each in agent.settings.adapters:
        if not (each.pushes or each.for_people):
            log.warning(
                "adapter %r: its page has the numbers of this worker only; the page of "
                "'sampler run -c FILE -- COMMAND' has those of all",
                each.name,
            )
