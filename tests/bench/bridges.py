"""What a bridge costs beside its peer's own collection, and a StatsD listener beside npm's.

CPU time, in turns; lines of StatsD are sent to two processes, and their CPU time is the kernel's
count of it.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import timed
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Numbers = dict[str, float]

ROOT = Path(__file__).parents[2]
NPM = ROOT / ".servers/node_modules/statsd/stats.js"
CHILDREN = 1_000
LINES, DATAGRAMS, ROUNDS = 20, 5_000, 6
_LISTENER = """
import sys
import sampler
from sampler.bridges import statsd
listener = statsd.StatsDListener([sys.argv[1]])
registry = sampler.Registry()
registry.register(statsd.sampler_of(listener))
listener.open()
with sampler.Collector(registry) as consumer:
    print("ready", flush=True)
    for _ in sys.stdin:
        found = {s.name: value for s, value in consumer.collect()}
        print(found["statsd.bridge.values"], flush=True)
"""


def bridges() -> Numbers:
    """Return nanoseconds for a series, or for a line, of ours and of theirs."""
    numbers = {}
    for name, pair in {
        "prometheus_client": prometheus(),
        "opentelemetry": opentelemetry(),
    }.items():
        theirs, ours = pair
        taken = timed.in_turns({"theirs": (theirs, _nothing), "ours": (ours, _nothing)}, 15)
        numbers |= {f"{name}/{who}": seconds * 1e9 for who, seconds in taken.items()}
    return numbers | listeners()


def _nothing() -> None:
    pass


def prometheus() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A thousand counters and gauges, and a hundred histograms."""
    import prometheus_client as peer

    from sampler.bridges import prometheus_client as bridge

    registry = peer.CollectorRegistry()
    counter = peer.Counter("orders", "Orders.", ["route", "method"], registry=registry)
    gauge = peer.Gauge("depth", "Depth.", ["route", "method"], registry=registry)
    wait = peer.Histogram("wait", "Waiting.", ["route"], registry=registry)
    for number in range(CHILDREN):
        counter.labels(f"r{number}", "GET").inc(number)
        gauge.labels(f"r{number}", "GET").set(number)
        if number < CHILDREN // 10:
            wait.labels(f"r{number}").observe(number)
    sample: Any = bridge.sampler_of(registry)["sample"]  # type: ignore[typeddict-item]
    return lambda: [list(family.samples) for family in registry.collect()], lambda: list(sample())


def opentelemetry() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The same in OpenTelemetry."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from sampler.bridges import opentelemetry as bridge

    readers = InMemoryMetricReader(), InMemoryMetricReader()
    for reader in readers:
        meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("shop")
        counter, gauge = meter.create_counter("orders"), meter.create_gauge("depth")
        wait = meter.create_histogram("wait")
        for number in range(CHILDREN):
            attributes = {"route": f"r{number}", "method": "GET"}
            counter.add(number, attributes)
            gauge.set(number, attributes)
            if number < CHILDREN // 10:
                wait.record(number, attributes)
    sample: Any = bridge.sampler_of(readers[1])["sample"]  # type: ignore[typeddict-item]
    return readers[0].get_metrics_data, lambda: list(sample())


def datagrams(*, mixed: bool) -> list[bytes]:
    """Counters of a hundred names; mixed: half of them, a quarter timers, a quarter gauges."""
    chance = random.Random(22)

    def line() -> str:
        name = f"app.service.{chance.randrange(50)}"
        kind = chance.randrange(4 if mixed else 2)
        if kind < 2:
            return f"{name}.calls{kind}:1|c"
        if kind == 2:
            return f"{name}.time:{chance.uniform(1, 500):.3f}|ms"
        return f"{name}.depth:{chance.randrange(500)}|g"

    return ["\n".join(line() for _ in range(LINES)).encode() for _ in range(DATAGRAMS)]


def listeners() -> Numbers:
    """Return nanoseconds of CPU time a line, of our listener and of npm's statsd."""
    if not NPM.exists() or shutil.which("node") is None:
        return {}
    return {
        f"{name}/{who}": taken
        for name, mixed in (("statsd", False), ("statsd, mixed", True))
        for who, taken in _taken(datagrams(mixed=mixed)).items()
    }


def _taken(data: list[bytes]) -> dict[str, float]:
    taken: dict[str, float] = {}
    lines: dict[str, int] = {}
    with ExitStack() as stack:
        running = {"ours": stack.enter_context(ours()), "npm": stack.enter_context(npm())}
        client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for round_ in range(ROUNDS + 1):
            for who, (process, port, count) in running.items():
                seen, before = count(), cpu(process.pid)
                for number, each in enumerate(data):
                    client.sendto(each, ("127.0.0.1", port))
                    if number % 20 == 0:
                        time.sleep(0.002)  # or the kernel would drop some
                time.sleep(0.1)
                used = cpu(process.pid) - before
                if round_:  # the first one warms up
                    taken[who] = taken.get(who, 0) + used
                    lines[who] = lines.get(who, 0) + count() - seen
    return {who: taken[who] * 1e9 / lines[who] for who in taken}


def cpu(pid: int) -> float:
    """Return seconds of CPU time of all threads of a process that live."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def ours() -> Iterator[tuple[Any, int, Callable[[], int]]]:
    """Run our listener; yield its process, its port, and what counts the lines it has seen."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", _LISTENER, f"127.0.0.1:{port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        said, told = process.stdout, process.stdin

        def count() -> int:
            told.write("\n")
            return int(said.readline())

        yield process, port, count
        process.kill()


@contextmanager
def npm() -> Iterator[tuple[Any, int, Callable[[], int]]]:
    """Run npm's statsd without a backend; yield likewise."""
    port, management = free_port(), free_port()
    settings = {"port": port, "mgmt_port": management, "backends": [], "flushInterval": 10**9}
    settings |= {"address": "127.0.0.1", "mgmt_address": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.js")
        file.write_text(json.dumps(settings))
        command = ["node", str(NPM), str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:

            def count() -> int:
                with socket.create_connection(("127.0.0.1", management), 30) as asked:
                    asked.sendall(b"counters\n")
                    said = ""
                    while "END" not in said:
                        said += asked.recv(65_536).decode()
                found = re.search(r"metrics_received'?: (\d+)", said)
                return int(found[1]) if found else 0

            for _ in range(200):
                try:
                    count()
                    break
                except OSError:
                    time.sleep(0.05)
            yield process, port, count
            process.kill()
