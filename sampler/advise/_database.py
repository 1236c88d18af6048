"""What share of the time of requests the database has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _thresholds as at
from sampler.advise._load import ratio
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case

ABOUT = "database"
_HTTP = "http.server"


def database(case: Case) -> Statement:
    """Say what share of requests' time the database has."""
    window, load = case.window, case.load
    for doubt in (case.void, case.few):
        if doubt is not None:
            return undecided(ABOUT, doubt.text, doubt.decides, doubt.numbers)
    busy = (load["busy"] or 0.0) * (load["elapsed"] or 0.0)
    names = ("db.client.connection.create_time", "sqlalchemy.connection.create_time")
    opened = {name: ratio(window.rise(f"{name}.sum"), busy) for name in names}
    name, connecting = max(opened.items(), key=lambda item: item[1] or 0.0)
    used = ratio(window.rise("sqlalchemy.connection.use_time.sum"), busy)
    pooled = ratio(window.rise("pgbouncer.wait.time"), window.rise("pgbouncer.query.time"))
    told = (
        ("connecting, of requests' time", connecting, (name, f"{_HTTP}.busy.time")),
        (
            "with a connection, of requests' time",
            used,
            ("sqlalchemy.connection.use_time", f"{_HTTP}.busy.time"),
        ),
        (
            "waiting for PgBouncer, of queries' time",
            pooled,
            ("pgbouncer.wait.time", "pgbouncer.query.time"),
        ),
    )
    numbers = tuple(Number(n, value, "1", of) for n, value, of in told if value is not None)
    if not numbers:
        return undecided(
            ABOUT,
            "no driver or pool is told of",
            "sqlalchemy, sampler.contrib.dbapi.timed around connect, or the sampler pgbouncer",
        )
    if connecting is not None and connecting >= at.CONNECTING:
        return Statement(
            ABOUT,
            "connecting costs",
            "connections are opened again and again",
            numbers,
            remedy="keep connections: a pool, or PgBouncer, whose clients end their transactions",
        )
    if pooled is not None and pooled >= at.CONNECTING:
        text = "queries wait for a connection of PgBouncer"
        return Statement(ABOUT, "its pool is too small", text, numbers, remedy="a larger pool")
    if used is not None and used >= at.DATABASE:
        text = "requests hold a connection for most of their time; queries are a part of that"
        return Statement(ABOUT, "most of the time, at the most", text, numbers)
    return Statement(ABOUT, "a small part", "it is not what requests wait for most", numbers)
