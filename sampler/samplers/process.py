"""The ``process`` sampler: what this process uses, in OpenTelemetry's names and units."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import psutil

from sampler.samplers._metrics import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_process: psutil.Process | None = None


def _this() -> psutil.Process:
    """Return this process, also in a forked child."""
    global _process  # noqa: PLW0603 - kept, because making one takes psutil a while
    if _process is None or _process.pid != os.getpid():
        _process = psutil.Process()
    return _process


def start() -> float:
    """Return when the cumulative values were zero: the process' own start, in epoch seconds."""
    return _this().create_time()


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield one reading, without what this platform does not have or does not show."""
    process = _this()
    with process.oneshot():
        for read in (_cpu, _memory, _threads, _descriptors, _switches):
            try:
                yield from read(process)
            except (psutil.AccessDenied, AttributeError, NotImplementedError):
                continue
        began = process.create_time()
    yield "start_time", began
    yield "uptime", max(0.0, time.time() - began)


def _cpu(process: psutil.Process) -> Iterator[tuple[Any, ...]]:
    times = process.cpu_times()
    yield "cpu.time", times.user, {"cpu.mode": "user"}
    yield "cpu.time", times.system, {"cpu.mode": "system"}


def _memory(process: psutil.Process) -> Iterator[tuple[Any, ...]]:
    memory = process.memory_info()
    yield "memory.usage", memory.rss
    yield "memory.virtual", memory.vms


def _threads(process: psutil.Process) -> Iterator[tuple[Any, ...]]:
    yield "thread.count", process.num_threads()


def _descriptors(process: psutil.Process) -> Iterator[tuple[Any, ...]]:
    yield "unix.file_descriptor.count", process.num_fds()


def _switches(process: psutil.Process) -> Iterator[tuple[Any, ...]]:
    switches = process.num_ctx_switches()
    yield "context_switches", switches.voluntary, {"process.context_switch.type": "voluntary"}
    yield "context_switches", switches.involuntary, {"process.context_switch.type": "involuntary"}


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "process",
    "sample": sample,
    "start": start,
    "sampler.at_fork": "zero",  # so a fork need not wait for a reading
    "metrics": {
        "cpu.time": metric("counter", "s", "CPU time used.", "cpu.mode"),
        "memory.usage": metric("gauge", "By", "Physical memory in use.", merge="sum"),
        "memory.virtual": metric("gauge", "By", "Virtual memory committed.", merge="sum"),
        "thread.count": metric("gauge", "{thread}", "Threads.", merge="sum"),
        "unix.file_descriptor.count": metric(
            "gauge", "{file_descriptor}", "File descriptors in use.", merge="sum"
        ),
        "context_switches": metric(
            "counter", "{context_switch}", "Context switches.", "process.context_switch.type"
        ),
        "start_time": metric(
            "gauge", "s", "Start time of the process since unix epoch in seconds."
        ),
        "uptime": metric("gauge", "s", "Time since the process started."),
    },
}
