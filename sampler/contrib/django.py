"""The ``django`` sampler: connections to databases, and what requests still had to import.

What is imported after the first request has begun was imported lazily, in somebody's request.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Any
from weakref import WeakSet

import sampler

SAMPLER = sampler.Instruments("django")
_opened = SAMPLER.counter(
    "connections",
    unit="{connection}",
    help="Connections opened.",
    labels=("alias", "db.system.name"),
)
_open = SAMPLER.gauge(
    "connection.count",
    unit="{connection}",
    help="Connections to databases that are open.",
    labels=("alias",),
    merge="sum",
)
_lazy = SAMPLER.gauge(
    "modules.lazy", unit="{module}", help="Modules loaded since the first request.", merge="max"
)
_request_started = import_module("django.core.signals").request_started
_wrappers: WeakSet[Any] = WeakSet()


def _modules() -> int:
    return sum(not name.startswith("sampler") for name in tuple(sys.modules))


def _connected(connection: Any, **_: Any) -> None:
    _opened.labels(connection.alias, connection.vendor).inc()
    _wrappers.add(connection)
    _open.labels(connection.alias).set_function(partial(_count, connection.alias))


def _count(alias: str) -> int:
    wrappers = [each for each in _wrappers if each.alias == alias]
    return sum(each.connection is not None for each in wrappers)


def _first(**_: Any) -> None:
    _request_started.disconnect(dispatch_uid=__name__)
    before = _modules()
    _lazy.set_function(lambda: _modules() - before)


_created = import_module("django.db.backends.signals").connection_created
_created.connect(_connected, dispatch_uid=__name__)
_request_started.connect(_first, weak=False, dispatch_uid=__name__)
