"""What becomes of pushes when certificates, packets or labels are bad; and of secrets.

Each measurement takes a peer's name, and returns a sentence; it has a process of its own. What
imports our own library is imported late: the other measurements do without it.
"""

from __future__ import annotations

import base64
import logging
import math
import os
import re
import subprocess
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos.peers.pushed import outage
from tests.chaos.peers.rigs import BRIDGE, HOST, Collected, Rig, Written, push
from tests.support.proxy import Proxy
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-51c0ffee"
FORMS = (CANARY, base64.b64encode(f"me:{CANARY}".encode()).decode())
LINE = re.compile(rb"c\d+\.at\.[\w-]+ [\d.]+ \d+")
"""Of Graphite: a path, a value and a time."""
LOSSY = PATIENCE = 10.0
"""Seconds of lost packets, and that an attempt may take then: a lost SYN alone takes one."""
ROOM = 'ip link set lo up && exec "$@"'
SERIES = 10_000


def certified(peer: str) -> str:
    """Scenario 13: one push to each of two servers, whose authority is trusted."""
    from tests.chaos.test_tls import FAULTS, Gateway, presenting
    from tests.support.certificates import trust

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)  # they win over the exporter's certificate_file
    logged = _logged()
    said = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["SSL_CERT_FILE"] = str(trust(folder))  # as push_to_gateway has no such option

        def attempt(names: Any, how: Any) -> tuple[int, str]:
            logged.clear()
            raised = 0
            with Gateway(presenting(folder, *names, **how)) as gateway:
                address = f"https://localhost:{gateway.port}"
                try:
                    _pushing(peer, address, str(folder / "ca.pem"))[0]()
                except Exception:
                    raised = 1
            lines = sum(len(each.splitlines()) for each in logged)
            heard, count = len(gateway.heard), gateway.connections
            what = f"bytes of payload {heard}, connections {count}"
            return heard, f"{what}, exceptions {raised}, lines of log {lines}"

        good, _ = attempt(["localhost"], {})
        assert good, "a good certificate: nothing arrives"
        for fault in ("expired", "wrong name"):
            names, how, _ = FAULTS[fault]
            said.append(f"{fault}: {attempt(names, how)[1]}")
    how_it_pushes = "push_to_gateway (the bridge has no TLS)" if peer == BRIDGE else "its exporter"
    return f"{how_it_pushes}: {'; '.join(said)}"


def lossy(peer: str) -> str:
    """Scenario 14: every fifth packet, in both directions, in a network namespace."""
    program = [sys.executable, "-m", "tests.chaos.peers.further", peer]
    room = ["unshare", "-n", "sh", "-c", ROOM, "room", *program]
    done = subprocess.run(room, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


def hostile(peer: str) -> str:
    """Scenario 22: label values of the corpus, some 25 under each of 400 names."""
    from tests.adapters.corpus import corpus

    texts: dict[tuple[str, str], None] = {}
    for series, _ in corpus(2 * SERIES):
        name = series.name.partition(".")[0]
        texts.update(dict.fromkeys((name, text) for text in series.labels.values()))
    given = list(texts)[:SERIES]
    assert len(given) == SERIES
    values: dict[str, list[tuple[float, dict[str, str]]]] = {}
    for value, (name, text) in enumerate(given):
        values.setdefault(name, []).append((value, {"at": text}))
    samplers: dict[str, Any] = {name: partial(iter, pairs) for name, pairs in values.items()}
    if peer == BRIDGE:
        written = Written()
        kept = push(peer, samplers, HOST, written.port, 3600)
        wait_for(lambda: written.ended, limit=30, what="the end of a push")
        good = [line for line in written.lines if LINE.fullmatch(line)]
        lines = len(written.lines)
        bad = lines - len(good) + len(written.torn)
        paths = {line.partition(b" ")[0] for line in good}
        foreign = sum(path.partition(b".")[0].decode() not in values for path in paths)
        what = (
            f"{len(paths):,} distinct paths in {lines:,} lines, {bad} malformed, {foreign} foreign"
        )
    else:
        sink = Collected()
        kept = push(peer, samplers, HOST, sink.port, 2)
        wait_for(lambda: sink.requests, limit=30, what="a push")
        found = _series(sink.bodies[0])
        same = len(found & set(given))
        what = f"{same:,} arrive, each as it was, {len(found) - same} foreign"
    del kept
    return f"{SERIES:,} series: {what}"


def secret(peer: str) -> str:
    """Scenario 39: a password, while the answer is 401, and while nobody answers."""
    sink, logged, errors = Collected(), _logged(level=1), []
    with Proxy((HOST, sink.port)) as proxy:
        push_once, parts = _pushing(peer, f"http://{HOST}:{proxy.port}")
        sink.statuses = [202]  # 200 would be read as OTLP
        push_once()
        assert any(FORMS[1] in str(headers) for headers in sink.headers), "it is not sent"
        logged.clear()
        for fault in (partial(sink.statuses.append, 401), proxy.refuse):
            fault()
            try:
                push_once()
            except Exception as error:
                errors.append(repr(error) + "".join(traceback.format_exception(error)))
    groups = {"reprs": [repr(each) for each in parts], "log records": logged, "errors": errors}
    counts = (
        f"{sum(any(form in text for form in FORMS) for text in texts)} of {len(texts)} {what}"
        for what, texts in groups.items()
    )
    how = "push_to_gateway with basic_auth_handler" if peer == BRIDGE else "its exporter"
    return f"{how}: the password is in {', '.join(counts)}"


def _pushing(
    peer: str, address: str, trusted: str | None = None
) -> tuple[Callable[[], None], list[object]]:
    """Return what pushes once, with a password, and the objects that take part in it."""
    if peer == BRIDGE:
        from prometheus_client import CollectorRegistry, Gauge, push_to_gateway
        from prometheus_client.exposition import basic_auth_handler

        registry = CollectorRegistry()
        Gauge("level", "Level.", registry=registry).set(1)

        def handler(url: str, method: str, timeout: Any, headers: Any, data: bytes) -> Any:
            handle = basic_auth_handler(url, method, timeout, headers, data, "me", CANARY)
            parts.append(handle)
            return handle

        parts: list[object] = [registry, handler]
        return lambda: push_to_gateway(address, "job", registry, handler=handler), parts
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    fields = {"authorization": f"Basic {FORMS[1]}"}
    exporter = OTLPMetricExporter(f"{address}/v1/metrics", trusted, headers=fields)
    reader = PeriodicExportingMetricReader(exporter, math.inf)
    provider = MeterProvider([reader])
    meter = provider.get_meter("once")
    meter.create_observable_gauge("level", [lambda _: [Observation(1)]])
    return reader.collect, [exporter, reader, provider]


def _logged(level: int = logging.WARNING) -> list[str]:
    """Return the texts of all records from now on, with their tracebacks."""
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(handler.format(record))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)
    return texts


def _series(body: bytes) -> set[tuple[str, str]]:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    return {
        (metric.name, attribute.value.string_value)
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
        for attribute in point.attributes
    }


def _main() -> None:
    """Lose packets; this process has a network of its own."""
    from tests.chaos.inside_namespace import dropped, rule

    rig = Rig(sys.argv[1], timeout=PATIENCE)
    lost = 0

    def begin(rig: Rig) -> None:
        every = ("-m", "statistic", "--mode", "nth", "--every", 5, "--packet", 0)
        for way in ("--dport", "--sport"):
            rule("-p", "tcp", way, rig.proxy.port, *every, "-j", "DROP")

    def end(_: Rig) -> None:
        nonlocal lost
        lost = dropped()
        subprocess.run(["iptables", "-F", "INPUT"], check=True)

    said = outage(rig, begin, end, LOSSY)
    print(f"{said}, with a limit of {PATIENCE:g} s each; {lost} packets lost", flush=True)
    os._exit(0)


if __name__ == "__main__":
    _main()
