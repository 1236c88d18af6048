"""What becomes of programs: how they end, and what their threads, signals and labels do.

Each measurement takes a peer's name, and returns a sentence; it has a process of its own.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import psutil

from tests.chaos.peers.rigs import BRIDGE, HOST, Collected, Written, push
from tests.support.proxy import Proxy
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = 100_000
THREADS, INCREMENTS = 8, 100_000
STORM = 5.0
"""Seconds of signals and collections."""


def terminated(peer: str) -> str:
    """Scenario 27: SIGTERM between two pushes, a minute apart."""
    arrived, took, said = _ending(peer, lambda process: process.terminate())
    return f"the last value {_arrives(arrived)}; ends after {took:.1f} s{said}"


def ended(peer: str) -> str:
    """Scenario 28: the end of the main program."""
    arrived, took, said = _ending(peer, _close)
    text = f"the last value {_arrives(arrived)}; ends after {took:.1f} s{said}"
    _, took, said = _ending(peer, _close, Proxy.blackhole)
    return f"{text}; black hole: after {took:.1f} s{said}"


def labelled(peer: str) -> str:
    """Scenario 19: with a tenth of a million."""
    count, _ = _counter(peer)
    before = psutil.Process().memory_info().rss
    for i in range(LABELS):
        count(str(i))
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    return f"{LABELS:,} label sets take {grown:.0f} MiB"


def counted(peer: str) -> str:
    """Scenario 30: with a tenth of a million increments in each thread."""
    count, total = _counter(peer)
    count("x")

    def work() -> None:
        for _ in range(INCREMENTS):
            count("x")

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for each in threads:
        each.start()
    pulls = 0
    while any(each.is_alive() for each in threads):
        total()
        pulls += 1
    got, due = total(), THREADS * INCREMENTS + 1
    return f"{THREADS} x {INCREMENTS:,} increments: {'exact' if got == due else f'{got} of {due}'}"


def stormed(peer: str) -> str:
    """Scenario 29: counts in signal handlers and in finalizers, some under new labels."""
    pid = os.fork()
    if pid == 0:
        try:
            _storm(peer)
        except BaseException:
            traceback.print_exc()
            os._exit(4)
    ends = time.monotonic() + STORM + 10
    while time.monotonic() < ends:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            exact = {0: "the sum is exact", 3: "the sum is wrong"}
            code = os.waitstatus_to_exitcode(status)
            return f"{STORM:g} s without a deadlock, " + exact.get(code, "then an exception")
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"{STORM:g} s of it do not end within {STORM + 10:g} s: stuck"


def _storm(peer: str) -> None:
    count, total = _counter(peer)
    made = 0

    class Finalized:
        def __init__(self) -> None:
            self.me = self  # only the collector of garbage ends it

        def __del__(self) -> None:
            nonlocal made
            made += 1
            count(f"finalized {made % 5000}")

    def handler(*_: object) -> None:
        nonlocal made
        made += 1
        count("signalled")
        signal.setitimer(signal.ITIMER_REAL, 0.0005)  # the next one when this one is over

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    gc.set_threshold(1)
    ends = time.monotonic() + STORM
    mine = 0
    while time.monotonic() < ends:
        Finalized()
        mine += 1
        count(f"main {mine % 5000}")
        if not mine % 100:
            total()
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    gc.collect()
    gc.disable()
    os._exit(0 if total() == made + mine else 3)


def _counter(peer: str) -> tuple[Callable[[str], None], Callable[[], float]]:
    """Return what adds one under a label, and what tells the sum of all."""
    if peer == BRIDGE:
        from prometheus_client import CollectorRegistry, Counter

        registry = CollectorRegistry()
        counter = Counter("made", "Made.", ["at"], registry=registry)

        def total() -> float:
            (family,) = registry.collect()
            return sum(s.value for s in family.samples if s.name == "made_total")

        return lambda at: counter.labels(at).inc(), total
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("made")
    made = meter.create_counter("made")

    def total_of() -> float:
        data: Any = reader.get_metrics_data()
        found = data.resource_metrics[0].scope_metrics[0].metrics[0].data
        return sum(point.value for point in found.data_points)

    return lambda at: made.add(1, {"at": at}), total_of


def _ending(
    peer: str,
    end: Callable[[subprocess.Popen[str]], object],
    fault: Callable[[Proxy], object] | None = None,
) -> tuple[set[float], float, str]:
    """Return what arrived of a program, how long its end took, and what it said of it."""
    sink: Any = Written() if peer == BRIDGE else Collected()
    with Proxy((HOST, sink.port)) as proxy:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.peers.programs", peer, str(proxy.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            if peer == BRIDGE:
                wait_for(lambda: sink.values("level"), what="the first push")
            if fault is not None:
                fault(proxy)
            began = time.monotonic()
            end(process)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            took = time.monotonic() - began
            written = process.stderr.read().splitlines()
        said = f", {len(written)} lines on standard error" if written else ""
        return set(sink.values("level")), took, said


def _close(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def _arrives(values: set[float]) -> str:
    return "arrives" if 2 in values else "is lost"


def _main() -> None:
    peer, port = sys.argv[1:]
    level = [1]
    kept = push(peer, {"level": lambda: [(level[0], {})]}, HOST, int(port), 60)
    if peer == BRIDGE:
        time.sleep(0.3)  # it pushes at once, and then after a minute
    level[0] = 2
    print("ready", flush=True)
    sys.stdin.read()
    del kept


if __name__ == "__main__":
    _main()
