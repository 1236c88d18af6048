"""Time to connect, of any driver by the DB-API (PEP 249): ``connect = timed(psycopg.connect)``.

Django takes no such function: what it opens is counted by :mod:`sampler.contrib.django`, and what
SQLAlchemy opens by :mod:`sampler.contrib.sqlalchemy`.
"""

from __future__ import annotations

from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import sampler

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
C = TypeVar("C")

__all__ = ("timed",)

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_group = sampler.Instruments("db.client.connection")
_create_time = _group.histogram(
    "create_time",
    unit="s",
    help="How long it took to open a connection.",
    labels=("db.system.name",),
    buckets=_BOUNDS,
)
_failures = _group.counter(
    "failures",
    unit="{connection}",
    help="Connections that could not be opened.",
    labels=("db.system.name", "error.type"),
)


def timed(connect: Callable[P, C], system: str = "postgresql") -> Callable[P, C]:
    """Return a driver's ``connect`` that also counts what it opens, and how long that takes.

    Args:
        connect: the driver's function; what it returns and raises is passed on as it is.
        system: the database, as OpenTelemetry names it.
    """

    @wraps(connect)
    def connect_timed(*args: P.args, **kwargs: P.kwargs) -> C:
        begun = perf_counter()
        try:
            connection = connect(*args, **kwargs)
        except Exception as error:
            _failures.labels(system, type(error).__name__).inc()
            raise
        _create_time.labels(system).observe(perf_counter() - begun)
        return connection

    return connect_timed
