"""What becomes of pushes when networks, endpoints, samplers and clocks fail.

Each measurement takes a peer's name, and returns a sentence; it has a process of its own.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import psutil

from sampler.adapterkit import dns
from tests.chaos.peers.rigs import BRIDGE, HOST, INTERVAL, TIMEOUT, Collected, Rig
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 3.0
"""Of each fault: fifteen intervals."""
PADDING = {"padding": lambda: ((1, {"at": f"{i:06}"}) for i in range(1000))}


def refused(peer: str) -> str:
    """Scenario 1."""
    return outage(Rig(peer), lambda rig: rig.proxy.refuse())


def swallowed(peer: str) -> str:
    """Scenario 2."""
    return outage(Rig(peer), lambda rig: rig.swallow())


def half_open(peer: str) -> str:
    """Scenario 3: bytes are taken, and never arrive."""

    def end(rig: Rig) -> None:
        rig.proxy.reset_all()
        rig.heal()

    return outage(Rig(peer), lambda rig: rig.proxy.blackhole(), end)


def reset(peer: str) -> str:
    """Scenario 4: after 2,000 bytes of some 20,000."""

    def begin(rig: Rig) -> None:
        rig.proxy.reset_after = 2000

    return outage(Rig(peer, PADDING), begin)


def no_names(peer: str) -> str:
    """Scenario 6: every look-up takes a second, and fails."""
    real, ours = socket.getaddrinfo, dns.getaddrinfo
    rig = Rig(peer, host="localhost")

    def dead(*_: Any, **__: Any) -> Any:
        time.sleep(1)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    def begin(rig: Rig) -> None:
        rig.proxy.reset_all()  # no connection is kept
        socket.getaddrinfo = dns.getaddrinfo = dead

    def end(_: Rig) -> None:
        socket.getaddrinfo, dns.getaddrinfo = real, ours

    return outage(rig, begin, end)


def neighbour(peer: str) -> str:
    """Scenario 8."""
    one, other = Rig(peer).begun(), Rig(peer).begun()
    alone = other.within(SECONDS)
    one.swallow()
    return (
        f"the other's pushes in {SECONDS:g} s: {alone} before, {other.within(SECONDS)} meanwhile"
    )


def statuses(peer: str) -> str:
    """Scenario 9: the fifth answer is the first good one."""
    if peer == BRIDGE:
        return "- no HTTP"
    said = []
    for status in (500, 503):
        rig = Rig(peer, interval=3600)
        rig.sink.statuses = [status] * 3 + [(429, {"Retry-After": "2"})]
        export(rig, timeout=20.0)
        times = [when for when, _ in rig.sink.requests]
        pauses = ", ".join(f"{after - before:.1f}" for before, after in itertools.pairwise(times))
        delivered = len(rig.sink.values("ticks"))
        said.append(
            f"{status}: requests {len(times)}, delivered {delivered}, pauses {pauses or 0} s"
        )
    return "; ".join(said)


def poisoned(peer: str) -> str:
    """Scenario 10: the first answer is 400."""
    if peer == BRIDGE:
        return "- no HTTP"
    rig = Rig(peer, PADDING, interval=30)
    rig.sink.statuses = [400]
    export(rig)
    return f"{len(rig.sink.values('padding'))} of 1,000 arrive; requests: {len(rig.sink.requests)}"


def redirected(peer: str) -> str:
    """Scenario 11: a request with credentials is sent to another host."""
    first, second = Collected(), Collected()
    where = {"Location": f"http://localhost:{second.port}/v1/metrics"}
    if peer == BRIDGE:
        from prometheus_client import CollectorRegistry, push_to_gateway
        from prometheus_client.exposition import passthrough_redirect_handler

        def handler(url: str, method: str, timeout: Any, headers: Any, data: bytes) -> Any:
            more = [*headers, ("Authorization", "Basic canary")]
            return passthrough_redirect_handler(url, method, timeout, more, data)

        first.statuses = [(302, where)]
        push_to_gateway(f"{HOST}:{first.port}", "job", CollectorRegistry(), handler=handler)
        how = "push_to_gateway with passthrough_redirect_handler"
    else:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import MetricsData

        first.statuses = [(307, where)]
        url = f"http://{HOST}:{first.port}/v1/metrics"
        OTLPMetricExporter(url, headers={"authorization": "canary"}, timeout=5).export(
            MetricsData([])
        )
        how = "its exporter"
    leaked = sum("canary" in str(headers) for headers in second.headers)
    return f"{how}: requests at the other host: {len(second.headers)}, with credentials: {leaked}"


def dripping(peer: str) -> str:
    """Scenario 12: a byte of the answer every 0.3 s, for ever."""
    if peer == BRIDGE:
        return "- reads no answer"
    rig = Rig(peer).begun()
    rig.sink.drip = 0.3
    return f"pushes in {2 * SECONDS:g} s, with a limit of {TIMEOUT:g} s each: " + str(
        rig.within(2 * SECONDS)
    )


def raising(peer: str) -> str:
    """Scenario 15: one ValueError, once."""
    wrong = [False]

    def sample() -> Any:
        if wrong[0]:
            wrong[0] = False
            raise ValueError("once")
        yield 1, {}

    rig = Rig(peer, {"other": sample}).begun()
    before = rig.within(SECONDS)
    wrong[0] = True
    wait_for(lambda: not wrong[0], what="the error")
    return f"one ValueError: {before} pushes in {SECONDS:g} s before, {rig.within(SECONDS)} after"


def hanging(peer: str) -> str:
    """Scenario 16: one sampler of two does not return."""
    return _misbehaving(peer, lambda: time.sleep(3600))


def slow(peer: str) -> str:
    """Scenario 20: one sampler of two takes 2.5 intervals."""
    return _misbehaving(peer, lambda: time.sleep(2.5 * INTERVAL))


def endless(peer: str) -> str:
    """Scenario 18: one sampler of two never stops yielding."""
    begun = [False]

    def sample() -> Any:
        while begun[0]:
            yield 1, {"at": str(time.monotonic_ns())}
        yield 1, {"at": "a"}

    rig = Rig(peer, {"other": sample}).begun()
    before, memory = rig.within(SECONDS), _memory()
    begun[0] = True
    after = rig.within(SECONDS)
    return (
        f"pushes in {SECONDS:g} s: {before} before, {after} meanwhile; "
        f"memory grows by {_memory() - memory:.0f} MiB in these"
    )


def clock(peer: str) -> str:
    """Scenario 23: the wall clock goes an hour back, then a day forward."""
    shift = [0.0]
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + shift[0]
    time.time_ns = lambda: real_ns() + int(shift[0] * 1e9)
    rig = Rig(peer).begun()
    said = [rig.within(SECONDS)]
    for seconds in (-3600.0, 86_400.0):
        shift[0] = seconds
        said.append(rig.within(SECONDS))
    return f"pushes in {SECONDS:g} s: {said[0]}; an hour back {said[1]}; a day forward {said[2]}"


def stopped(peer: str) -> str:
    """Scenario 24."""
    rig = Rig(peer).begun()
    seconds = 5 * INTERVAL
    with subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"]):
        os.kill(os.getpid(), signal.SIGSTOP)
        again = time.monotonic()
        time.sleep(INTERVAL)
    more = sum(again - 0.01 <= when <= again + INTERVAL for when in rig.pulls)
    return f"pulls in the first interval afterwards: {more}"


def forked(peer: str) -> str:
    """Scenario 25: ten forks while a push is on its way."""
    rig = Rig(peer).begun()
    rig.proxy.latency = 0.1
    delivered, before = 0, len(rig.pulls)
    for n in range(1, 11):
        time.sleep(0.13)
        pid = os.fork()
        if pid == 0:
            rig.base = n * 1_000_000
            time.sleep(1.5)
            os._exit(0)
        os.waitpid(pid, 0)
        delivered += any(value // 1_000_000 == n for value in rig.arrived)
    lost = sum(
        n not in rig.arrived
        for n in range(before, len(rig.pulls) - 5)  # the last are on the way
    )
    return f"{delivered} of 10 children deliver; the parent lacks {lost} pushes"


def log(peer: str) -> str:
    """Scenario 40: what an outage writes."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.extend(handler.format(record).splitlines())
    rig = Rig(peer).begun()
    logging.getLogger().addHandler(handler)
    rig.proxy.refuse()
    before = len(rig.pulls)
    time.sleep(2 * SECONDS)
    failed = max(1, len(rig.pulls) - before)
    each = len(lines) / failed
    return (
        f"{len(lines)} lines of log for {failed} failed pushes: {each * 8640:,.0f} a day at 10 s"
    )


def export(rig: Rig, timeout: float = TIMEOUT) -> None:
    """Let OpenTelemetry export once, on this thread."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    url = f"http://{HOST}:{rig.proxy.port}/v1/metrics"
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(url, timeout=timeout), 3_600_000, timeout * 1000
    )
    meter = MeterProvider([reader]).get_meter("once")
    meter.create_observable_gauge("ticks", [lambda _: [Observation(1)]])
    padding = [Observation(value, labels) for value, labels in PADDING["padding"]()]
    meter.create_observable_gauge("padding", [lambda _: padding])
    reader.collect(timeout * 1000)


def outage(
    rig: Rig,
    begin: Callable[[Rig], None],
    end: Callable[[Rig], None] = Rig.heal,
    seconds: float = SECONDS,
) -> str:
    """Count the pulls during a fault, and which of them arrive."""
    rig.begun()
    begin(rig)
    before = len(rig.pulls)
    time.sleep(seconds)
    after = len(rig.pulls)
    end(rig)
    last = max(rig.arrived)
    wait_for(
        lambda: max(rig.arrived) > max(last, after), limit=20, what="the first push afterwards"
    )
    arrived = len(rig.arrived & set(range(before + 1, after + 1)))
    due = round(seconds / INTERVAL)
    return f"{after - before} pulls of the {due} due in {seconds:g} s, {arrived} of them arrive"


def _misbehaving(peer: str, does: Callable[[], object]) -> str:
    begun = [False]

    def sample() -> Any:
        if begun[0]:
            does()
        yield 1, {}

    rig = Rig(peer, {"other": sample}).begun()
    before = rig.within(SECONDS)
    begun[0] = True
    return f"pushes in {SECONDS:g} s: {before} before, {rig.within(SECONDS)} meanwhile"


def _memory() -> float:
    return psutil.Process().memory_info().rss / 2**20
