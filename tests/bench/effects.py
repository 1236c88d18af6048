"""What an application feels beside the time of a call: threads, CPU in the background, imports.

Each measurement runs in a process of its own (``python -m tests.bench.effects NAME CONTENDER``)
and prints one JSON object of numbers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench import (
    advising,
    bridges,
    decorated,
    destinations,
    disturbance,
    firsts,
    grown,
    gunicorn_page,
    live,
    memory,
    million,
    order,
    population,
    pulls,
    side_by_side,
    tick,
    web,
    workers,
    wrapped,
)
from tests.page import speed
from tests.support.wings import WINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    Numbers = dict[str, float]


def threads(contender: str) -> Numbers:
    """Eight threads on one counter: nanoseconds an increment, and increments that were lost."""
    total, crowd = 200_000, 8
    inc, value = _counter(contender)

    def count() -> None:
        for _ in range(total):
            inc()

    seconds = []
    for _ in range(5):
        before = value()
        worker = [threading.Thread(target=count) for _ in range(crowd)]
        began = time.perf_counter()
        for each in worker:
            each.start()
        for each in worker:
            each.join()
        seconds.append(time.perf_counter() - began)
        lost = total * crowd - (value() - before)
    return {"ns": sorted(seconds)[2] / (total * crowd) * 1e9, "lost": lost}


def _counter(contender: str) -> tuple[Callable[[], None], Callable[[], float]]:
    if contender == "ours":
        import sampler

        ours = sampler.Instruments("bench", sampler.Registry()).counter("c")
        return ours.inc, ours.read
    import prometheus_client as peer

    theirs = peer.Counter("c", "c", registry=peer.CollectorRegistry())
    return theirs.inc, theirs._value.get


def silence(contender: str) -> Numbers:
    """While nobody pulls: threads, and blocks of memory that a thousand increments leave."""
    inc, _ = _counter(contender)
    inc()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        inc()
    return {
        "threads": threading.active_count() - 1,
        "blocks": sys.getallocatedblocks() - before - 1,  # the loop's own number
    }


def background(contender: str) -> Numbers:
    """Per cent of a core, 10 000 series every second in a process that does nothing else.

    A tenth of them changes each second; that is not part of it.
    """
    seconds, interval = 12, 1.0
    stop = threading.Event()
    every: Callable[[], Any] | None = None
    if contender == "ours, openmetrics":
        every, change = pulls.ours_openmetrics(10_000, pulls.FEW)
    elif contender == "ours, graphite agent":
        change = _agent(pulls._receiver(), interval)
    elif contender == "opentelemetry":
        from opentelemetry.sdk.metrics.export import (
            MetricExporter,
            MetricExportResult,
            PeriodicExportingMetricReader,
        )

        class Nowhere(MetricExporter):
            def export(self, *_: Any, **__: Any) -> MetricExportResult:
                return MetricExportResult.SUCCESS

            def shutdown(self, *_: Any, **__: Any) -> None:
                pass

            def force_flush(self, *_: Any, **__: Any) -> bool:
                return True

        reader = PeriodicExportingMetricReader(Nowhere(), export_interval_millis=interval * 1000)
        _, changes = population.opentelemetry(10_000, reader)
        change = population.changing(changes, pulls.FEW)
    elif contender == "prometheus_client, text":
        every, change = pulls.prometheus_text(10_000, pulls.FEW)
    else:
        every, change = pulls.prometheus_graphite(10_000, pulls.FEW)
    changing = 0.0

    def tick() -> None:
        nonlocal changing
        while not stop.wait(interval):
            began = time.thread_time()
            change()
            changing += time.thread_time() - began
            if every is not None:
                every()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    time.sleep(2.5)  # the first pulls name every series
    before = time.process_time() - changing
    time.sleep(seconds)
    used = time.process_time() - changing - before
    stop.set()
    return {"percent": used / seconds * 100}


def _agent(port: int, interval: float) -> Callable[[], None]:
    """Start one that sends to Graphite; return what changes a tenth of the series."""
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse

    graphite = {"host": "127.0.0.1", "port": port}
    registry, changes = population.ours(10_000)
    Agent(parse({"interval": interval, "adapters": {"graphite": graphite}}), registry).start()
    return population.changing(changes, pulls.FEW)


def busy(contender: str) -> Numbers:
    """Milliseconds of a round of 100 samplers beside one thread that never rests."""
    import sampler
    from sampler._runtime.worker import Job, Worker

    def sample() -> list[Any]:
        return [("value", 1)]

    calls = [sample] * 100
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    registry = sampler.Registry()
    for number, call in enumerate(calls):
        registry.register({"name": f"s{number}", "sample": call})
    consumer, worker = sampler.Collector(registry, deadline=60.0), Worker("each")

    def each() -> None:
        for call in calls:
            worker.run([Job(call)], 60.0)

    one_round = consumer.collect if contender == "ours" else each
    one_round()
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    seconds = []
    for _ in range(15 if contender == "ours" else 3):
        began = time.perf_counter()
        one_round()
        seconds.append(time.perf_counter() - began)
    stop.set()
    thread.join()
    return {"ms": sorted(seconds)[len(seconds) // 2] * 1e3}


def importing(contender: str) -> Numbers:
    """Milliseconds of an import in a new process, and the modules that came with it."""
    names = {"ours": "sampler", "opentelemetry": "opentelemetry.metrics"}
    module = names.get(contender, contender)
    code = (
        f"import sys, time; have = set(sys.modules) | {WINGS}; began = time.perf_counter();"
        f"import {module};"
        + ("sampler.Instruments;" if module == "sampler" else "")
        + "print(time.perf_counter() - began, len(set(sys.modules) - have))"
    )
    found = []
    for _ in range(9):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True
        )
        seconds, modules = done.stdout.split()
        found.append((float(seconds) * 1e3, int(modules)))
    return {"ms": sorted(found)[4][0], "modules": found[0][1]}


TOGETHER = ("",)
"""The contenders where one process measures them all, in turns."""
EFFECTS: dict[str, tuple[Callable[[str], Numbers], tuple[str, ...]]] = {
    "threads": (threads, ("ours", "prometheus_client")),
    "turns": (lambda _: side_by_side.side_by_side(), TOGETHER),
    "decorated": (lambda _: decorated.decorated(), TOGETHER),
    "grown": (lambda _: grown.grown(), TOGETHER),
    "order": (lambda _: order.order(), TOGETHER),
    "first": (lambda _: firsts.first(), TOGETHER),
    "destinations": (lambda _: destinations.destinations(), TOGETHER),
    "memory": (memory.memory, ("ours", "prometheus_client")),
    "silence": (silence, ("ours",)),
    "import": (
        importing,
        ("ours", "statsd", "prometheus_client", "opentelemetry", "datadog", "pyformance"),
    ),
    "background": (
        background,
        (
            "ours, openmetrics",
            "ours, graphite agent",
            "opentelemetry",
            "prometheus_client, text",
            "prometheus_client, graphite",
        ),
    ),
    **{
        disturbance.KEYS.get(state, f"disturbance, {state}"): (
            partial(lambda state, _: disturbance.disturbance(state), state),
            TOGETHER,
        )
        for state in disturbance.STATES
    },
    "busy": (busy, ("ours", "a hand-off each")),
    "workers": (workers.workers, ("ours", "prometheus_client", "opentelemetry")),
    "gunicorn": (gunicorn_page.page, ("ours", "prometheus_client")),
    "workers, sending": (lambda _: tick.tick(), TOGETHER),
    "workers, started": (lambda _: wrapped.wrapped(), TOGETHER),
    "web": (web.web, web.KINDS),
    "live": (lambda _: live.live(), TOGETHER),
    "page": (lambda _: speed.measured(), TOGETHER),
    "advise": (lambda _: advising.advising(), TOGETHER),
    "bridges": (lambda _: bridges.bridges(), TOGETHER),
    "million": (million.million, ("ours", "prometheus_client", "bare loop")),
}
"""Measurement to who takes part in it."""
SELDOM = frozenset({"million"})
"""Those that take gigabytes and minutes, for once."""


def measured(name: str, contender: str) -> Numbers:
    """Measure in a new process; return numbers by their full names."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.effects", name, contender],
        check=True,
        stdout=subprocess.PIPE,
    )
    numbers: Numbers = json.loads(done.stdout)
    begin = f"{name}/{contender}/" if contender else f"{name}/"
    return {f"{begin}{key}": number for key, number in numbers.items()}


if __name__ == "__main__":
    print(json.dumps(EFFECTS[sys.argv[1]][0](sys.argv[2])), flush=True)
