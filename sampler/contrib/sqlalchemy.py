"""The ``sqlalchemy`` sampler: pools, how long connecting takes, and how long connections are kept.

A pool is known once its engine has connected while this is loaded. How many threads wait for a
connection SQLAlchemy does not tell.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any
from weakref import ref

import sampler

_SEEN = "sampler.connection"
SAMPLER = sampler.Instruments("sqlalchemy")
_STATE, _POOL = "db.client.connection.state", "db.client.connection.pool.name"
_gauge: Any = partial(SAMPLER.gauge, unit="{connection}", merge="sum")
_histogram: Any = partial(SAMPLER.histogram, unit="s", labels=("db.system.name",))
_count = _gauge("connection.count", help="Connections by state.", labels=(_POOL, _STATE))
_kept = _gauge("connection.idle.max", help="Connections that a pool keeps.", labels=(_POOL,))
_create = _histogram("connection.create_time", help="How long it took to connect.")
_use = _histogram("connection.use_time", help="How long a connection was out of its pool.")
_pools: dict[str, tuple[ref[Any], ...]] = {}


def _total(name: str, told: str) -> int:
    pools = [pool for each in _pools[name] if (pool := each()) is not None]
    return sum(getattr(pool, told)() for pool in pools if hasattr(pool, told))


def _used(connection: Any) -> None:
    pool, url = connection.engine.pool, connection.engine.url
    name = pool.logging_name or f"{url.host or url.drivername}:{url.port or ''}/{url.database}"
    known = tuple(each for each in _pools.get(name, ()) if each() is not None)
    if not any(each() is pool for each in known):
        _pools[name] = (*known, ref(pool))
        _count.labels(name, "used").set_function(partial(_total, name, "checkedout"))
        _count.labels(name, "idle").set_function(partial(_total, name, "checkedin"))
        _kept.labels(name).set_function(partial(_total, name, "size"))


def _moment(record: Any, system: str = "other_sql") -> None:
    record.info[_SEEN] = record.info.get(_SEEN, [system])[0], perf_counter()


def _past(histogram: Any, record: Any) -> None:
    if seen := record.info.get(_SEEN):
        histogram.labels(seen[0]).observe(perf_counter() - seen[1])


_listen: Any = import_module("sqlalchemy.event").listen
_engine, _pool = import_module("sqlalchemy.engine").Engine, import_module("sqlalchemy.pool").Pool
_listen(_engine, "engine_connect", _used)
_listen(_engine, "do_connect", lambda dialect, record, *_: _moment(record, dialect.name))
_listen(_pool, "connect", lambda _, record: _past(_create, record), insert=True)
_listen(_pool, "checkout", lambda _, record, __: _moment(record))
_listen(_pool, "checkin", lambda _, record: _past(_use, record))
