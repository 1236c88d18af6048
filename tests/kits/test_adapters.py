"""Adapters that pass the suite of the agent's rules, and broken ones that do not."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from sampler.agent import DELIVERED, UNCONFIRMED, Batch, Rejected, Unavailable
from sampler.agent.console import Console
from sampler.agent.delivery.rules import REMEDIES, RULES
from sampler.page import Recorder
from sampler.testing import AdapterContract, Memory, ScrapedAdapterContract
from sampler_cloudwatch import EMF
from sampler_dogstatsd import DogStatsD
from sampler_graphite import Graphite
from sampler_influx import Influx, InfluxUDP
from sampler_json import JSONLines
from sampler_otlp import OTLP
from sampler_prometheus import Prometheus as PrometheusPage
from sampler_prometheus import Pushgateway, Textfile
from sampler_statsd import StatsD
from tests.kits.suite import broken
from tests.support.command import sampler
from tests.support.doubles import DatagramSink, LineSink
from tests.support.installed import ROOT
from tests.support.ports import HOST, free_port
from tests.support.servers import InfluxDB, NewPrometheus, Prometheus, VictoriaMetrics


class Endpoint(AdapterContract):
    """What reaches a receiver of its own."""

    @pytest.fixture(autouse=True)
    def _endpoint(self, tmp_path):
        self.path = str(tmp_path / "socket")
        with DatagramSink() as datagrams, LineSink() as lines:
            self.datagrams, self.lines = datagrams, lines
            yield


class TestMemory(AdapterContract):
    def adapter(self):
        return Memory()


class TestLive(AdapterContract):
    largest = None

    def adapter(self):
        return Recorder()


class TestConsole(AdapterContract):
    largest = None

    def adapter(self):
        return Console(stderr=True)


class TestGraphiteLines(Endpoint):
    def adapter(self):
        return Graphite(port=self.lines.port)

    def unreachable(self):
        return Graphite(port=free_port())


class TestGraphiteTags(Endpoint):
    def adapter(self):
        return Graphite(port=self.lines.port, tags=True, counters="deltas", quantiles=(0.5,))


class TestGraphitePickle(Endpoint):
    def adapter(self):
        return Graphite(port=self.lines.port, protocol="pickle")


class TestGraphiteUDP(Endpoint):
    def adapter(self):
        return Graphite(port=self.datagrams.port, protocol="udp")

    def unreachable(self):
        return Graphite(port=free_port(), protocol="udp")


class TestStatsDUDP(Endpoint):
    def adapter(self):
        return StatsD(port=self.datagrams.port)

    def unreachable(self):
        return StatsD(port=free_port())


class TestStatsDTCP(Endpoint):
    def adapter(self):
        return StatsD(port=self.lines.port, transport="tcp", tags=True, histograms="buckets")

    def unreachable(self):
        return StatsD(port=free_port(), transport="tcp")


class TestStatsDUnix(Endpoint):
    def adapter(self):
        return StatsD(path=self.path, transport="unixgram", histograms="quantiles")

    def unreachable(self):
        return StatsD(path=self.path + ".none", transport="unix")

    @pytest.fixture(autouse=True)
    def _daemon(self, _endpoint):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(self.path)
            daemon.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            yield


class TestPushgateway(AdapterContract):
    """On a real gateway."""

    largest = None

    @pytest.fixture(autouse=True)
    def _gateway(self, pushgateway):
        self.url = pushgateway.url

    def adapter(self):
        return Pushgateway(url=self.url, job="contract")

    def unreachable(self):
        return Pushgateway(url=f"http://{HOST}:{free_port()}", job="contract")


class TestRemoteWrite(AdapterContract):
    """On a real Prometheus, with each protocol and each way to write histograms."""

    @pytest.fixture(autouse=True, params=["1.0 classic", "1.0 native", "2.0 classic"])
    def _server(self, request, launch_session):
        pytest.importorskip("cramjam")
        from sampler_remote_write import RemoteWrite

        self.kind = RemoteWrite
        self.protocol, self.histograms = request.param.split()
        server_kind = NewPrometheus if self.protocol == "2.0" else Prometheus
        server = launch_session(server_kind, options=["--web.enable-remote-write-receiver"])
        self.url = f"{server.url}/api/v1/write"

    def adapter(self):
        keys = {"protocol": self.protocol, "histograms": self.histograms}
        return self.kind(url=self.url, **keys)

    def unreachable(self):
        return self.kind(url=f"http://{HOST}:{free_port()}/api/v1/write")


class TestOTLP(AdapterContract):
    """On a real VictoriaMetrics, with each way to write histograms."""

    @pytest.fixture(autouse=True, params=["exponential", "explicit"])
    def _server(self, request, launch_session):
        self.histograms = request.param
        server = launch_session(VictoriaMetrics)
        self.url = f"{server.url}/opentelemetry/v1/metrics"

    def adapter(self):
        return OTLP(url=self.url, histograms=self.histograms)

    def unreachable(self):
        return OTLP(url=f"http://{HOST}:{free_port()}/v1/metrics")


class TestOTLPGRPC(AdapterContract):
    """On a receiver made of the protocol's own package."""

    @pytest.fixture(autouse=True)
    def _receiver(self):
        pytest.importorskip("grpc")
        pytest.importorskip("opentelemetry.proto")
        from sampler_otlp import OTLPGRPC
        from tests.support.otlp_receiver import Receiver

        self.kind = OTLPGRPC
        with Receiver() as receiver:
            self.url = receiver.url
            yield

    def adapter(self):
        return self.kind(url=self.url)

    def unreachable(self):
        return self.kind(url=f"http://{HOST}:{free_port()}")


class TestInflux(AdapterContract):
    """On a real InfluxDB."""

    @pytest.fixture(autouse=True)
    def _server(self, launch_session):
        self.url = launch_session(InfluxDB).url

    def adapter(self):
        return Influx(url=self.url, database="test")

    def unreachable(self):
        return Influx(url=f"http://{HOST}:{free_port()}", database="test")


class TestInfluxUDP(Endpoint):
    def adapter(self):
        return InfluxUDP(port=self.datagrams.port)

    def unreachable(self):
        return InfluxUDP(port=free_port())


class TestDogStatsD(Endpoint):
    @pytest.fixture(autouse=True, params=["sums", "distributions"])
    def _histograms(self, request):
        self.histograms = request.param

    def adapter(self):
        return DogStatsD(port=self.datagrams.port, histograms=self.histograms)

    def unreachable(self):
        return DogStatsD(path=self.path + ".none")


class TestJSONLines(AdapterContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def adapter(self):
        return JSONLines(path=f"{self.folder}/samples.jsonl")

    def unreachable(self):
        return JSONLines(path=f"{self.folder}/nonesuch/samples.jsonl")


class TestEMF(AdapterContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def adapter(self):
        return EMF(path=f"{self.folder}/metrics.log")

    def unreachable(self):
        return EMF(path=f"{self.folder}/nonesuch/metrics.log")


class TestTextfile(AdapterContract):
    """In a folder of its own."""

    largest = None

    @pytest.fixture(autouse=True, params=[False, True])
    def _folder(self, tmp_path, request):
        self.folder, self.keep = tmp_path, request.param

    def adapter(self):
        return Textfile(path=f"{self.folder}/{{service}}.prom", keep=self.keep)

    def unreachable(self):
        return Textfile(path=f"{self.folder}/nonesuch/{{service}}.prom", keep=self.keep)


class TestPrometheus(ScrapedAdapterContract):
    def adapter(self):
        return PrometheusPage(listen=f"{HOST}:0")

    def scrape(self, adapter):
        fetch(f"http://{adapter.address}/metrics")

    def taken(self, adapter):
        return PrometheusPage(listen=adapter.address)


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read()


class Loses(Memory):
    def encode(self, snapshot, since):
        yield from list(super().encode(snapshot, since))[1:]


class Writes(Memory):
    def encode(self, snapshot, since):
        os.stat("/")  # noqa: PTH116
        os.listdir("/")  # noqa: PTH208
        yield from super().encode(snapshot, since)


class Texts(Memory):
    def encode(self, snapshot, since):
        for batch in super().encode(snapshot, since):
            yield Batch((str(batch.frames),), batch.samples)


class Tuples(Memory):
    def encode(self, snapshot, since):
        for batch in super().encode(snapshot, since):
            yield batch.frames, batch.samples


class Remembers(Memory):
    calls = 0

    def encode(self, snapshot, since):
        Remembers.calls += 1
        yield Batch((str(self.calls).encode(),), len(snapshot))


class Hoards(Memory):
    def encode(self, snapshot, since):
        yield Batch(tuple(str(each).encode() for each in snapshot), len(snapshot))


class Raises(Memory):
    def encode(self, snapshot, since):
        for series, _ in snapshot:
            series.labels.get("text", "").encode("ascii")
        yield from super().encode(snapshot, since)


class Sorts(Memory):
    def encode(self, snapshot, since):
        yield from list(super().encode(snapshot, since))
        for block in snapshot.blocks:
            block.values.reverse()


class Foreign(Memory):
    def send(self, batch, timeout):
        raise ConnectionResetError("by my library")


class Silent(Memory):
    def send(self, batch, timeout):
        return None


class Refuses(Memory):
    def send(self, batch, timeout):
        raise Rejected("always")


class Believes(Memory):
    """It is given to the suite as one whose endpoint is not there."""


class Empty(Memory):
    def send(self, batch, timeout):
        if not batch.frames:
            raise Unavailable("nothing to send")
        return DELIVERED


class Halves(Memory):
    def encode(self, snapshot, since):
        yield Batch((b"",), len(snapshot))

    def split(self, batch):
        return Batch((), 1), Batch((), 1)


class Unheard(Memory):
    unsupported: ClassVar = {"colour": "left out"}


class Wordless(Memory):
    unsupported: ClassVar = {"unit": ""}


class ClosesOnce(Memory):
    closed = False

    def close(self):
        if self.closed:
            raise ValueError("closed already")
        self.closed = True


class Dawdles(Memory):
    def send(self, batch, timeout):
        threading.Thread(target=HELD.wait, args=(30,), daemon=True).start()
        return UNCONFIRMED


HELD = threading.Event()


@pytest.fixture(autouse=True)
def _let_go():
    HELD.clear()
    yield
    HELD.set()


PUSHED = [
    ("A-01", Loses),
    ("A-02", Writes),
    ("A-03", Texts),
    ("A-03", Tuples),
    ("A-04", Remembers),
    ("A-05", Hoards),
    ("A-06", Raises),
    ("A-07", Sorts),
    ("A-08", Foreign),
    ("A-08", Silent),
    ("A-08", Refuses),
    ("A-09", Believes),
    ("A-10", Empty),
    ("A-11", Halves),
    ("A-12", Unheard),
    ("A-12", Wordless),
    ("A-13", ClosesOnce),
    ("A-13", Dawdles),
]


@pytest.mark.parametrize(("rule", "defect"), PUSHED)
def test_a_broken_adapter_is_reported_under_its_rule(rule, defect):
    """With a remedy."""

    class Suite(AdapterContract):
        def adapter(self):
            return defect()

        def unreachable(self):
            return defect() if defect is Believes else None

    assert rule in broken(Suite)


class Page:
    """A scraped adapter of a few lines."""

    server = None

    def __init__(self, port=0):
        self.port = port

    def open(self, collect, ledger):
        adapter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                entries = len(collect())
                adapter.count(ledger, entries)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"%d\n" % entries)

            def log_message(self, *_):
                pass

        self.server = self.bind(Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def bind(self, handler):
        class Server(ThreadingHTTPServer):
            allow_reuse_address = False
            daemon_threads = False

        return Server((HOST, self.port), handler)

    def count(self, ledger, entries):
        ledger.count(collected=entries, delivered=entries)

    def close(self, timeout):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join(timeout)
        self.server = None


class Uncounted(Page):
    def count(self, ledger, entries):
        pass


class HalfCounted(Page):
    def count(self, ledger, entries):
        ledger.count(collected=entries)


class Elsewhere(Page):
    def bind(self, handler):
        try:
            return super().bind(handler)
        except OSError:
            self.port = 0
            return super().bind(handler)


class Confused(Page):
    def bind(self, handler):
        try:
            return super().bind(handler)
        except OSError as error:
            raise KeyError(self.port) from error


class ScrapedSuite(ScrapedAdapterContract):
    kind = Page

    def adapter(self):
        return self.kind()

    def scrape(self, adapter):
        fetch(f"http://{HOST}:{adapter.port}/")

    def taken(self, adapter):
        return self.kind(adapter.port)


class TestPage(ScrapedSuite):
    """A conforming one."""


@pytest.mark.parametrize(
    ("rule", "defect"),
    [("A-14", Uncounted), ("A-14", HalfCounted), ("A-15", Elsewhere), ("A-15", Confused)],
)
def test_a_broken_scraped_adapter_is_reported_under_its_rule(rule, defect):
    """With a remedy."""
    assert rule in broken(type("Suite", (ScrapedSuite,), {"kind": defect}))


def test_every_rule_has_a_remedy_and_a_defect_that_proves_it():
    """And is explained."""
    assert list(RULES) == list(REMEDIES)
    proven = {rule for rule, _ in PUSHED} | {"A-14", "A-15"}
    assert proven == set(RULES)
    page = (ROOT / "docs/adapters.md").read_text()
    for rule, text in RULES.items():
        assert f"| {rule} | {text} | {REMEDIES[rule]} |" in page
    done = sampler("explain", "A-05")
    assert done.returncode == 0
    assert "512 KiB" in done.stdout
