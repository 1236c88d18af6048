"""The ``hypercorn`` sampler: connections of a worker of hypercorn, on asyncio or uvloop.

hypercorn has no object that knows its state. Its coroutine ``worker_serve`` holds a set of the
tasks that serve connections; that set is found once, and then counted. Of trio, and of a
``hypercorn.asyncio.serve()`` in a loop of the program's own, nothing is told.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._objects import ChangedError, frames, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("SAMPLER",)

_SERVES = "worker_serve"

_known: tuple[int, Any, Any] = 0, (), None
"""In which process, the set of its tasks, and its context."""


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what the worker in this process tells; nothing where there is none."""
    global _known  # noqa: PLW0603 - the search walks stacks
    pid, tasks, context = _known
    if pid != os.getpid():
        found = _variables()
        if found is None or "servers" not in found:  # it is not there, or begins
            return
        tasks, context = found.get("server_tasks"), found.get("context")
        if not isinstance(tasks, set):
            raise ChangedError(unknown("hypercorn", f"{_SERVES} has no server_tasks"))
        _known = os.getpid(), tasks, context
    yield "connection.count", len(tasks)
    if (most := getattr(context, "max_requests", None)) is not None:
        yield "requests", getattr(context, "requests", None)
        yield "request.limit", most


def _variables() -> dict[str, Any] | None:
    """Return the variables of the coroutine that serves, which waits; None if there is none."""
    for frame, called in frames("hypercorn"):
        # Its function _run() has called asyncio.Runner.run(), which holds the task.
        if called is None or (frame.f_code.co_name, called.f_code.co_name) != ("_run", "run"):
            continue
        task: Any = called.f_locals.get("task")
        coroutine = task.get_coro() if task is not None else None
        if getattr(getattr(coroutine, "cr_code", None), "co_name", "") != _SERVES:
            raise ChangedError(unknown("hypercorn", f"its runner runs no {_SERVES}"))
        running = getattr(coroutine, "cr_frame", None)
        return None if running is None else dict(running.f_locals)
    return None


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "hypercorn",
    "sample": sample,
    "metrics": {
        "connection.count": metric("gauge", "{connection}", "Connections open.", merge="sum"),
        "requests": metric(
            "counter", "{request}", "Requests begun; hypercorn counts with --max-requests only."
        ),
        "request.limit": metric(
            "gauge", "{request}", "Requests after which a worker is replaced.", merge="min"
        ),
    },
}
"""The ``hypercorn`` sampler."""
