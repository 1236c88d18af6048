"""The peers, set up to push what is asked of them every fifth of a second to a sink of ours.

``prometheus_client`` pushes through its ``GraphiteBridge``, OpenTelemetry through its periodic
reader and its exporter for OTLP over HTTP; before each sink stands the proxy that fails.
"""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support.doubles import LineSink
from tests.support.ports import HOST
from tests.support.proxy import Proxy
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Sample = Callable[[], Iterable[tuple[float, dict[str, str]]]]

BRIDGE, OTEL = "prometheus_client", "OpenTelemetry"
PEERS = (BRIDGE, OTEL)
INTERVAL = 0.2
TIMEOUT = 1.0
"""Seconds that each peer is given for an attempt."""


class Collected:
    """Receives OTLP over HTTP; answers with each of ``statuses``, then always with 200.

    Attributes:
        statuses: of the next answers: a number, or (number, headers).
        drip: seconds between the bytes of an answer that never ends; 0 for a whole one.
        requests: when each came, and the values of it by metric.
        headers, bodies: of each request.
    """

    def __init__(self) -> None:
        self.statuses: list[Any] = []
        self.drip = 0.0
        self.requests: list[tuple[float, dict[str, list[float]]]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.headers.append(dict(self.headers))
                sink.bodies.append(body)
                said = sink.statuses.pop(0) if sink.statuses else 200
                status, fields = said if isinstance(said, tuple) else (said, {})
                sink.requests.append((time.monotonic(), _points(body) if status == 200 else {}))
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "100000" if sink.drip else "0")
                self.end_headers()
                while sink.drip:
                    self.wfile.write(b" ")
                    time.sleep(sink.drip)

            do_GET = do_PUT = do_POST

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def values(self, name: str) -> list[float]:
        """Return every value that came of a metric."""
        return [value for _, points in self.requests for value in points.get(name, ())]


class Written(LineSink):
    """Receives Graphite's lines."""

    def values(self, name: str) -> list[float]:
        """Return every value that came of a metric, whatever its labels."""
        start = name.encode()
        found = (line.split() for line in self.lines if line.startswith(start))
        return [float(words[1]) for words in found if words[0].partition(b".")[0] == start]


class Rig:
    """One peer that pushes ``ticks``, the number of its pull, and what else it is given.

    Args:
        peer: which.
        samplers: name to what is asked for (value, labels) pairs.
        interval: seconds.
        timeout: seconds that an attempt may take.
        host: as the peer is told.
        sink: another than one of its own.

    Attributes:
        pulls: when each was made.
        base: what the numbers of pulls begin with.
    """

    def __init__(
        self,
        peer: str,
        samplers: dict[str, Sample] | None = None,
        *,
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
        host: str = HOST,
    ) -> None:
        self.peer = peer
        self.pulls: list[float] = []
        self.base = 0
        self.sink: Any = Written() if peer == BRIDGE else Collected()
        self.proxy = Proxy((HOST, self.sink.port))
        self._hole: list[socket.socket] = []
        given = {**(samplers or {}), "ticks": self._tick}
        push(peer, given, host, self.proxy.port, interval, timeout)

    @property
    def arrived(self) -> set[int]:
        """The numbers of the pulls that have reached the sink."""
        return {int(value) for value in self.sink.values("ticks")}

    def begun(self) -> Rig:
        """Wait for the first pushes."""
        wait_for(lambda: len(self.arrived) >= 3, what="three pushes")
        return self

    def within(self, seconds: float) -> int:
        """Return how many pulls reach the sink in that time."""
        before = len(self.arrived)
        time.sleep(seconds)
        return len(self.arrived) - before

    def swallow(self) -> None:
        """Let connections be opened by nobody: a full backlog, as behind a dropping firewall."""
        self.proxy.refuse()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self.proxy.port))
        listener.listen(0)
        self._hole = [listener, socket.create_connection((HOST, self.proxy.port))]

    def heal(self) -> None:
        """End any fault."""
        for each in self._hole:
            each.close()
        self._hole = []
        self.proxy.heal()

    def _tick(self) -> Iterable[tuple[float, dict[str, str]]]:
        self.pulls.append(time.monotonic())
        yield self.base + len(self.pulls), {}


def push(
    peer: str,
    samplers: dict[str, Sample],
    host: str,
    port: int,
    interval: float,
    timeout: float = TIMEOUT,
) -> Any:
    """Let a peer push what samplers say; return its registry, or its provider."""
    if peer == BRIDGE:
        from prometheus_client import CollectorRegistry
        from prometheus_client.bridge.graphite import GraphiteBridge

        registry = CollectorRegistry()
        for name, sample in samplers.items():
            registry.register(_Family(name, sample))
        GraphiteBridge((host, port), registry, timeout).start(interval)
        return registry
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    exporter = OTLPMetricExporter(f"http://{host}:{port}/v1/metrics", timeout=timeout)
    reader = PeriodicExportingMetricReader(exporter, interval * 1000, timeout * 1000)
    provider = MeterProvider([reader])
    meter = provider.get_meter("peers")
    for name, sample in samplers.items():
        meter.create_observable_gauge(name, [_observing(sample)])
    return provider


class _Family:
    """A collector of ``prometheus_client``: one gauge."""

    def __init__(self, name: str, sample: Sample) -> None:
        self._name, self._sample = name, sample

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(self._name, "Measured.", labels=["at"])
        for value, labels in self._sample():
            if labels:
                family.add_metric([labels["at"]], value)
            else:
                yield GaugeMetricFamily(self._name, "Measured.", value=value)
        if family.samples:
            yield family


def _observing(sample: Sample) -> Callable[[Any], Iterable[Any]]:
    from opentelemetry.metrics import Observation

    def observe(_: Any) -> Iterable[Any]:
        for value, labels in sample():
            yield Observation(value, labels)

    return observe


def _points(body: bytes) -> dict[str, list[float]]:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    found: dict[str, list[float]] = {}
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = (metric.gauge if metric.HasField("gauge") else metric.sum).data_points
                for point in points:
                    integer = point.HasField("as_int")
                    value = point.as_int if integer else point.as_double
                    found.setdefault(metric.name, []).append(value)
    return found
