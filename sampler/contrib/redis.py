"""The ``redis`` sampler: connections of redis-py's pools, by the server and database they are for.

Commands are not counted: redis-py has no hook for them, but a tracer of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sampler.contrib._seams import Noted

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LIMIT = 2**31
_POOL, _STATE = "db.client.connection.pool.name", "db.client.connection.state"


def _name(pool: Any) -> str:
    told = pool.connection_kwargs
    where = told.get("path") or f"{told.get('host', 'localhost')}:{told.get('port', 6379)}"
    return f"{where}/{told.get('db') or 0}"


_pools = [
    Noted(import_module(module).ConnectionPool, _name)
    for module in ("redis.connection", "redis.asyncio.connection")
]


def _sample() -> Iterator[tuple[str, float, dict[str, str]]]:
    """Yield the connections of all pools."""
    for pools in _pools:
        for pool, name in pools.living():
            for count, labels in pool.get_connection_count():
                yield "connection.count", count, {_POOL: name, _STATE: labels[_STATE]}
            if pool.max_connections < _NO_LIMIT:
                yield "connection.max", pool.max_connections, {_POOL: name}


def _gauge(help_: str, *labels: str) -> dict[str, object]:
    return {"unit": "{connection}", "help": help_, "merge": "sum", "labels": [_POOL, *labels]}


SAMPLER: dict[str, Any] = {
    "name": "redis",
    "sample": _sample,
    "metrics": {
        "connection.count": _gauge("Connections by state.", _STATE),
        "connection.max": _gauge("Connections there may be."),
    },
}
