"""The adapters ``prometheus``, ``pushgateway`` and ``textfile``, and pages that need no agent.

``WSGIApp`` and ``ASGIApp`` serve the metrics within a web application. ``SamplerCollector`` adds
every sampler to a registry of the package ``prometheus-client``, which it needs.
"""

from typing import TYPE_CHECKING, Any

from sampler_prometheus._adapter import Prometheus
from sampler_prometheus._push import Pushgateway
from sampler_prometheus._textfile import Textfile
from sampler_prometheus._wsgi_asgi import ASGIApp, WSGIApp

if TYPE_CHECKING:
    from sampler_prometheus._bridge import SamplerCollector

__all__ = ["ASGIApp", "Prometheus", "Pushgateway", "SamplerCollector", "Textfile", "WSGIApp"]


def __getattr__(name: str) -> Any:
    if name == "SamplerCollector":  # an agent that serves a page needs no prometheus_client
        from sampler_prometheus._bridge import SamplerCollector

        return SamplerCollector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
