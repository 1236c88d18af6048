"""What bridges say of their tables before they are asked for numbers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.printable import one_line
from sampler.exceptions import SamplerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.agent.channel import ScrapeChannel
    from sampler.agent.config.settings import SamplersSettings, Settings
    from sampler.types import Registered

FIRST_PULL = 1.0
"""Seconds that start() waits for the first pulls."""
CHECK = "sampler.check"
"""The key of a sampler's mapping for what raises ValueError or ImportError at bad settings."""


def begin_bridges(settings: Settings, pages: Iterable[ScrapeChannel]) -> None:
    """Pull once for each page, so that bridges listen now, and not from the first scrape on."""
    if not settings.samplers.bridges:
        return
    for page in pages:
        with suppress(SamplerError):
            page.collector.collect(within=FIRST_PULL)


def refused_bridges(samplers: SamplersSettings, found: Iterable[Registered]) -> Iterator[str]:
    """Yield a problem for each bridge that cannot work as it is configured.

    Args:
        samplers: the configuration's ``[samplers]``.
        found: what is collected now.
    """
    for each in found:
        name = str(each.sampler.get("name"))
        check = each.sampler.get(CHECK)
        if name in samplers.bridges and callable(check):
            try:
                check(samplers.settings.get(name, {}))
            except (ValueError, ImportError) as error:
                yield f"bridges.{name}: {one_line(str(error))}"
