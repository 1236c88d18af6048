"""The adapters ``otlp``, over HTTP, and ``otlp_grpc``, which needs the package ``grpcio``.

``SamplerExporter`` adds every sampler to what the SDK of OpenTelemetry exports, which it needs.
"""

from typing import TYPE_CHECKING, Any

from sampler_otlp._adapter import OTLP

if TYPE_CHECKING:
    from sampler_otlp._grpc import OTLPGRPC
    from sampler_otlp._sdk import SamplerExporter

__all__ = ["OTLP", "OTLPGRPC", "SamplerExporter"]


def __getattr__(name: str) -> Any:
    if name == "OTLPGRPC":  # HTTP needs no grpcio
        from sampler_otlp._grpc import OTLPGRPC

        return OTLPGRPC
    if name == "SamplerExporter":  # an agent needs no SDK
        from sampler_otlp._sdk import SamplerExporter

        return SamplerExporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
