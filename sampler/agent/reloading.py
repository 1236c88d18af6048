"""What stays when an agent goes on with another configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sampler.agent.channel import Channel, PushChannel, ScrapeChannel, channel

if TYPE_CHECKING:
    from sampler.agent.config.settings import AdapterSettings, Program, Settings
    from sampler.agent.interval_loop import IntervalLoop


def kept_or_new(
    settings: AdapterSettings, before: Channel | None, *, same: bool
) -> PushChannel | ScrapeChannel:
    """Return the channel that runs already, where nothing that concerns it has changed."""
    if isinstance(before, ScrapeChannel) and before.settings == settings:
        return before
    if isinstance(before, PushChannel) and before.settings == settings and same:
        return before
    return channel(settings, before.ledger if before is not None else None)


def stopped(loop: IntervalLoop, deadline: float) -> bool:
    """End a pulse with a last tick; tell whether its Collector is free."""
    if not loop.ticker.stop(deadline):
        return False
    loop.tick(within=max(0.1, deadline - time.monotonic()))
    return True


def consumers(settings: Settings) -> tuple[object, ...]:
    """Return what a Collector cannot change while it lives."""
    limits = settings.samplers
    return limits.deadline, limits.max_samples, limits.max_series, who(settings.program)


def who(program: Program) -> tuple[str | None, str | None, str | None]:
    """Return what a configuration says of the identity."""
    return program.service, program.host, program.instance
