"""The ``apache`` sampler: what Apache's mod_status tells, with any MPM.

It needs no worker of the application, so under a relay the relay reads it, once for all. Settings:
``url`` (``http://127.0.0.1/server-status?auto``), ``socket``, ``timeout``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._status_page import StatusPage
from sampler.samplers.servers.mod_wsgi import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ("SAMPLER",)

URL = "http://127.0.0.1/server-status?auto"

_ASYNC = {
    "ConnsAsyncWaitIO": "wait_io",
    "ConnsAsyncWriting": "writing",
    "ConnsAsyncKeepAlive": "keepalive",
    "ConnsAsyncClosing": "closing",
}
_PLAIN = {
    "Processes": "process.count",
    "Stopping": "process.stopping",
    "ConnsTotal": "connection.open",
    "ParentServerMPMGeneration": "generation",
    "ServerUptimeSeconds": "uptime",
    "Total Accesses": "requests",
}


def parse(page: str) -> Iterator[tuple[Any, ...]]:
    """Yield the samples of a page.

    Raises:
        ValueError: it is another page, or not whole.
    """
    lines = (line.partition(": ") for line in page.splitlines())
    told = {key: value for key, colon, value in lines if colon}
    board = told.get("Scoreboard", "").strip()
    if not board or not page.endswith("\n") or not set(board) <= STATES.keys():
        begin = page[:40]
        raise ValueError(f"it begins {begin!r}, without a whole scoreboard; does it end in ?auto")
    if len(board) < _number(told["BusyWorkers"]) + _number(told["IdleWorkers"]):
        raise ValueError("its scoreboard is not whole")
    for letter, state in STATES.items():
        yield "thread.count", board.count(letter), {"state": state}
    yield "thread.limit", len(board)
    for key, state in _ASYNC.items():
        if key in told:
            yield "connection.count", _number(told[key]), {"state": state}
    for key, name in _PLAIN.items():
        if key in told:
            yield name, _number(told[key])
    if "Total kBytes" in told:
        yield "response.io", 1024 * _number(told["Total kBytes"])
    if "Total Duration" in told:
        yield "busy.time", _number(told["Total Duration"]) / 1000


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ValueError(f"{text[:40]!r} is no number")
    return int(text)


def factory(environ: Mapping[str, Any]) -> StatusPage:
    """Return what one consumer pulls."""
    return StatusPage(environ["settings"], URL, parse)


_metric = partial(metric, scope="host")

SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "apache",
    "factory": factory,
    "metrics": {
        "thread.count": _metric("gauge", "{thread}", "Threads by what they do.", "state"),
        "thread.limit": _metric("gauge", "{thread}", "Places for threads, used or not."),
        "connection.count": _metric(
            "gauge", "{connection}", "Connections that no thread holds (event).", "state"
        ),
        "connection.open": _metric("gauge", "{connection}", "Connections open (event)."),
        "process.count": _metric("gauge", "{process}", "Processes that serve."),
        "process.stopping": _metric("gauge", "{process}", "Of these, processes about to end."),
        "generation": _metric("gauge", "{generation}", "Graceful restarts."),
        "uptime": _metric("gauge", "s", "Time since the start."),
        "requests": _metric("counter", "{request}", "Requests handled."),
        "response.io": _metric("counter", "By", "Sent to clients."),
        "busy.time": _metric("counter", "s", "Time that requests took, all together."),
    },
}
"""The ``apache`` sampler."""
