"""The ``uwsgi`` sampler: what uWSGI tells of all its workers, from any of them.

uWSGI keeps it in memory that its workers share, so one worker's answer stands for all. The key
``metrics`` of the sampler's settings names values of uWSGI's own metrics subsystem, which has no
list: ``[samplers.settings.uwsgi]``, ``metrics = ["socket.0.listen_queue"]``. The backlog is told
by ``listener``: uWSGI's ``listen_queue()`` is 0 in each worker, as only the master measures.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric as described
from sampler.samplers.servers._objects import ChangedError, unknown
from sampler.samplers.servers._settings import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ("SAMPLER",)

_NEGATIVE = 2**63
"""Its unsigned numbers from here on were below zero: without a master a worker "respawns" -1."""
_BUSY, _CHEAP = "busy", "cheap"
_STATES = (_BUSY, "idle", "pause", _CHEAP, "sig")
"""What a worker may be; a signal handler by its number is ``sigN``."""


class _Reader:
    """One consumer's view.

    Args:
        names: of values of the metrics subsystem.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """Yield what uWSGI tells; nothing in another program."""
        uwsgi: Any = sys.modules.get("uwsgi")
        if not callable(getattr(uwsgi, "workers", None)):
            if hasattr(uwsgi, "worker_id"):
                raise ChangedError(unknown("uwsgi", "it has no workers()"))
            return
        try:
            yield from _workers(uwsgi.workers())
        except (KeyError, TypeError, AttributeError) as error:
            raise ChangedError(unknown("uwsgi", f"workers() has no {error}")) from None
        yield "worker.limit", getattr(uwsgi, "numproc", None)
        yield "thread.limit", getattr(uwsgi, "numproc", 0) * getattr(uwsgi, "cores", 0) or None
        for name in self._names:
            yield "metric", uwsgi.metric_get(name), {"key": name}


def _workers(workers: Any) -> Iterator[tuple[Any, ...]]:
    states = dict.fromkeys(_STATES, 0)
    totals = dict.fromkeys(("requests", "exceptions", "signals", "tx", "running_time"), 0)
    starts = 0
    for worker in workers:
        state = worker["status"].decode("ascii", "replace")
        state = "sig" if state.startswith("sig") else state
        states[state] = states.get(state, 0) + 1
        for key in totals:
            totals[key] += worker[key]
        if worker["respawn_count"] < _NEGATIVE:
            starts += worker["respawn_count"]
    for state, count in states.items():
        yield "worker.count", count, {"state": state}
    yield "requests", totals["requests"]
    yield "exceptions", totals["exceptions"]
    yield "signals", totals["signals"]
    yield "response.io", totals["tx"]
    yield "busy.time", totals["running_time"] / 1e6
    yield "worker.restarts", starts


def factory(environ: Mapping[str, Any]) -> Callable[[], Iterator[tuple[Any, ...]]]:
    """Return what one consumer pulls.

    Raises:
        ValueError: the settings name no list of texts.
    """
    known(environ["settings"], "metrics")
    names = environ["settings"].get("metrics", [])
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            '[samplers.settings.uwsgi] metrics: expected a list such as ["worker.1.requests"], '
            f"got {names!r}"
        )
    return _Reader(tuple(names))


def start() -> float | None:
    """Return when the cumulative values were zero, the same in all workers, in epoch seconds.

    So they go on where another worker begins to speak for all.
    """
    began = getattr(sys.modules.get("uwsgi"), "started_on", None)
    return float(began) if isinstance(began, int) else None


_metric = partial(described, scope="server")

SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "uwsgi",
    "factory": factory,
    "start": start,
    "metrics": {
        "worker.count": _metric("gauge", "{process}", "Workers by what they do.", "state"),
        "worker.limit": _metric("gauge", "{process}", "Workers configured."),
        "worker.restarts": _metric("counter", "{process}", "Workers that were started again."),
        "thread.limit": _metric(
            "gauge", "{thread}", "Requests that all workers can handle at once: cores."
        ),
        "requests": _metric("counter", "{request}", "Requests handled."),
        "exceptions": _metric("counter", "{exception}", "Exceptions of applications."),
        "signals": _metric("counter", "{signal}", "Signals of uWSGI handled."),
        "response.io": _metric("counter", "By", "Sent to clients."),
        "busy.time": _metric("counter", "s", "Time that requests took, all together."),
        "metric": _metric("gauge", "", "Values of the metrics subsystem.", "key"),
    },
}
"""The ``uwsgi`` sampler."""
