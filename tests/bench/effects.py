"""What an application feels: memory, threads in one another's way, CPU in the background.

Each measurement runs in a process of its own (``python -m tests.bench.effects NAME CONTENDER``)
and prints one JSON object of numbers.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from tests.bench import population, pulls
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


def memory(contender: str) -> Numbers:
    """Bytes of one idle series with one label, its text included."""
    number = 50_000
    found = {}
    for kind in ("counter", "histogram"):
        make = _maker(contender, kind)
        make("first")
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for i in range(number):
            make(f"value{i}")
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        found[kind] = (after - before) / number
    return found


def _maker(contender: str, kind: str) -> Callable[[str], Any]:
    if contender == "ours":
        import sampler

        group = sampler.Instruments("bench", sampler.Registry(), max_children=100_000)
        made = getattr(group, kind)(kind, labels=("k",))
        if kind == "counter":
            return made.labels

        def observed(text: str) -> Any:
            child = made.labels(text)
            child.observe(0.3)  # it takes room for the buckets that are filled
            return child

        return observed
    import prometheus_client as peer

    registry = peer.CollectorRegistry()
    classes = {"counter": peer.Counter, "histogram": peer.Histogram}
    return classes[kind]("m", "m", ["k"], registry=registry).labels


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
    """Per cent of a core, 10 000 series every second in a process that does nothing else."""
    seconds, interval = 12, 1.0
    stop = threading.Event()
    every: Callable[[], Any] | None = None
    if contender == "ours, openmetrics":
        every, _ = pulls.ours_openmetrics(10_000, 0.0)
    elif contender == "ours, graphite agent":
        _agent(pulls._receiver(), interval)
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
        population.opentelemetry(10_000, reader)
    elif contender == "prometheus_client, text":
        every, _ = pulls.prometheus_text(10_000, 0.0)
    else:
        every, _ = pulls.prometheus_graphite(10_000, 0.0)

    def tick() -> None:
        while every is not None and not stop.wait(interval):
            every()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    time.sleep(2.5)  # the first pulls name every series
    before = time.process_time()
    time.sleep(seconds)
    used = time.process_time() - before
    stop.set()
    return {"percent": used / seconds * 100}


def _agent(port: int, interval: float) -> None:
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse

    graphite = {"host": "127.0.0.1", "port": port}
    registry, _ = population.ours(10_000)
    Agent(parse({"interval": interval, "adapters": {"graphite": graphite}}), registry).start()


def disturbance(contender: str) -> Numbers:
    """Milliseconds of a request while 100 000 series are pulled and encoded over and over.

    A request is 0.9 ms of pure Python. Beside the quantiles of requests: the same of those in
    between, when nothing is pulled, and how long a pass took.
    """
    make = {
        "ours": pulls.ours_openmetrics,
        "prometheus_client": pulls.prometheus_text,
        "opentelemetry": pulls.opentelemetry_collect,
    }
    operation, _ = make[contender](100_000, 0.0)
    operation()
    rounds, passes = _rounds(), []
    idle: list[float] = []
    beside: list[float] = []

    def over_and_over(end: threading.Event) -> None:
        while not end.wait(0.2):
            began = time.perf_counter()
            operation()
            if not end.is_set():
                passes.append(time.perf_counter() - began)

    for _ in range(4):  # in turns: the machine's speed changes
        idle += _requests(rounds, 2.0)
        end = threading.Event()
        thread = threading.Thread(target=over_and_over, args=(end,))
        thread.start()
        beside += _requests(rounds, 5.0)
        end.set()
        thread.join()
    found = {
        **{f"p{q}": _quantile(beside, q) * 1e3 for q in (50, 99, 99.9)},
        **{f"idle p{q}": _quantile(idle, q) * 1e3 for q in (50, 99, 99.9)},
    }
    if passes:  # none that ended within seconds: it is left out
        found["pass"] = _quantile(passes, 50) * 1e3
    return found


def _requests(rounds: int, seconds: float) -> list[float]:
    """Serve requests one after the other; return the seconds of each."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        _spin(rounds)
        taken.append(time.perf_counter() - began)
    return taken


def _quantile(values: list[float], q: float) -> float:
    return sorted(values)[int(len(values) * q / 100)]


def _spin(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number & 7
    return total


def _rounds() -> int:
    """Return how many rounds take 0.9 ms."""
    began = time.perf_counter()
    _spin(1_000_000)
    return round(0.9e-3 / (time.perf_counter() - began) * 1_000_000)


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


EFFECTS: dict[str, tuple[Callable[[str], Numbers], tuple[str, ...]]] = {
    "threads": (threads, ("ours", "prometheus_client")),
    "memory": (memory, ("ours", "prometheus_client")),
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
    "disturbance": (disturbance, ("ours", "prometheus_client", "opentelemetry")),
    "busy": (busy, ("ours", "a hand-off each")),
}
"""Measurement to who takes part in it."""


def measured(name: str, contender: str) -> Numbers:
    """Measure in a new process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.effects", name, contender],
        check=True,
        stdout=subprocess.PIPE,
    )
    numbers: Numbers = json.loads(done.stdout)
    return numbers


if __name__ == "__main__":
    print(json.dumps(EFFECTS[sys.argv[1]][0](sys.argv[2])), flush=True)
