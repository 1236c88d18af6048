"""What a consumer knows of how a sampler has answered it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler import Collector, Registration
    from sampler._pull.backoff import Health


def health_of(consumer: Collector, registration: Registration) -> Health:
    """Return the health of a sampler that the consumer has pulled."""
    return consumer._sources.of(registration).health
