"""The ``pgbouncer`` sampler: PgBouncer's pools, by its own console.

It needs no worker of the application, so under a relay the relay reads it, once for all. It needs
psycopg or psycopg2, and a user that PgBouncer's ``stats_users`` names. Settings: ``conninfo``, of
libpq (``host=127.0.0.1 port=6432 user=stats``; the database is ``pgbouncer``), and ``timeout``. A
password belongs into libpq's password file.
"""

from __future__ import annotations

import importlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sampler.samplers._metrics import metric
from sampler.samplers.servers._settings import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ("SAMPLER",)

CONNINFO = "host=127.0.0.1 port=6432"
TIMEOUT = 2
"""Seconds for a connection and for an answer."""

_STATES = {
    "cl_active": ("client.count", "active"),
    "cl_waiting": ("client.count", "waiting"),
    "sv_active": ("server.count", "active"),
    "sv_idle": ("server.count", "idle"),
    "sv_used": ("server.count", "used"),
    "sv_tested": ("server.count", "tested"),
    "sv_login": ("server.count", "login"),
}
_TOTALS = {
    "total_xact_count": ("transactions", 1),
    "total_query_count": ("queries", 1),
    "total_xact_time": ("transaction.time", 1e6),
    "total_query_time": ("query.time", 1e6),
    "total_wait_time": ("wait.time", 1e6),
    "total_received": ("received.io", 1),
    "total_sent": ("sent.io", 1),
}
_OWN = "pgbouncer"


class NoAnswerError(Exception):
    """PgBouncer does not tell, and why."""


class _Console:
    """One consumer's connection.

    Args:
        connect: opens a connection to the console.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._open: Any = None

    def __call__(self) -> list[tuple[Any, ...]]:
        """Return what the console says.

        Raises:
            NoAnswerError: it cannot be asked, or answers something else.
        """
        try:
            if self._open is None:
                self._open = self._connect()
            return [*self._pools(), *self._stats()]
        except Exception as error:
            self.close()
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise NoAnswerError(f"pgbouncer: {lines[0]}") from None

    def close(self) -> None:
        """Close the connection."""
        found, self._open = self._open, None
        if found is not None:
            found.close()

    def _rows(self, show: str) -> Iterator[dict[str, Any]]:
        with closing(self._open.cursor()) as cursor:
            cursor.execute(show)
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield dict(zip(names, row, strict=True))

    def _pools(self) -> Iterator[tuple[Any, ...]]:
        for row in self._rows("SHOW POOLS"):
            if row["database"] == _OWN:
                continue
            pool = {"database": row["database"], "user": row["user"]}
            for column, (name, state) in _STATES.items():
                yield name, int(row[column]), {**pool, "state": state}
            waited = int(row["maxwait"]) + int(row.get("maxwait_us") or 0) / 1e6
            yield "wait.oldest", waited, pool

    def _stats(self) -> Iterator[tuple[Any, ...]]:
        for row in self._rows("SHOW STATS"):
            if row["database"] != _OWN:
                for column, (name, divisor) in _TOTALS.items():
                    value = int(row[column])
                    total = value if divisor == 1 else value / divisor
                    yield name, total, {"database": row["database"]}


def factory(environ: Mapping[str, Any]) -> _Console:
    """Return what one consumer pulls.

    Raises:
        ValueError: the settings are none.
        ImportError: neither psycopg nor psycopg2 is installed.
    """
    known(environ["settings"], "conninfo", "timeout")
    conninfo = environ["settings"].get("conninfo", CONNINFO)
    timeout = environ["settings"].get("timeout", TIMEOUT)
    if not isinstance(conninfo, str) or "://" in conninfo:
        raise ValueError("conninfo: expected a text such as 'host=127.0.0.1 port=6432 user=stats'")
    if not isinstance(timeout, int) or isinstance(timeout, bool) or not 2 <= timeout <= 4:
        raise ValueError(f"timeout: expected 2, 3 or 4 seconds, got {timeout!r}")
    driver = _driver()

    def connect() -> Any:
        connection = driver.connect(f"{conninfo} dbname={_OWN} connect_timeout={timeout}")
        connection.autocommit = True  # the console knows no transactions
        if hasattr(connection, "prepare_threshold"):
            connection.prepare_threshold = None  # nor prepared statements
        return connection

    return _Console(connect)


def _driver() -> Any:
    for name in ("psycopg", "psycopg2"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError(
        "sampler 'pgbouncer' needs psycopg or psycopg2: pip install 'psycopg[binary]'"
    )


def _metric(kind: str, unit: str, text: str, *labels: str) -> dict[str, Any]:
    return metric(kind, unit, text, "database", *labels, scope="host")


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "pgbouncer",
    "factory": factory,
    "metrics": {
        "client.count": _metric(
            "gauge",
            "{connection}",
            "Connections of clients: served, or waiting for a server's.",
            "user",
            "state",
        ),
        "server.count": _metric(
            "gauge", "{connection}", "Connections to PostgreSQL.", "user", "state"
        ),
        "wait.oldest": _metric("gauge", "s", "How long the first client has waited.", "user"),
        "transactions": _metric("counter", "{transaction}", "Transactions."),
        "queries": _metric("counter", "{query}", "Queries."),
        "transaction.time": _metric("counter", "s", "Time in transactions."),
        "query.time": _metric("counter", "s", "Time in queries, waiting for a server included."),
        "wait.time": _metric("counter", "s", "Time for which clients waited for a server."),
        "received.io": _metric("counter", "By", "Received from clients."),
        "sent.io": _metric("counter", "By", "Sent to clients."),
    },
}
"""The ``pgbouncer`` sampler."""
