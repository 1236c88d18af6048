"""The ``otlp_grpc`` adapter: the same requests over gRPC."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

import attrs
import grpc

from sampler.adapterkit.http_options import url_fault
from sampler.agent import Rejected, Unavailable, masked_line, option, read_plain_file
from sampler_otlp._adapter import OTLP, refusal
from sampler_otlp._requests import uncompressed

_METHOD = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_CODES = grpc.StatusCode
_LATER = {
    _CODES.UNAVAILABLE,
    _CODES.DEADLINE_EXCEEDED,
    _CODES.CANCELLED,
    _CODES.ABORTED,
    _CODES.OUT_OF_RANGE,
    _CODES.DATA_LOSS,
}
"""Codes after which the protocol lets a request be sent again."""
_REASONS = {
    _CODES.UNAUTHENTICATED: "unauthorized",
    _CODES.PERMISSION_DENIED: "unauthorized",
    _CODES.RESOURCE_EXHAUSTED: "too_large",
}
_WHATEVER_IT_IS = {
    _CODES.UNAUTHENTICATED,
    _CODES.PERMISSION_DENIED,
    _CODES.UNIMPLEMENTED,
    _CODES.NOT_FOUND,
}
"""Codes that are not about what was sent."""
_KEY = re.compile(r"(?!grpc-)[a-z0-9_.-]+(?<!-bin)")
_RETRY_INFO = "grpc-status-details-bin"
_LONGEST = 2_000
"""Characters of an error that are told."""


@attrs.define(eq=False)
class OTLPGRPC(OTLP):
    """Export to a collector of OpenTelemetry over gRPC.

    A forked child makes a connection of its own. Programs with strict rules on threads and forks
    may prefer ``otlp``: over HTTP it needs no library with threads.
    """

    url: str = option(
        "http://127.0.0.1:4317",
        "Where the receiver is: https:// encrypts. There is no path.",
        check=url_fault,
    )
    _channel: Any = attrs.field(default=None, init=False, repr=False)
    _process: int = attrs.field(default=0, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if path := urlsplit(self.url).path.strip("/"):
            raise ValueError(f"url: gRPC has no path, leave {path!r} out")
        for name in self.headers:
            if not _KEY.fullmatch(name.lower()):
                raise ValueError(
                    f"headers: gRPC has no field {name!r}: names have letters, digits, '-', '_' "
                    "and '.', do not begin with 'grpc-' and do not end with '-bin'"
                )
        if self.proxy:
            raise ValueError("proxy: gRPC takes its proxy from the environment: leave the key out")

    def close(self) -> None:
        """Close the connection."""
        channel, self._channel = self._channel, None
        if channel is not None and self._process == os.getpid():
            channel.close()

    @property
    def _compresses(self) -> bool:
        return False  # the library does

    def _export(self, data: bytes, timeout: float) -> None:
        if self._channel is None or self._process != os.getpid():
            self._channel, self._process = self._connected(), os.getpid()
        call = self._channel.unary_unary(_METHOD)
        metadata = [(name.lower(), value) for name, value in self.fields({}).items()]
        data = uncompressed(data)
        kind = grpc.Compression.Gzip if self.gzip else grpc.Compression.NoCompression
        try:
            reply: bytes = call(data, timeout=timeout, metadata=metadata, compression=kind)
        except grpc.RpcError as error:
            self.close()  # a new one looks the name up again, and has no pauses of its own
            raise self._verdict(error) from None
        refusal(reply, self.where)

    def _verdict(self, error: Any) -> Unavailable | Rejected:
        code, trailing = error.code(), error.trailing_metadata() or ()
        text = masked_line(str(error.details() or "")[:_LONGEST])
        message = f"{self.where} answers {code.name}: {text}"
        asks = any(key == _RETRY_INFO for key, _ in trailing)
        if code in _LATER or (code is _CODES.RESOURCE_EXHAUSTED and asks):
            return Unavailable(message)
        reason = _REASONS.get(code, "rejected")
        return Rejected(reason, message=message, whole=code in _WHATEVER_IT_IS)

    def _connected(self) -> Any:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        target = f"dns:///{host}:{parts.port or (443 if secure else 4317)}"
        options = [("grpc.enable_http_proxy", 0)] if self.proxy == "" else []
        if not secure:
            return grpc.insecure_channel(target, options)
        credentials = grpc.ssl_channel_credentials(
            *(_read(each) for each in (self.tls_ca, self.tls_key or self.tls_cert, self.tls_cert))
        )
        return grpc.secure_channel(target, credentials, options)


def _read(path: str | None) -> bytes | None:
    return None if path is None else read_plain_file(path).data
