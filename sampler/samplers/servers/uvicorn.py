"""The ``uvicorn`` sampler: what a server of uvicorn knows of itself.

uvicorn has no queue of its own: it accepts at once, and what waits afterwards waits for the event
loop. Two servers in one process are not told apart: the first that is found is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._objects import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("SAMPLER",)

_SERVER = Server("uvicorn", "uvicorn.server:Server")


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield what the server in this process tells; nothing where there is none."""
    server = _SERVER.find()
    if server is None:
        return
    told = _SERVER.told
    state, config = told(server, "server_state"), told(server, "config")
    connections, active = len(told(state, "connections")), len(told(state, "tasks"))
    yield "requests", told(state, "total_requests")
    yield "connection.count", connections
    yield "connection.idle", max(0, connections - active)
    yield "request.active", active
    yield "concurrency.limit", told(config, "limit_concurrency")
    yield "request.limit", told(server, "limit_max_requests")


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "uvicorn",
    "sample": sample,
    "metrics": {
        "requests": metric("counter", "{request}", "Requests begun."),
        "request.active": metric(
            "gauge", "{request}", "Requests for which the application runs.", merge="sum"
        ),
        "request.limit": metric(
            "gauge", "{request}", "Requests after which a server ends.", merge="min"
        ),
        "connection.count": metric("gauge", "{connection}", "Connections open.", merge="sum"),
        "connection.idle": metric(
            "gauge",
            "{connection}",
            "Connections without a request: kept alive, or still sending its head.",
            merge="sum",
        ),
        "concurrency.limit": metric(
            "gauge",
            "{connection}",
            "Connections or tasks beyond which it answers 503.",
            merge="sum",
        ),
    },
}
"""The ``uvicorn`` sampler."""
