"""A metric reader of OpenTelemetry's SDK that is a sampler; it needs ``opentelemetry-sdk``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from sampler.bridges.opentelemetry import NAME, SAMPLER, configured, register

if TYPE_CHECKING:
    from sampler import Registration, Registry

__all__ = ("SamplerReader",)


class SamplerReader(InMemoryMetricReader):
    """Collects when a consumer pulls, and is registered as a sampler until it is shut down.

    Args:
        name: the sampler's name.
        registry: where it is registered; default: the default registry.
        options: those of ``MetricReader``, such as ``preferred_aggregation``.

    Attributes:
        began: epoch seconds at which it was made.
    """

    def __init__(
        self,
        name: str = NAME,
        registry: Registry | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.began: float = time.time()
        self._registration: Registration | None = None
        if name == NAME and registry is None:  # as a configuration may name it, too
            import sampler

            configured.adopt(self)
            sampler.register(SAMPLER)
        else:
            self._registration = register(self, name=name, registry=registry)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Withdraw the sampler."""
        super().shutdown(timeout_millis, **kwargs)
        configured.release(self)
        if self._registration is not None:
            self._registration.unregister()
