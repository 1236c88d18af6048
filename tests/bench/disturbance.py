"""What a request feels while 100,000 series are pulled and written over and over.

Each library has a process of its own (``python -m tests.bench.disturbance STATE WHO ROUNDS``),
which serves requests when it is told to, so that all take turns: the machine's speed changes.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench import population, pulls

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.pulls import Operation

    Numbers = dict[str, float]

SIZE, TURNS = 100_000, 4
IDLE, BESIDE = 2.0, 5.0
"""Seconds of requests in a turn, without pulls and beside them."""
LONGEST = 30.0
"""Seconds that a turn may take with what is between pulls, such as making a new population."""
WHO = "ours", "prometheus_client"
STATES: dict[str, tuple[str, ...]] = {
    "nothing new": (*WHO, "opentelemetry"),
    "all new": WHO,
    "histograms": WHO,
    "first page": WHO,
}
"""What is pulled, and by whom. Histograms have one new observation each, and nothing else is."""
KEYS = {"nothing new": "disturbance"}
"""State to the beginning of its numbers' names; others have their state in it."""


def disturbance(state: str) -> Numbers:
    """Milliseconds of requests of 0.9 ms, and of a pass meanwhile: quantiles of all turns."""
    rounds = _rounds()
    servers = {who: _server(state, who, rounds) for who in STATES[state]}
    taken: dict[str, dict[str, list[float]]] = {
        who: {"idle": [], "beside": [], "passes": []} for who in servers
    }
    for _ in range(TURNS):
        for who, server in servers.items():
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write("turn\n")
            server.stdin.flush()
            for key, seconds in json.loads(server.stdout.readline()).items():
                taken[who][key] += seconds
    found = {}
    for who, server in servers.items():
        server.communicate()  # it ends with its standard input
        quantiles = {"": taken[who]["beside"], "idle ": taken[who]["idle"]}
        for when, requests in quantiles.items():
            for q in (50, 99, 99.9):
                found[f"{who}/{when}p{q}"] = _quantile(requests, q) * 1e3
        found[f"{who}/pass"] = _quantile(taken[who]["passes"], 50) * 1e3
        found[f"{who}/passes"] = len(taken[who]["passes"])
    return found


def _server(state: str, who: str, rounds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "tests.bench.disturbance"),
            *(state, who, str(rounds)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def serve(state: str, who: str, rounds: int) -> None:
    """Serve a turn of requests for each line of standard input."""
    pulled = Pulled(state, who)
    requests = partial(_spin, rounds)
    for _ in sys.stdin:
        idle: list[float] = []
        end = time.perf_counter() + IDLE
        while time.perf_counter() < end:
            idle.append(_timed(requests))
        beside = pulled.beside(requests)
        said = {"idle": idle, "beside": beside, "passes": pulled.passes}
        print(json.dumps(said), flush=True)
        pulled.passes = []


class Pulled:
    """A thread that pulls; what changes between two pulls, the one that serves requests does.

    So no request is timed while something changes, and nothing is pulled then.

    Args:
        state: what is pulled.
        who: the library.

    Attributes:
        passes: seconds of each that ended while requests were served.
    """

    def __init__(self, state: str, who: str) -> None:
        self.passes: list[float] = []
        self._make = partial(_made, state, who)
        self._anew = state == "first page"
        self._pull, self._change = self._make()
        if not self._anew:
            self._pull()
        gc.collect()
        self._pulling = self._ended = False
        self._wanted, self._ready = threading.Event(), threading.Event()

    def beside(self, request: Callable[[], object]) -> list[float]:
        """Return the seconds of requests, each of them served while a pull was under way."""
        taken: list[float] = []
        total = 0.0
        self._ended = False
        thread = threading.Thread(target=self._pull_over_and_over)
        thread.start()
        longest = time.perf_counter() + LONGEST
        while total < BESIDE and time.perf_counter() < longest:
            if self._wanted.is_set():
                self._wanted.clear()
                if self._anew:
                    del self._pull, self._change
                    self._pull, self._change = self._make()
                    gc.collect()
                self._change()
                self._ready.set()
            pulling = self._pulling
            seconds = _timed(request)
            if pulling and self._pulling:  # those that are partly beside it tell less
                taken.append(seconds)
                total += seconds
        self._ended = True
        self._ready.set()
        thread.join()
        self._ready.clear()
        self._wanted.clear()
        return taken

    def _pull_over_and_over(self) -> None:
        while not self._ended:
            self._wanted.set()
            self._ready.wait()
            self._ready.clear()
            if self._ended:
                return
            began = time.perf_counter()
            self._pulling = True
            self._pull()
            self._pulling = False
            if not self._ended or not self.passes:
                self.passes.append(time.perf_counter() - began)


def _made(state: str, who: str) -> Operation:
    if state == "histograms":
        registry, changes = population.histograms(who, SIZE)
        return _page(who, registry), population.changing(changes, pulls.ALL)
    makes = {
        "ours": pulls.ours_text,
        "prometheus_client": pulls.prometheus_text,
        "opentelemetry": pulls.opentelemetry_collect,
    }
    return makes[who](SIZE, pulls.ALL if state == "all new" else 0.0)


def _page(who: str, registry: Any) -> Callable[[], Any]:
    if who == "ours":
        return pulls.page(registry, "text/plain")
    from prometheus_client import generate_latest

    return lambda: generate_latest(registry)


def _timed(request: Callable[[], object]) -> float:
    began = time.perf_counter()
    request()
    return time.perf_counter() - began


def _spin(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number & 7
    return total


def _rounds() -> int:
    """Return how many rounds take 0.9 ms, at the machine's best."""
    return round(0.9e-3 / min(_timed(partial(_spin, 100_000)) for _ in range(30)) * 100_000)


def _quantile(values: list[float], q: float) -> float:
    return sorted(values)[int(len(values) * q / 100)]


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
