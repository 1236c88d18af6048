"""The ``concurrent.futures`` sampler: threads and queues of executors, by their threads' names.

It loads only when it is named: nearly every program has imported :mod:`concurrent.futures`. An
executor is known once it has a thread; how many calls it has run it does not count.
"""

from __future__ import annotations

from concurrent.futures import thread
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Iterator

_threads: Any = thread
_EXECUTOR = "executor"


def _sample() -> Iterator[tuple[str, int, dict[str, str]]]:
    """Yield what the executors tell that have threads."""
    found: dict[int, Any] = {}
    for each in _threads._threads_queues.keyrefs():  # a list of its own: threads come and go
        given: Any = getattr(each(), "_args", None)
        executor = given[0]() if given and type(given[0]) is ref else None
        if executor is not None:
            found[id(executor)] = executor
    for executor in found.values():
        prefix = executor._thread_name_prefix
        default, _, number = prefix.rpartition("-")  # each one without a name has another number
        name = default if default == "ThreadPoolExecutor" and number.isdigit() else prefix
        threads = len(executor._threads)
        idle = min(executor._idle_semaphore._value, threads)
        yield "thread.count", idle, {_EXECUTOR: name, "state": "idle"}
        yield "thread.count", threads - idle, {_EXECUTOR: name, "state": "used"}
        yield "thread.limit", executor._max_workers, {_EXECUTOR: name}
        yield "queue.length", executor._work_queue.qsize(), {_EXECUTOR: name}


def _gauge(unit: str, help_: str, *labels: str) -> dict[str, object]:
    return {"unit": unit, "help": help_, "merge": "sum", "labels": [_EXECUTOR, *labels]}


SAMPLER: dict[str, Any] = {
    "name": "concurrent.futures",
    "sample": _sample,
    "metrics": {
        "thread.count": _gauge("{thread}", "Threads by state.", "state"),
        "thread.limit": _gauge("{thread}", "Threads there may be."),
        "queue.length": _gauge("{call}", "Calls that wait for a thread."),
    },
}
