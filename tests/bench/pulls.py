"""What a pull costs, encoded and sent: one callable an operation, for ours and each peer."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.bench import more_peers, population
from tests.bench.hot import _sink

if TYPE_CHECKING:
    from collections.abc import Callable

    Operation = tuple[Callable[[], Any], Callable[[], None]]
    """What is timed, and what is done before each time."""

SIZES = (1_000, 10_000, 100_000)
FEW, ALL = 0.1, 1.0
"""Shares of the series that change between two pulls."""
SELDOM = "opentelemetry", "datadog", *more_peers.TEXT, "ours, exponential"
"""Who is left out where it takes long: at the largest size, and peers where all change."""


def ours_alone(size: int, share: float) -> Operation:
    """Run the samplers, and nothing else."""
    from sampler._registry.registry import state_of

    registry, changes = population.ours(size)
    samples = [state_of(registration).declaration.sample for registration in registry]

    def alone() -> None:
        for sample in samples:
            for _ in sample():
                pass

    return alone, population.changing(changes, share)


def ours_collect(size: int, share: float) -> Operation:
    """A Collector's pull."""
    from sampler import Collector

    registry, changes = population.ours(size)
    return Collector(registry, deadline=60.0).collect, population.changing(changes, share)


def ours_text(size: int, share: float) -> Operation:
    """A pull and Prometheus' text format."""
    return _ours_page(size, share, "text/plain")


def ours_openmetrics(size: int, share: float) -> Operation:
    """A pull and OpenMetrics."""
    return _ours_page(size, share, "application/openmetrics-text; version=1.0.0")


def ours_exponential(size: int, share: float) -> Operation:
    """A pull and OpenMetrics, histograms exponential."""
    return _ours_page(size, share, "application/openmetrics-text", exponential=True)


def ours_graphite(size: int, share: float) -> Operation:
    """A pull, lines, and a connection for each batch, confirmed."""
    from sampler_graphite import Graphite

    return _ours_sent(Graphite(port=_receiver()), size, share)


def ours_pickle(size: int, share: float) -> Operation:
    """The same with carbon's pickle protocol."""
    from sampler_graphite import Graphite

    return _ours_sent(Graphite(port=_receiver(), protocol="pickle"), size, share)


def ours_statsd(size: int, share: float) -> Operation:
    """A pull of gauges, and their datagrams."""
    import sampler
    from sampler_statsd import StatsD

    registry, changes = sampler.Registry(), []
    for number in range(size // 1000):
        gauge = sampler.Instruments(f"group{number}", registry).gauge("depth", labels=("queue",))
        changes += [population.setter(gauge.labels(f"q{i}").set) for i in range(1000)]
    population.begin(changes)
    adapter = StatsD(port=_sink(), prefix="")
    return _sending(adapter, registry), population.changing(changes, share)


def ours_churn(size: int, share: float) -> Operation:
    """A pull and the text of a hundred samplers; in one of them a series comes or goes.

    ``share`` 0: none does.
    """
    import sampler

    registry, shown = sampler.Registry(), [True]

    def sampler_of(number: int) -> Callable[[], Any]:
        rows = [("value", i, {"i": str(i)}) for i in range(size // 100)]
        if number:
            return lambda: rows
        return lambda: rows if shown[0] else rows[:5] + rows[6:]

    for number in range(100):
        registry.register({"name": f"s{number}", "sample": sampler_of(number)})

    def turn() -> None:
        if share:
            shown[0] = not shown[0]

    return page(registry, "text/plain"), turn


def prometheus_collect(size: int, share: float) -> Operation:
    """prometheus_client's registry, its families read."""
    registry, changes = population.prometheus(size)
    return reading(registry), population.changing(changes, share)


def reading(registry: Any) -> Callable[[], None]:
    """Return what reads the families of a registry of prometheus_client's."""

    def collect() -> None:
        for family in registry.collect():
            for _ in family.samples:
                pass

    return collect


def prometheus_text(size: int, share: float) -> Operation:
    """prometheus_client's text format."""
    from prometheus_client import generate_latest

    registry, changes = population.prometheus(size)
    return lambda: generate_latest(registry), population.changing(changes, share)


def prometheus_openmetrics(size: int, share: float) -> Operation:
    """prometheus_client's OpenMetrics."""
    from prometheus_client.openmetrics.exposition import generate_latest

    registry, changes = population.prometheus(size)
    return lambda: generate_latest(registry), population.changing(changes, share)


def prometheus_graphite(size: int, share: float) -> Operation:
    """prometheus_client's GraphiteBridge."""
    from prometheus_client.bridge.graphite import GraphiteBridge

    registry, changes = population.prometheus(size)
    bridge = GraphiteBridge(("127.0.0.1", _receiver()), registry)
    return bridge.push, population.changing(changes, share)


def opentelemetry_collect(size: int, share: float) -> Operation:
    """OpenTelemetry's reader."""
    reader, changes = population.opentelemetry(size)
    return reader.get_metrics_data, population.changing(changes, share)


def opentelemetry_text(size: int, share: float) -> Operation:
    """OpenTelemetry's exporter for Prometheus."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import generate_latest

    reader = PrometheusMetricReader()
    _, changes = population.opentelemetry(size, reader)

    class Only:
        """Nothing else is in it."""

        def collect(self) -> Any:
            return reader._collector.collect()

    return lambda: generate_latest(Only()), population.changing(changes, share)  # type: ignore[arg-type]


def statsd_gauges(size: int, share: float) -> Operation:
    """The statsd package's pipeline, which packs datagrams itself."""
    import statsd as peer

    names = [f"group{i // 1000}.depth.queue-q{i % 1000}" for i in range(size)]
    values = [population.drawn.random() * 100 for _ in names]
    pipe = peer.StatsClient("127.0.0.1", _sink()).pipeline()

    def send() -> None:
        for name, value in zip(names, values, strict=True):
            pipe.gauge(name, value)
        pipe.send()

    return send, _renewed(values, share)


def datadog_gauges(size: int, share: float) -> Operation:
    """Datadog's client, buffered."""
    from datadog.dogstatsd import DogStatsd

    names = [f"group{i // 1000}.depth" for i in range(size)]
    tags = [[f"queue:q{i % 1000}"] for i in range(size)]
    values = [population.drawn.random() * 100 for _ in names]
    client = DogStatsd("127.0.0.1", _sink(), disable_buffering=False, disable_telemetry=True)

    def send() -> None:
        for name, value, tag in zip(names, values, tags, strict=True):
            client.gauge(name, value, tag)
        client.flush()

    return send, _renewed(values, share)


OPERATIONS: dict[str, dict[str, Callable[[int, float], Operation]]] = {
    "collect": {
        "ours": ours_collect,
        "samplers alone": ours_alone,
        "prometheus_client": prometheus_collect,
        "opentelemetry": opentelemetry_collect,
    },
    "text": {
        "ours": ours_text,
        "prometheus_client": prometheus_text,
        "opentelemetry": opentelemetry_text,
        **more_peers.TEXT,
    },
    "openmetrics": {
        "ours": ours_openmetrics,
        "ours, exponential": ours_exponential,
        "prometheus_client": prometheus_openmetrics,
    },
    "graphite": {"ours": ours_graphite, "prometheus_client": prometheus_graphite},
    "pickle": {"ours": ours_pickle},
    "statsd gauges": {
        "ours": ours_statsd,
        "statsd pipeline": statsd_gauges,
        "datadog": datadog_gauges,
    },
    "churn": {"ours": ours_churn},
}
"""Operation to those who can do it."""


def _ours_page(size: int, share: float, accept: str, *, exponential: bool = False) -> Operation:
    registry, changes = population.ours(size, exponential=exponential)
    return page(registry, accept), population.changing(changes, share)


def page(registry: Any, accept: str) -> Callable[[], bytes]:
    """Return what pulls a registry and makes a page, as for a request without an agent."""
    from sampler import Collector
    from sampler.agent import Ledger
    from sampler_prometheus._exposition import Exposition

    exposition = Exposition(Collector(registry, deadline=60.0).collect, Ledger())
    return lambda: exposition.answer(accept).body


def _ours_sent(adapter: Any, size: int, share: float) -> Operation:
    registry, changes = population.ours(size)
    return _sending(adapter, registry), population.changing(changes, share)


def _sending(adapter: Any, registry: Any) -> Callable[[], None]:
    from sampler import Collector

    consumer = Collector(registry, deadline=60.0)
    since: dict[Any, Any] = {}

    def send() -> None:
        snapshot = consumer.collect()
        for batch in adapter.encode(snapshot, since):
            adapter.send(batch, 30.0)
        since.update(entry for entry in snapshot if entry[0].cumulative)  # as the agent does

    return send


def _renewed(values: list[float], share: float) -> Callable[[], None]:
    def renew() -> None:
        for i in population.drawn.sample(range(len(values)), round(len(values) * share)):
            values[i] = population.drawn.random() * 100

    return renew


_receivers: list[subprocess.Popen[str]] = []


def _receiver() -> int:
    """Return the port of a process that reads connections to their end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _receivers.append(process)  # it ends with its standard input
    assert process.stdout is not None
    return int(process.stdout.readline())


def shares(operation: str) -> tuple[float, ...]:
    """Return which shares of the series change between two pulls."""
    if operation == "churn":
        return (0.0, 1.0)
    return FEW, ALL


def worthwhile(operation: str, contender: str, size: int, share: float) -> bool:
    """Tell whether a number is worth its time."""
    if contender in SELDOM:
        return size < SIZES[-1] and (share != ALL or contender.startswith("ours"))
    return operation != "churn" or size == SIZES[1]
