"""The ``system`` sampler: what the host does, in OpenTelemetry's names and units.

Counters count from the boot of the host. Network numbers are those of the process' own network
namespace. Limits are those of its control group, if version 2 is in use.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil

from sampler.samplers import _cgroup, _traffic
from sampler.samplers._metrics import metric as described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIN_INTERVAL = 1.0
"""Seconds for which consumers share a reading: it reads a dozen files of the kernel."""

_MODES = ("user", "nice", "system", "idle", "iowait", "steal")  # guests are among the users
_SLACK = 3.0
"""Seconds that a CPU's time may fall by."""

_booted: float | None = None
_reported: dict[str, float] = {}


def start() -> float:
    """Return when the cumulative values were zero: the boot of the host, in epoch seconds."""
    global _booted  # noqa: PLW0603 - the kernel computes it anew each time, and a clock that is
    if _booted is None:  # set right would move it
        _booted = psutil.boot_time()
    return _booted


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield one reading, without what this platform does not have or does not show."""
    for read in (
        _cpu,
        _load,
        _memory,
        _paging,
        _traffic.disks,
        _traffic.network,
        _traffic.listeners,
        _cgroup.samples,
    ):
        try:
            found = list(read())  # all or nothing; psutil may warn, and warnings may be errors
        except (psutil.Error, OSError, AttributeError, ValueError, RuntimeError, Warning):
            continue
        yield from found


def _cpu() -> Iterator[tuple[Any, ...]]:
    times: dict[str, float] = psutil.cpu_times()._asdict()
    modes = {mode: times[mode] for mode in _MODES if mode in times}
    if "irq" in times:
        modes["interrupt"] = times["irq"] + times["softirq"]
    for mode, seconds in modes.items():
        yield "cpu.time", _steady(mode, seconds), {"cpu.mode": mode}
    yield "cpu.logical.count", psutil.cpu_count()


def _steady(mode: str, seconds: float) -> float:
    """Return the last value if this one is a little lower: that is not a reset.

    The kernel's figures for idle and waiting CPUs may fall by some ticks.
    """
    before = _reported.get(mode, 0.0)
    if not before - _SLACK < seconds < before:
        _reported[mode] = before = seconds
    return before


def _load() -> Iterator[tuple[Any, ...]]:
    for window, load in zip(("1m", "5m", "15m"), os.getloadavg(), strict=True):
        yield "cpu.load_average", load, {"window": window}


def _memory() -> Iterator[tuple[Any, ...]]:
    memory = psutil.virtual_memory()
    buffers, cached = getattr(memory, "buffers", None), getattr(memory, "cached", None)
    # The states add up to all there is.
    taken = memory.free + (buffers or 0) + (cached or 0)
    yield "memory.usage", max(0, memory.total - taken), {"system.memory.state": "used"}
    yield "memory.usage", memory.free, {"system.memory.state": "free"}
    yield "memory.usage", buffers, {"system.memory.state": "buffers"}
    yield "memory.usage", cached, {"system.memory.state": "cached"}
    yield "memory.limit", memory.total
    yield "memory.available", memory.available


def _paging() -> Iterator[tuple[Any, ...]]:
    swap = psutil.swap_memory()
    yield "paging.usage", swap.used, {"system.paging.state": "used"}
    yield "paging.usage", swap.free, {"system.paging.state": "free"}
    yield "paging.io", swap.sin, {"system.paging.direction": "in"}
    yield "paging.io", swap.sout, {"system.paging.direction": "out"}


_DISK, _NET, _MODE = "disk.io.direction", "network.io.direction", "cpu.mode"
_MEMORY, _SWAP, _WAY = "system.memory.state", "system.paging.state", "system.paging.direction"

_metric = partial(described, scope="host")

SAMPLER: dict[str, str | float | Callable[..., Any] | dict[str, Any]] = {
    "name": "system",
    "sample": sample,
    "start": start,
    "min_interval": MIN_INTERVAL,
    "metrics": {
        "cpu.time": _metric("counter", "s", "Time of all CPUs, by what they did.", _MODE),
        "cpu.logical.count": _metric("gauge", "{cpu}", "Logical CPUs."),
        "cpu.load_average": _metric(
            "gauge", "{thread}", "Threads that ran or waited to.", "window"
        ),
        "memory.usage": _metric("gauge", "By", "Physical memory, by state.", _MEMORY),
        "memory.limit": _metric("gauge", "By", "Physical memory in all."),
        "memory.available": _metric("gauge", "By", "Memory to be had without swapping."),
        "paging.usage": _metric("gauge", "By", "Swap space, by state.", _SWAP),
        "paging.io": _metric("counter", "By", "Memory swapped in and out.", _WAY),
        "disk.io": _metric("counter", "By", "Read from and written to disks.", _DISK),
        "disk.operations": _metric("counter", "{operation}", "Disk operations.", _DISK),
        "network.io": _metric("counter", "By", "Received and transmitted.", _NET),
        "network.packet.count": _metric("counter", "{packet}", "Network packets.", _NET),
        "network.packet.dropped": _metric("counter", "{packet}", "Packets dropped.", _NET),
        "network.errors": _metric("counter", "{error}", "Network errors.", _NET),
        "tcp.listen.overflows": _metric(
            "counter", "{connection}", "Connections that came while a backlog was full."
        ),
        "tcp.listen.drops": _metric(
            "counter", "{connection}", "Connections refused before they were accepted."
        ),
        "cgroup.cpu.limit": _metric(
            "gauge", "{cpu}", "CPUs that the control group may use.", scope="server"
        ),
        "cgroup.cpu.periods": _metric(
            "counter", "{period}", "Periods in which the CPU limit applied.", scope="server"
        ),
        "cgroup.cpu.throttled.periods": _metric(
            "counter", "{period}", "Periods in which the CPU limit was reached.", scope="server"
        ),
        "cgroup.cpu.throttled.time": _metric(
            "counter", "s", "Time for which the CPU limit stopped the group.", scope="server"
        ),
        "cgroup.memory.limit": _metric(
            "gauge", "By", "Memory that the control group may use.", scope="server"
        ),
        "cgroup.memory.usage": _metric(
            "gauge", "By", "Memory that the control group uses.", scope="server"
        ),
        "cgroup.memory.events": _metric(
            "counter", "{event}", "How often the memory limit was felt.", "event", scope="server"
        ),
    },
}
"""The built-in ``system`` sampler."""
