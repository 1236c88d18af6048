"""The adapters ``otlp``, over HTTP, and ``otlp_grpc``, which needs the package ``grpcio``."""

from typing import TYPE_CHECKING, Any

from sampler_otlp._adapter import OTLP

if TYPE_CHECKING:
    from sampler_otlp._grpc import OTLPGRPC

__all__ = ["OTLP", "OTLPGRPC"]


def __getattr__(name: str) -> Any:
    if name == "OTLPGRPC":  # HTTP needs no grpcio
        from sampler_otlp._grpc import OTLPGRPC

        return OTLPGRPC
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
