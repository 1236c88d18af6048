"""The figures of a window that statements share, each with the metrics that it comes from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from sampler.advise._statement import Number

if TYPE_CHECKING:
    from sampler.advise._window import Window

_HTTP = "http.server"
_HOST = ("system.cpu.time", "system.cpu.logical.count")
_MEANINGS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "elapsed": ("time that the numbers cover", "s", ("process.uptime",)),
    "requests": ("requests", "{request}", (f"{_HTTP}.requests",)),
    "rate": ("requests a second", "{request}/s", (f"{_HTTP}.requests",)),
    "busy": ("requests at once in the application", "{request}", (f"{_HTTP}.busy.time",)),
    "service": ("time of a request", "s", (f"{_HTTP}.busy.time", f"{_HTTP}.requests")),
    "queue": ("waiting of a request", "s", (f"{_HTTP}.queue.duration",)),
    "stamped": (
        "share of requests with a stamp",
        "1",
        (f"{_HTTP}.queue.duration", f"{_HTTP}.requests"),
    ),
    "load": (
        "requests at once, those that wait included",
        "{request}",
        (f"{_HTTP}.busy.time", f"{_HTTP}.requests", f"{_HTTP}.queue.duration"),
    ),
    "earlier": ("waiting in the first half", "s", (f"{_HTTP}.queue.duration",)),
    "later": ("waiting in the second half", "s", (f"{_HTTP}.queue.duration",)),
    "read": ("requests that read a body", "{request}", (f"{_HTTP}.request.read.time",)),
    "written": ("requests that write", "{request}", (f"{_HTTP}.response.write.time",)),
    "delay": ("delay of a thread that wakes", "s", ("cpython.wakeup.delay",)),
    "oldest": ("age of the oldest request", "s", (f"{_HTTP}.active_requests.oldest",)),
    "threads": ("threads", "{thread}", ()),
    "utilisation": ("utilisation of the threads", "1", (f"{_HTTP}.busy.time",)),
    "processes": ("processes", "{process}", ("server.process.count",)),
    "cpu": ("CPUs that the processes use", "{cpu}", ("process.cpu.time",)),
    "mean_cpu": ("CPU of a process, on average", "{cpu}", ("process.cpu.time",)),
    "busiest": ("CPU of the busiest process", "{cpu}", ("process.cpu.time",)),
    "thread_cpu": ("CPUs that serving threads use", "{cpu}", (f"{_HTTP}.thread.cpu.time",)),
    "share": (
        "CPU of the time of requests",
        "1",
        (f"{_HTTP}.thread.cpu.time", f"{_HTTP}.busy.time"),
    ),
    "each": ("CPU time of a request", "s", ("process.cpu.time", f"{_HTTP}.requests")),
    "cpus": ("CPUs of the host", "{cpu}", _HOST),
    "used": ("CPUs in use", "{cpu}", _HOST),
    "others": ("CPUs that others use", "{cpu}", (*_HOST, "process.cpu.time")),
    "limit": ("CPUs that the control group may use", "{cpu}", ("system.cgroup.cpu.limit",)),
    "throttled": ("time stopped by the CPU limit", "s", ("system.cgroup.cpu.throttled.time",)),
}
_THREADS = ("gunicorn.thread.limit", "uwsgi.thread.limit", "mod_wsgi.thread.limit")
_WORKERS = ("gunicorn.worker.limit", "uwsgi.worker.limit", "mod_wsgi.process.limit")


@attrs.frozen
class Load:
    """Figures of a window; None is what its pages do not tell.

    Attributes:
        figures: by the names above, those that are known.
        metrics: where threads and the host's figures come from.
        workers: worker processes that the server is configured for; None: not told.
        relayed: whether the page is of many processes, as a relay's is.
    """

    figures: dict[str, float]
    metrics: dict[str, tuple[str, ...]]
    workers: int | None
    relayed: bool

    def __getitem__(self, name: str) -> float | None:
        """Return a figure; None where it is not known."""
        return self.figures.get(name)

    def numbers(self, *names: str) -> tuple[Number, ...]:
        """Return those of these figures that are known, with where they come from."""
        return tuple(
            Number(
                _MEANINGS[name][0],
                self.figures[name],
                _MEANINGS[name][1],
                self.metrics.get(name, _MEANINGS[name][2]),
            )
            for name in names
            if name in self.figures
        )


def load_of(window: Window) -> Load:
    """Return the figures of a window; none if it has a fault."""
    known = _Known()
    if window.fault:
        return Load({}, {}, None, relayed=False)
    known("elapsed", window.elapsed or None)
    known.metrics["elapsed"] = ("process.uptime",) if window.elapsed != window.seconds else ()
    elapsed = window.elapsed or math.nan
    _requests(window, elapsed, known)
    count = window.last("server.process.count")
    processes = window.clocks or 1 if count is None else round(count)
    known("processes", float(processes) if processes else None)
    if count is None:
        known.metrics["processes"] = ("process.uptime",)
    _cpu(window, elapsed, known)
    _host(window, known)
    workers = next((w for name in _WORKERS if (w := window.last(name)) is not None), None)
    return Load(
        known.figures,
        known.metrics,
        None if workers is None else round(workers),
        relayed=count is not None or window.clocks > 1,
    )


class _Known:
    """Keeps what is a finite number."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.metrics: dict[str, tuple[str, ...]] = {}

    def __call__(self, name: str, value: float | None) -> float | None:
        """Keep a figure, and return it; None where it is none."""
        if value is None or not math.isfinite(value):
            return None
        self.figures[name] = value
        return value


def ratio(above: float | None, below: float | None) -> float | None:
    """Divide; None where a part is not known, or there is nothing to divide by."""
    if above is None or below is None or below <= 0:
        return None
    try:
        found = above / below
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _requests(window: Window, elapsed: float, known: _Known) -> None:
    requests = known("requests", window.rise(f"{_HTTP}.requests"))
    rate = known("rate", ratio(requests, elapsed))
    busy = known("busy", ratio(window.rise(f"{_HTTP}.busy.time"), elapsed))
    known("service", ratio(busy, rate))
    stamped = window.rise(f"{_HTTP}.queue.duration.count")
    queue = known("queue", waited(window))
    known("stamped", ratio(stamped, requests))
    if busy is not None and rate is not None and queue is not None:
        known("load", busy + rate * queue)
    halves = window.halves()
    if halves is not None:
        known("earlier", waited(halves[0]))
        known("later", waited(halves[1]))
    known("read", ratio(window.rise(f"{_HTTP}.request.read.time"), elapsed))
    known("written", ratio(window.rise(f"{_HTTP}.response.write.time"), elapsed))
    wakes = window.rise("cpython.wakeup.delay.count")
    known("delay", ratio(window.rise("cpython.wakeup.delay.sum"), wakes))
    known("oldest", window.mean(f"{_HTTP}.active_requests.oldest"))
    for name in _THREADS:
        threads = known("threads", window.last(name) or None)
        if threads:
            known.metrics["threads"] = (name,)
            known("utilisation", ratio(busy, threads))
            known.metrics["utilisation"] = (f"{_HTTP}.busy.time", name)
            break
    known("throttled", window.rise("system.cgroup.cpu.throttled.time"))


def waited(window: Window) -> float | None:
    """Return the mean seconds that requests waited; None where too few have a stamp."""
    count = window.rise(f"{_HTTP}.queue.duration.count")
    total = window.rise(f"{_HTTP}.queue.duration.sum")
    return None if count is None or count < 1 else ratio(total, count)


def _cpu(window: Window, elapsed: float, known: _Known) -> None:
    each = window.rises_by_process("process.cpu.time", "cpu.mode")
    if each is not None:
        cpu = known("cpu", ratio(math.fsum(each), elapsed))
        mean = known("mean_cpu", ratio(cpu, known.figures.get("processes")))
        if len(each) > 1:
            known("busiest", ratio(max(each), elapsed))
        elif known.figures.get("processes") == 1:
            known("busiest", mean)
        known("each", ratio(cpu, known.figures.get("rate")))
    thread_cpu = known("thread_cpu", ratio(window.rise(f"{_HTTP}.thread.cpu.time"), elapsed))
    known("share", ratio(thread_cpu, known.figures.get("busy")))


def _host(window: Window, known: _Known) -> None:
    """Note the host's figures: what the page tells, else what the command has read."""
    used = cpus = None
    idle = [window.rise("system.cpu.time", cpu_mode=mode) for mode in ("idle", "iowait")]
    whole, count = window.rise("system.cpu.time"), window.last("system.cpu.logical.count")
    if whole and count and idle[0] is not None:
        spare = math.fsum(each for each in idle if each is not None)
        used, cpus = count * max(0.0, whole - spare) / whole, count
    elif (hosts := window.hosts) is not None:
        first, last = hosts
        busy, spare = last.busy - first.busy, last.idle - first.idle
        used, cpus = last.cpus * busy / (busy + spare), float(last.cpus)
        for name in ("cpus", "used"):
            known.metrics[name] = ("host.cpu.time",)
        known.metrics["others"] = ("host.cpu.time", "process.cpu.time")
    known("used", used)
    known("limit", window.last("system.cgroup.cpu.limit") or None)
    known("cpus", cpus)
    cpu = known.figures.get("cpu")
    if used is not None and cpu is not None:
        known("others", max(0.0, used - cpu))
