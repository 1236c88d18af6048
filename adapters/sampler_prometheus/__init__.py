"""The adapters ``prometheus`` and ``pushgateway``, and ways into what a program has already.

``WSGIApp`` and ``ASGIApp`` are pages to mount in a web application; ``SamplerCollector``, which
needs the package ``prometheus-client``, puts every sampler behind a registry of that package.
"""

from typing import TYPE_CHECKING, Any

from sampler_prometheus._adapter import Prometheus
from sampler_prometheus._mount import ASGIApp, WSGIApp
from sampler_prometheus._push import Pushgateway

if TYPE_CHECKING:
    from sampler_prometheus._bridge import SamplerCollector

__all__ = ["ASGIApp", "Prometheus", "Pushgateway", "SamplerCollector", "WSGIApp"]


def __getattr__(name: str) -> Any:
    if name == "SamplerCollector":  # an agent that serves a page needs no prometheus_client
        from sampler_prometheus._bridge import SamplerCollector

        return SamplerCollector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
