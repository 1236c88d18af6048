"""A receiver of OTLP over gRPC, made of the package that defines the protocol."""

from __future__ import annotations

from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

from tests.support.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable


class Receiver(MetricsServiceServicer):
    """Keeps requests; as a context manager it listens.

    Args:
        judge: called with each request, it may return a status and a text, with which the request
            is refused, or a number and a text: so many of its points are.
        port: where to listen.
    """

    def __init__(self, judge: Callable[[Any], Any] = lambda _: None, port: int = 0) -> None:
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self._judge = judge
        self._threads = futures.ThreadPoolExecutor(1)
        self._threads.submit(list).result()  # its thread is there before the test begins
        self._server = grpc.server(self._threads)
        add_MetricsServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"{HOST}:{port}")
        self.url = f"http://{HOST}:{self.port}"

    def Export(self, request: Any, context: Any) -> ExportMetricsServiceResponse:
        """Take a request."""
        self.metadata.append(dict(context.invocation_metadata()))
        response = ExportMetricsServiceResponse()
        verdict = self._judge(request)
        if verdict is not None and not isinstance(verdict[0], int):
            context.abort(*verdict)
        if verdict is not None:
            response.partial_success.rejected_data_points = verdict[0]
            response.partial_success.error_message = verdict[1]
        self.requests.append(request)
        return response

    def __enter__(self) -> Receiver:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
        self._threads.shutdown()
