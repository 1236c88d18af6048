"""The ``cpython`` sampler: garbage collections, threads and the contention for the interpreter.

Collections are counted and timed once this module is imported, which happens when the
configuration names the sampler; a forked child starts at zero. The first pull starts a daemon
thread that measures wake-up delays ten times a second; it is one of the threads counted.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from sampler._runtime.fork import in_child
from sampler.samplers._metrics import metric as described
from sampler.samplers._pauses import GENERATIONS, Pauses
from sampler.samplers._wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GENERATION = "cpython.gc.generation"
_COUNTERS = {
    "gc.collections": "collections",
    "gc.collected_objects": "collected",
    "gc.uncollectable_objects": "uncollectable",
}


def _stats() -> list[dict[str, int]]:
    """Return ``gc.get_stats()``; empty if collections have no generations."""
    stats: Any = gc.get_stats() if hasattr(gc, "get_stats") else None
    return stats[:GENERATIONS] if isinstance(stats, list) else []


class _State:
    """What counts, and the values at which it began."""

    def __init__(self) -> None:
        self.pauses: Pauses = Pauses(_GENERATION)
        self.wakeups: Wakeups = Wakeups(self.pauses.fetch)
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self.before: list[dict[str, int]] = _stats()
        self.start: float = time.time()

    def restart(self) -> None:
        """Count from here in a forked child: what the parent counted is the parent's."""
        self.pauses.restart()
        self.wakeups.restart()
        self.begin()


_state = _State()
in_child(_state.restart)


def start() -> float:
    """Return when the cumulative values were zero: at import or fork, in epoch seconds."""
    return _state.start


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield one reading, without what this implementation does not have."""
    stats = _stats()
    for metric, key in _COUNTERS.items():
        for generation, (now, before) in enumerate(zip(stats, _state.before, strict=True)):
            yield metric, now[key] - before[key], {_GENERATION: str(generation)}
    yield from _state.pauses.samples("gc.pause")
    yield from _state.wakeups.samples("wakeup.delay")
    yield "thread.count", threading.active_count()
    yield "module.count", len(sys.modules)
    if (allocated := _allocated()) is not None:
        yield "memory.allocated_blocks", allocated
    if hasattr(sys, "getswitchinterval"):
        yield "thread.switch_interval", sys.getswitchinterval()
    yield "info", 1, {"implementation": sys.implementation.name, "version": _VERSION}


def _allocated() -> int | None:
    """Return how many memory blocks are allocated, where the interpreter knows."""
    ask: Any = getattr(sys, "getallocatedblocks", None)
    return None if ask is None else ask()


_VERSION = sys.version.split()[0]


_metric = partial(described, scope="interpreter")

SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "cpython",
    "sample": sample,
    "start": start,
    "metrics": {
        "gc.collections": _metric("counter", "{collection}", "Garbage collections.", _GENERATION),
        "gc.collected_objects": _metric(
            "counter", "{object}", "Objects that garbage collections freed.", _GENERATION
        ),
        "gc.uncollectable_objects": _metric(
            "counter", "{object}", "Objects that garbage collections could not free.", _GENERATION
        ),
        "gc.pause": _metric("histogram", "s", "How long garbage collections took.", _GENERATION),
        "wakeup.delay": _metric(
            "histogram",
            "s",
            "How late a thread that slept got to run: waiting for the interpreter and a CPU.",
            scope="process",
        ),
        "thread.count": _metric("gauge", "{thread}", "Python threads.", merge="sum"),
        "thread.switch_interval": _metric(
            "gauge", "s", "How long a thread keeps the interpreter while others wait.", merge="max"
        ),
        "module.count": _metric("gauge", "{module}", "Modules loaded.", merge="max"),
        "memory.allocated_blocks": _metric(
            "gauge", "{block}", "Memory blocks that Python objects hold.", merge="sum"
        ),
        "info": _metric(
            "gauge", "", "The Python in use; always 1.", "implementation", "version", merge="max"
        ),
    },
}
"""The built-in ``cpython`` sampler."""
