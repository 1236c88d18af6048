"""What the live page costs a process, its pulls included, and what ``sampler top`` takes.

2,000 series, half of them counters, at the default interval of 10 s. Percentages are CPU time of
the process, whatever else runs. ``python -m tests.bench.live viewers PATH SECONDS`` is five
viewers, each of which asks as the page does at that interval: every five seconds what is so, the
forty series in its view, and the newest of four charts.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from sampler.agent import Agent

    Numbers = dict[str, float]

SERIES, VIEWERS, SECONDS = 2_000, 5, 40.0
RAREST = 5.0
"""Seconds between two rounds of a page: RAREST of sampler/page/static/server.js."""


def live() -> Numbers:
    """Percentages of a core, MiB of an hour, milliseconds of a search and of a first screen."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/s.sock"
        agent = _agent(path)
        alone = _percent(SECONDS)
        crowd = [sys.executable, "-m", "tests.bench.live", "viewers", path, str(SECONDS + 2)]
        with subprocess.Popen(crowd, stdout=subprocess.PIPE) as viewers:
            assert viewers.stdout is not None
            viewers.stdout.readline()  # all have the list of series
            watched = _percent(SECONDS)
        numbers = {
            "percent": alone,
            "five viewers, percent": watched - alone,
            "an hour, MiB": _hour(),
            "search, ms": _search(path),
            **_top(path),
        }
        agent.stop(0.0)
    return numbers


def _agent(path: str) -> Agent:
    from sampler import Registry
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse

    def sample() -> Any:
        now = int(time.time() * 10)
        for n in range(SERIES // 2):
            yield "depth", float(n), {"n": str(n)}
            yield "orders", now + n, {"n": str(n)}

    registry = Registry()
    registry.register(
        {"name": "shop", "sample": sample, "metrics": {"orders": {"kind": "counter"}}}
    )
    agent = Agent(parse({"socket": path}, "bench"), registry)
    agent.start()
    time.sleep(1.0)
    return agent


def _percent(seconds: float) -> float:
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds * 100


def _hour() -> float:
    from sampler.page.history import History
    from tests.page.pulls import BEGAN, series_of, snapshot

    history, series = History(), series_of(SERIES)
    history.record(snapshot(BEGAN, (series, [0.0] * SERIES)))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for pull in range(1, 361):
        history.record(snapshot(BEGAN + pull * 10, (series, [float(pull)] * SERIES)))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return grown / 2**20


def _search(path: str) -> float:
    from sampler.cli.top.client import Client
    from sampler.cli.top.model import Model

    model = Model(Client(path))
    model.refresh()
    took = []
    for word in ("shop", "orders n=17", "nothing", "n=1"):
        began = time.process_time()
        model.search(word)
        took.append(time.process_time() - began)
    return max(took) * 1e3


def _top(path: str) -> Numbers:
    """Return how long a first screen takes, how long a bare interpreter, and CPU at 1 Hz."""
    firsts, bares, used = [], [], list[float]()
    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bares.append(time.perf_counter() - began)
        began = time.perf_counter()
        process, terminal = _started(path)
        _read_until(terminal, b"SERIES")
        firsts.append(time.perf_counter() - began)
        times = psutil.Process(process.pid).cpu_times()
        used.append(times.user + times.system)
        process.kill()
        process.wait()
        os.close(terminal)
    process, terminal = _started(path)
    threading.Thread(target=_read_until, args=(terminal, b"\0"), daemon=True).start()
    time.sleep(3.0)
    watched = psutil.Process(process.pid)
    before = sum(watched.cpu_times()[:2])
    time.sleep(SECONDS)
    at_rest = sum(watched.cpu_times()[:2]) - before
    process.kill()
    process.wait()
    return {
        "first screen/top": min(firsts) * 1e3,
        "first screen, CPU/top": sorted(used)[3] * 1e3,
        "first screen/python": min(bares) * 1e3,
        "top, percent": at_rest / SECONDS * 100,
    }


def _started(path: str) -> tuple[subprocess.Popen[bytes], int]:
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", "top", "--socket", path],
        stdin=other,
        stdout=other,
        stderr=other,
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    os.close(other)
    return process, terminal


def _read_until(terminal: int, mark: bytes) -> None:
    seen = b""
    try:
        while mark not in seen:
            seen = seen[-4096:] + os.read(terminal, 65536)
    except OSError:  # it has ended
        return


def viewers(path: str, seconds: float) -> None:
    """Ask as five pages do."""
    from sampler.cli.top.client import Client

    ready = threading.Barrier(VIEWERS + 1)
    until = time.monotonic() + seconds

    def watch(number: int) -> None:
        client = Client(path)
        series = client.get("series.json")["series"]
        shown = series[number * 100 : number * 100 + 40]
        ids = ",".join(str(each["id"]) for each in shown)
        charts = ",".join(str(each["id"]) for each in shown[:4])
        ready.wait()
        time.sleep(number * RAREST / VIEWERS)
        while time.monotonic() < until:
            client.get("now.json")
            client.get(f"values.json?points=60&ids={ids}")
            client.get(f"history.json?seconds=35&ids={charts}")
            time.sleep(RAREST)

    threads = [threading.Thread(target=watch, args=(n,)) for n in range(VIEWERS)]
    for each in threads:
        each.start()
    ready.wait()
    print("ready", flush=True)
    for each in threads:
        each.join()


if __name__ == "__main__":
    if sys.argv[1:2] == ["viewers"]:
        viewers(sys.argv[2], float(sys.argv[3]))
    else:
        for key, number in live().items():
            print(f"{key}: {number:.3g}")
