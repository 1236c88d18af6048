"""Many processes of one host: what a worker's report costs, and a page with the totals of all.

Workers have the series of :mod:`tests.bench.mix`. Those of ours are
sessions of one relay, with the messages that go over its socket. Those of prometheus_client are
processes that have written their files, as its multiprocess mode has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import timed
from tests.bench.mix import BOUNDS, COUNTERS, GAUGES, HISTOGRAMS, Mix

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.pulls import Operation

FEW, MANY = 8, 200
INTERVAL = 10.0
ROUNDS = 15


def workers(contender: str) -> dict[str, float]:
    """Milliseconds of CPU by what is done, and nanoseconds of an increment in a worker."""
    contenders = {"prometheus_client": _theirs, "opentelemetry": _opentelemetry}
    return contenders.get(contender, _ours)()


class _Worker:
    """A worker of ours: its instruments, its consumer, and its side of the wire."""

    def __init__(self, members: Any, number: int, buckets: Any = BOUNDS) -> None:
        import sampler
        from sampler.agent.delivery.baselines import Baselines
        from sampler.relay.exemplars import NewExemplars
        from sampler.relay.frames import FrameReader
        from sampler.relay.messages import VERSION, Hello
        from sampler.relay.session import Session
        from sampler.relay.tables import Slices, Tables

        registry = sampler.Registry()
        self.mix = Mix(registry, buckets, seed=number)
        self.work = self.mix.work
        self.collector = sampler.Collector(registry)
        name = str(number)
        hello = Hello(VERSION, name, "shop", name, "worker", time.time(), INTERVAL, name)
        self._session = Session(members, members.welcome(hello, number + 1))
        self._baselines, self._slices, self._tables = Baselines(), Slices(), Tables({})
        self._exemplars = NewExemplars()
        self._reader = FrameReader()
        self.snapshot: Any = None
        self._frames = b""

    def pull(self) -> None:
        """Pull."""
        self.snapshot = self.collector.collect()

    def report(self) -> None:
        """Write what goes to the relay."""
        from sampler.relay.frames import frame
        from sampler.relay.messages import Kind

        self._baselines.offer(self.snapshot)
        pairs = self._slices.of(self.snapshot.blocks)
        frames = list(self._tables.update([part for _, part in pairs], {}))
        frames += [
            part.values(block, place, self._exemplars)[0]
            for place, (block, part) in enumerate(pairs)
        ]
        self._frames = b"".join((*frames, frame(Kind.SYNC)))
        self._baselines.handed_over(self.snapshot)

    def arrive(self) -> None:
        """Let the relay read it."""
        for kind, body in self._reader.feed(self._frames):
            self._session.receive(kind, body)


class _Relay:
    """A relay with so many workers, all of which have reported once, and its page."""

    def __init__(self, size: int) -> None:
        from sampler.agent import Ledger, Snapshot
        from sampler.relay.members import Members
        from sampler_prometheus._exposition import Exposition

        members = Members(time.time(), time.time)
        reader = members.reader()
        self.workers = [_Worker(members, number) for number in range(size)]

        def collect() -> Any:
            blocks = members.collect(reader)
            return Snapshot(blocks, time.time(), 0.0, {"service": "shop"}, (), INTERVAL)

        self._page = Exposition(collect, Ledger())
        self.tick()
        self.arrive()

    def tick(self) -> None:
        """Let all workers count, pull and report, as within an interval."""
        for each in self.workers:
            each.work()
            each.pull()
            each.report()

    def arrive(self) -> None:
        """Let all reports arrive."""
        for each in self.workers:
            each.arrive()

    def page(self) -> bytes:
        """Return the page."""
        body: bytes = self._page.answer("text/plain").body
        return body


def _ours() -> dict[str, float]:
    found = {"inc ns": _inc(_Relay(1).workers[0].mix.counters[0].inc)}
    (worker,) = _Relay(1).workers

    def pulled() -> None:
        worker.work()
        worker.pull()

    pull: Operation = worker.pull, worker.work
    report: Operation = worker.report, pulled
    both = timed.in_turns({"pull": pull, "report": report}, 10 * ROUNDS)
    found |= {name: seconds * 1e3 for name, seconds in both.items()}
    for size in (FEW, MANY):
        relay = _Relay(size)

        def reported(relay: _Relay = relay) -> None:
            relay.tick()
            relay.arrive()

        arrival: Operation = relay.arrive, relay.tick
        page: Operation = relay.page, reported
        taken = timed.in_turns({"arrive": arrival, "page": page}, ROUNDS)
        found |= {f"{name} of {size}": seconds * 1e3 for name, seconds in taken.items()}
    busy = found[f"arrive of {MANY}"] + found[f"page of {MANY}"]
    return {**found, "% of a core": busy / INTERVAL / 10}


_WRITER = """
import sys
from tests.bench.workers import their_metrics, counted
counted(*their_metrics())
"""


def _theirs() -> dict[str, float]:
    """Measure prometheus_client's multiprocess mode: files of processes, read by another one."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read when it is imported
        for _ in range(FEW):
            subprocess.run([sys.executable, "-c", _WRITER], check=True)
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        files = len(list(Path(folder).iterdir()))
        page: Operation = (lambda: generate_latest(registry)), int
        seconds = timed.in_turns({"": page}, ROUNDS)[""]
        counter, *_ = their_metrics()
        return {
            "inc ns": _inc(counter.labels("/r/1").inc),
            f"page of {FEW}": seconds * 1e3,
            "files": float(files),
        }


def _opentelemetry() -> dict[str, float]:
    """Measure a page for each worker: OpenTelemetry has no totals over processes."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, generate_latest

    reader = PrometheusMetricReader()
    registry = CollectorRegistry()
    registry.register(reader._collector)
    meter = MeterProvider([reader]).get_meter("shop")
    orders, depth = meter.create_counter("orders"), meter.create_gauge("depth")
    wait = meter.create_histogram("wait", "s", explicit_bucket_boundaries_advisory=BOUNDS)
    route = {"route": "/r/1"}
    for i in range(COUNTERS):
        orders.add(1, {"route": f"/r/{i}"})
    for i in range(GAUGES):
        depth.set(i, {"queue": f"q{i}"})
    for i in range(HISTOGRAMS):
        wait.record(0.03, {"route": f"/r/{i}"})
    page: Operation = (lambda: generate_latest(registry)), int
    seconds = timed.in_turns({"": page}, ROUNDS)[""]
    return {"inc ns": _inc(lambda: orders.add(1, route)), f"{FEW} pages": FEW * seconds * 1e3}


def their_metrics() -> tuple[Any, Any, Any]:
    """Return a counter, a gauge and a histogram of prometheus_client."""
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    registry = CollectorRegistry()
    return (
        Counter("shop_orders", "", ["route"], registry=registry),
        Gauge("shop_depth", "", ["queue"], registry=registry, multiprocess_mode="livesum"),
        Histogram("shop_wait", "", ["route"], registry=registry, buckets=BOUNDS),
    )


def counted(counter: Any, gauge: Any, histogram: Any) -> None:
    """Let a process of theirs count."""
    for i in range(COUNTERS):
        counter.labels(f"/r/{i}").inc()
    for i in range(GAUGES):
        gauge.labels(f"q{i}").set(i)
    for i in range(HISTOGRAMS):
        histogram.labels(f"/r/{i}").observe(0.03)


def _inc(inc: Callable[[], None]) -> float:
    many: Operation = (lambda: [inc() for _ in range(10_000)]), int
    none: Operation = (lambda: [int for _ in range(10_000)]), int
    taken = timed.in_turns({"inc": many, "nothing": none}, 3 * ROUNDS)
    return (taken["inc"] - taken["nothing"]) * 1e5
