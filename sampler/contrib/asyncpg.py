"""The ``asyncpg`` sampler: connections of its pools, once they have connected.

A pool of asyncpg counts nothing and takes no weak reference, so what is noted are the holders of
its connections.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sampler.contrib._seams import Noted

if TYPE_CHECKING:
    from collections.abc import Iterator

_POOL, _STATE = "db.client.connection.pool.name", "db.client.connection.state"
_module = import_module("asyncpg.pool")
_holders: Noted[list[str]] = Noted(_module.PoolConnectionHolder, lambda _: [])


def _sample() -> Iterator[tuple[str, float, dict[str, str]]]:
    """Yield what the pools tell that are open."""
    names: dict[int, tuple[Any, str]] = {}
    for holder, kept in _holders.living():
        pool, connection = holder._pool, holder._con
        if not kept and connection is not None:
            kept.append(_name(connection))
        if kept:
            names[id(pool)] = pool, kept[0]
    for pool, name in names.values():
        if pool.is_closing():
            continue
        size, idle, label = pool.get_size(), pool.get_idle_size(), {_POOL: name}
        yield "connection.count", idle, {**label, _STATE: "idle"}
        yield "connection.count", size - idle, {**label, _STATE: "used"}
        yield "connection.idle.min", pool.get_min_size(), label
        yield "connection.max", pool.get_max_size(), label


def _name(connection: Any) -> str:
    where = connection._addr
    host = f"{where[0]}:{where[1]}" if isinstance(where, tuple) else where
    return f"{host}/{connection._params.database}"


def _gauge(help_: str, *labels: str) -> dict[str, object]:
    return {"unit": "{connection}", "help": help_, "merge": "sum", "labels": [_POOL, *labels]}


SAMPLER: dict[str, Any] = {
    "name": "asyncpg",
    "sample": _sample,
    "metrics": {
        "connection.count": _gauge("Connections by state.", _STATE),
        "connection.idle.min": _gauge("Connections that are kept at least."),
        "connection.max": _gauge("Connections there may be."),
    },
}
