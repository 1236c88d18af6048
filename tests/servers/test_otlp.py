"""OTLP on a real store over HTTP, and over gRPC on a receiver made of the protocol's package."""

from __future__ import annotations

import http.server
import math
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from sampler.agent import DELIVERED, Batch, HistogramValue, Rejected, Snapshot, Unavailable
from sampler_otlp import OTLP
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram
from tests.adapters.test_real_receivers import hostile
from tests.support.command import environment
from tests.support.ports import HOST, free_port
from tests.support.sending import delivered
from tests.support.servers import VictoriaMetrics
from tests.support.waiting import wait_for

WHO = {"service.name": "shop", "service.instance.id": "web.example:0", "host.name": "web.example"}


@pytest.fixture(scope="module")
def victoria(launch_session):
    return launch_session(VictoriaMetrics)


def adapter_for(server, **keys):
    return OTLP(url=f"{server.url}/opentelemetry/v1/metrics", **keys)


def shot(*entries, at=None):
    now = time.time() if at is None else at
    return Snapshot((block(*entries, time=now),), now, now, IDENTITY)


def stored(server, count, matcher='{"service.name"="shop"}'):
    """Return {(name, labels): (value, milliseconds)} once there are so many series."""
    wait_for(lambda: len(server.exported(matcher)) >= count, what="what was exported")
    found = {}
    for row in server.exported(matcher):
        labels = row["metric"]
        name = labels.pop("__name__")
        assert WHO.items() <= labels.items()
        rest = {key: text for key, text in labels.items() if key not in WHO}
        found[name, tuple(sorted(rest.items()))] = row["values"][-1], row["timestamps"][-1]
    return found


def same(found, value):
    """A store of decimals has no numbers that small, and no last bit."""
    return math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-300)


@pytest.mark.parametrize("gzip", [True, False])
def test_victoria_metrics_stores_each_number_and_nothing_else(launch, gzip):
    """Hostile ones, with their time, name and labels as they are."""
    server = launch(VictoriaMetrics)
    snapshot = shot(*((s, v) for s, v in hostile() if s.kind != "histogram"))
    balance = delivered(adapter_for(server, gzip=gzip), [snapshot])
    assert balance.delivered == len(snapshot)
    found = stored(server, len(snapshot))
    assert len(found) == len(snapshot)
    for series, value in snapshot:
        number, when = found[series.name, tuple(sorted(series.labels.items()))]
        assert same(float(number), float(value))
        assert when == int(snapshot.time * 1000)


def test_histograms_arrive_with_their_bounds_or_as_exponential_ones(victoria):
    """The store has its own way to keep the latter: by ranges of values."""
    own = HistogramValue(9, 7.5, ((0.5, 1), (2.0, 4)))
    exponential = HistogramValue(5, 7.0, ((1.0, 0), (2.0, 5)), 0)
    entries = (histogram("hist.own"), own), (histogram("hist.exp"), exponential)
    assert delivered(adapter_for(victoria), [shot(*entries)]).delivered == 2
    found = stored(victoria, 7, '{__name__=~"hist.*"}')
    numbers = {(name, labels): value for (name, labels), (value, _) in found.items()}
    assert numbers["hist.own_bucket", (("le", "0.5"),)] == 1
    assert numbers["hist.own_bucket", (("le", "2"),)] == 4
    assert numbers["hist.own_bucket", (("le", "+Inf"),)] == 9
    assert (numbers["hist.own_sum", ()], numbers["hist.own_count", ()]) == (7.5, 9)
    assert (numbers["hist.exp_sum", ()], numbers["hist.exp_count", ()]) == (7.0, 5)
    ranges = [labels for name, labels in numbers if name == "hist.exp_bucket"]
    assert [label for ((label, _),) in ranges] == ["vmrange"]


def test_a_series_that_ends_is_gone_at_once(victoria):
    """Instead of five minutes later."""
    adapter, now = adapter_for(victoria), time.time() - 10
    stays, ends = gauge("ends.stays"), gauge("ends.ends")
    delivered(adapter, [shot((stays, 1), (ends, 2), at=now)])
    delivered(adapter, [shot((stays, 1), at=now + 1)])
    wait_for(
        lambda: len(victoria.exported('{__name__="ends.stays"}')[0]["values"]) == 2,
        what="the second export",
    )
    assert victoria.found('{__name__="ends.ends"}', now + 0.5) == [2.0]
    assert victoria.found('{__name__="ends.ends"}', now + 2) == []
    assert victoria.found('{__name__="ends.stays"}', now + 2) == [1.0]


def test_whether_it_answers_is_asked_without_a_point(victoria):
    """By a request that is empty."""
    assert adapter_for(victoria).send(Batch((), 0), 10.0) is DELIVERED


@contextmanager
def answering(status, body=b"", **headers):
    """Stand in for a receiver that answers the same to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield OTLP(url=f"http://{HOST}:{server.server_port}/v1/metrics")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_points_that_a_receiver_says_it_refused_are_counted():
    """The others of the request are delivered; what the reply says is read by its schema."""
    pytest.importorskip("opentelemetry.proto")
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceResponse,
    )

    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 2
    answer.partial_success.error_message = "too old"
    entries = [(gauge("a.b", n=str(n)), n) for n in range(5)]
    with answering(200, answer.SerializeToString()) as adapter:
        balance = delivered(adapter, [shot(*entries)])
    assert (balance.delivered, balance.dropped["rejected"]) == (3, 2)


@pytest.mark.parametrize("body", [b"", b"OK", b"\xff\xff\xff", b"{}"])
def test_a_reply_that_says_nothing_of_refusals_is_a_delivery(body):
    """Whatever a receiver thinks fit to say."""
    with answering(200, body) as adapter:
        assert delivered(adapter, [shot((gauge("a.b"), 1))]).delivered == 1


@pytest.mark.parametrize(
    ("status", "again"),
    [(429, True), (502, True), (503, True), (504, True), (500, False), (501, False), (400, False)],
)
def test_only_what_the_protocol_allows_is_tried_again(status, again):
    """An error 500 is no reason to send it again."""
    with answering(status, b"because", Retry_After="7") as adapter:
        (batch,) = adapter.encode(shot((gauge("a.b"), 1)), {})
        with pytest.raises(Unavailable if again else Rejected, match="because") as error:
            adapter.send(batch, 10.0)
    if again:
        assert error.value.retry_after == 7


@pytest.fixture
def grpc_kit():
    pytest.importorskip("grpc")
    pytest.importorskip("opentelemetry.proto")
    from sampler_otlp import OTLPGRPC
    from tests.support.otlp_receiver import Receiver

    return OTLPGRPC, Receiver


def test_over_grpc_every_entry_arrives(grpc_kit):
    """As the protocol's own package reads it, with the header fields of the configuration."""
    from tests.adapters.otlp_rows import rows

    adapter_class, receiver_class = grpc_kit
    snapshot = shot(*hostile())
    for gzip in (True, False):
        with receiver_class() as receiver:
            adapter = adapter_class(url=receiver.url, gzip=gzip, headers={"X-Scope": "shop"})
            assert adapter.send(Batch((), 0), 10.0) is DELIVERED
            assert delivered(adapter, [snapshot]).delivered == len(snapshot)
            adapter.close()
            adapter.close()
        found = [row for request in receiver.requests for row in rows(request)]
        names = [(row[1].name, row[3]) for row in found]
        assert names == [(series.name, series.labels) for series, _ in snapshot]
        assert receiver.metadata[0]["x-scope"] == "shop"


def test_over_grpc_what_is_refused_is_alone(grpc_kit):
    """By its halves, or because the receiver says how many."""
    import grpc

    from tests.adapters.otlp_rows import rows

    adapter_class, receiver_class = grpc_kit

    def judge(request):
        if any(row[3] == {"n": "33"} for row in rows(request)):
            return grpc.StatusCode.INVALID_ARGUMENT, "33 is not liked"
        return None

    entries = [(counter("a.b", n=str(n)), n) for n in range(50)]
    with receiver_class(judge) as receiver:
        adapter = adapter_class(url=receiver.url)
        balance = delivered(adapter, [shot(*entries)])
        adapter.close()
    assert (balance.delivered, balance.dropped["rejected"]) == (49, 1)
    with receiver_class(lambda _: (7, "too old")) as receiver:
        adapter = adapter_class(url=receiver.url)
        balance = delivered(adapter, [shot(*entries)])
        adapter.close()
    assert (balance.delivered, balance.dropped["rejected"]) == (43, 7)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("UNAVAILABLE", None),
        ("ABORTED", None),
        ("DATA_LOSS", None),
        ("UNAUTHENTICATED", "unauthorized"),
        ("RESOURCE_EXHAUSTED", "too_large"),
        ("INTERNAL", "rejected"),
        ("UNIMPLEMENTED", "rejected"),
    ],
)
def test_over_grpc_only_what_the_protocol_allows_is_tried_again(grpc_kit, code, reason):
    """With what the receiver says."""
    import grpc

    adapter_class, receiver_class = grpc_kit
    with receiver_class(lambda _: (grpc.StatusCode[code], "because")) as receiver:
        adapter = adapter_class(url=receiver.url)
        (batch,) = adapter.encode(shot((gauge("a.b"), 1)), {})
        with pytest.raises(Unavailable if reason is None else Rejected, match="because") as error:
            adapter.send(batch, 10.0)
        adapter.close()
    assert reason is None or error.value.reason == reason


def test_over_grpc_a_receiver_that_comes_later_is_found(grpc_kit):
    """Nothing is lost meanwhile."""
    adapter_class, receiver_class = grpc_kit
    port = free_port()
    adapter = adapter_class(url=f"http://{HOST}:{port}")
    (batch,) = adapter.encode(shot((gauge("a.b"), 1)), {})
    with pytest.raises(Unavailable):
        adapter.send(batch, 5.0)
    with receiver_class(port=port) as receiver:
        assert adapter.send(batch, 10.0) is DELIVERED
        adapter.close()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"url": "http://127.0.0.1:1/v1/metrics"}, "no path"),
        ({"proxy": "http://127.0.0.1:3128"}, "environment"),
        ({"headers": {"X-Tenant!": "a"}}, "letters"),
        ({"headers": {"Grpc-Timeout": "1S"}}, "letters"),
    ],
)
def test_over_grpc_keys_that_have_no_meaning_are_refused(grpc_kit, keys, wrong):
    """With what to do."""
    with pytest.raises(ValueError, match=wrong):
        grpc_kit[0](**keys)


@pytest.mark.parametrize("name", ["Service", "service name", "", "a..b"])
def test_an_attribute_of_the_resource_has_a_name(name):
    """Of lower-case words."""
    with pytest.raises(ValueError, match="cannot be an attribute"):
        OTLP(resource={name: "x"})


def test_losses_are_histograms_that_cannot_be_exponential_and_digits_of_their_sums():
    """All else is carried: help, unit, kind and every digit of a number; tests/roundtrips."""
    assert set(OTLP.unsupported) == {"precision", "histograms"}


FORKS = """
import os, sys, time
import sampler

shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("who",))
adapters = {"otlp_grpc": {"url": sys.argv[1]}}
sampler.agent.start({"interval": 60, "samplers": {"enable": ["shop"]}, "adapters": adapters})
orders.labels("parent").inc(1)
assert sampler.agent.flush(20.0).complete  # the parent has a connection
if not (child := os.fork()):
    orders.labels("child").inc(5)
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_over_grpc_a_forked_child_delivers_too(grpc_kit):
    """By a connection of its own: the library's is the parent's."""
    from tests.adapters.otlp_rows import rows

    with grpc_kit[1]() as receiver:
        done = subprocess.run(
            [sys.executable, "-c", FORKS, receiver.url],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    found = [row for request in receiver.requests for row in rows(request)]
    counts = [(row[3]["who"], row[4].as_int) for row in found if row[1].name == "shop.orders"]
    assert ("child", 5) in counts
    assert ("parent", 1) in counts
