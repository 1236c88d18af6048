"""Which samplers a consumer does not call for a while, as they have failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler._pull.collector import Collector


def pauses_of(collector: Collector) -> dict[str, float]:
    """Return, by sampler, the seconds until it is called again."""
    now = collector._clock.monotonic()  # noqa: SLF001 - one wing
    sources = tuple(collector._sources)  # noqa: SLF001 - one wing
    left = {each.name: each.health.pause_left(now) for each in sources}
    return {name: seconds for name, seconds in left.items() if seconds > 0}
