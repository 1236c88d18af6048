"""The ``django`` sampler: start-up, connections to databases, and what requests had to import.

What is imported after the first request has begun was imported lazily, in somebody's request. How
long start-up took is known under ``sampler run --``, which is there before it.
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
    "connections", help="Connections opened.", unit="{connection}", labels=("alias", "vendor")
)
_open: Any = SAMPLER.gauge(
    "connection.count", help="Connections.", unit="{connection}", labels=("alias",), merge="sum"
)
_lazy = SAMPLER.gauge(
    "modules.lazy", help="Modules loaded since the first request.", unit="{module}", merge="max"
)
_setup = SAMPLER.gauge(
    "setup.duration", help="How long it took to set Django up.", unit="s", merge="max"
)
_started = import_module("django.core.signals").request_started
_wrappers: Any = WeakSet()


def _modules() -> int:
    return sum(not name.startswith("sampler") for name in tuple(sys.modules))


def _connected(connection: Any, **_: Any) -> None:
    _opened.labels(connection.alias, connection.vendor).inc()
    _wrappers.add(connection)
    _open.labels(connection.alias).set_function(partial(_count, connection.alias))


def _count(alias: str) -> int:
    wrappers = [each() for each in tuple(_wrappers.data)]  # at once: other threads connect
    return sum(each.alias == alias and each.connection is not None for each in wrappers if each)


def _first(**_: Any) -> None:
    _started.disconnect(dispatch_uid=__name__)
    before = _modules()
    _lazy.set_function(lambda: _modules() - before)


_setup.set_function(partial(getattr, import_module("django.apps").apps, "sampler_setup", None))
_started.connect(_first, weak=False, dispatch_uid=__name__)
_created = import_module("django.db.backends.signals").connection_created
_created.connect(_connected, dispatch_uid=__name__)
