"""What stays when an agent goes on with another configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler.agent.channel import Channel, Pushed, Scraped, channel

if TYPE_CHECKING:
    from sampler.agent.config.settings import Program, Settings, Wiring
    from sampler.agent.interval_loop import Pulse


def kept_or_new(wiring: Wiring, before: Channel | None, *, same: bool) -> Pushed | Scraped:
    """Return the channel that runs already, where nothing that concerns it has changed."""
    if isinstance(before, Scraped) and before.wiring == wiring:
        return before
    if isinstance(before, Pushed) and before.wiring == wiring and same:
        return before
    return channel(wiring, before.law if before is not None else None)


def stopped(pulse: Pulse, deadline: float) -> bool:
    """End a pulse with a last tick; tell whether its Collector is free."""
    if not pulse.ticker.stop(deadline):
        return False
    pulse.tick(within=max(0.1, deadline - time.monotonic()))
    return True


def consumers(settings: Settings) -> tuple[object, ...]:
    """Return what a Collector cannot change while it lives."""
    limits = settings.samplers
    return limits.deadline, limits.max_samples, limits.max_series, who(settings.program)


def who(program: Program) -> tuple[str | None, str | None, str | None]:
    """Return what a configuration says of the identity."""
    return program.service, program.host, program.instance
