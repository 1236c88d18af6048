"""What the agents of one process have handed over, so that the next one goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._contract.names import RESERVED
from sampler._runtime.fork import began_at

if TYPE_CHECKING:
    from sampler._registry.registry import Registry
    from sampler.agent.agent import Agent
    from sampler.agent.delivery.baselines import Inheritance


class Handover:
    """The values from which the differences of each adapter go on, by its name.

    So what instruments count while no agent runs is delivered by the next one: an adapter of a
    known name goes on where the last of that name stopped, and one of a new name begins with all
    that this process has counted.
    """

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._values: dict[tuple[str, bool], Inheritance] = {}

    def give(self, agent: Agent) -> None:
        """Have a new agent of this process go on; values of another registry are forgotten."""
        if agent.registry is not self._registry:
            self._registry, self._values = agent.registry, {}
        agent._consumers.began = began_at()  # noqa: SLF001 - not for the public
        for each in agent._pushed:  # noqa: SLF001 - likewise
            if (values := self._values.get((each.name, each.stamped))) is not None:
                each.go_on_from(dict(values))

    def take(self, agent: Agent) -> None:
        """Keep what an agent that has ended has handed over."""
        if agent.registry is not self._registry:
            return
        for each in agent._pushed:  # noqa: SLF001 - not for the public
            if each.relative:
                values = each.inheritance().items()
                # An agent's own account begins anew with it.
                self._values[each.name, each.stamped] = {
                    key: value for key, value in values if not str(key[0]).startswith(_OWN)
                }


_OWN = f"{RESERVED}."
"""How the names of an agent's own metrics begin."""
