"""The ``psycopg_pool`` sampler: what pools of psycopg 3 count. Totals outlive their pools."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sampler.contrib._seams import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_POOL, _STATE = "db.client.connection.pool.name", "db.client.connection.state"
_TOTALS = {  # by the pool's word: ours, the unit, how many of the pool's units are one, help
    "requests_num": ("connection.requests", "{request}", 1, "Times a connection was asked for."),
    "requests_queued": ("connection.requests.queued", "{request}", 1, "Times there was a wait."),
    "requests_errors": ("connection.requests.failed", "{request}", 1, "Times none was given."),
    "requests_wait_ms": ("connection.wait.time", "s", 1000, "Time waited for connections."),
    "usage_ms": ("connection.use.time", "s", 1000, "Time connections were out of the pool."),
    "connections_num": ("connections", "{connection}", 1, "Attempts to open a connection."),
    "connections_errors": ("connections.failed", "{connection}", 1, "Attempts that failed."),
    "connections_lost": ("connections.lost", "{connection}", 1, "Connections found broken."),
    "connections_ms": ("connection.create.time", "s", 1000, "Time taken to open connections."),
}
_pools = Counted(import_module("psycopg_pool.base").BasePool, "name", "_stats")


def _sample() -> Iterator[tuple[str, float, dict[str, str]]]:
    """Yield the connections of each pool, and the totals of each name."""
    for name, counted in _pools.totals().items():
        for told, (metric, _, parts, _) in _TOTALS.items():
            yield metric, counted[told] / parts if parts > 1 else counted[told], {_POOL: name}
    for pool, _ in _pools.living():
        now, label = pool.get_stats(), {_POOL: pool.name}
        yield "connection.count", now["pool_available"], label | {_STATE: "idle"}
        yield (
            "connection.count",
            now["pool_size"] - now["pool_available"],
            label | {_STATE: "used"},
        )
        yield "connection.max", now["pool_max"], label
        yield "connection.pending_requests", now["requests_waiting"], label


_gauge: dict[str, Any] = {"unit": "{connection}", "merge": "sum", "labels": [_POOL]}
SAMPLER: dict[str, Any] = {
    "name": "psycopg_pool",
    "sample": _sample,
    "metrics": {
        "connection.count": _gauge | {"help": "Connections by state.", "labels": [_POOL, _STATE]},
        "connection.max": _gauge | {"help": "Connections there may be."},
        "connection.pending_requests": _gauge
        | {"unit": "{request}", "help": "Who waits for one."},
        **{
            metric: {"kind": "counter", "unit": unit, "help": help_, "labels": [_POOL]}
            for metric, unit, _, help_ in _TOTALS.values()
        },
    },
}
