"""Database connections: opening one for each request, with and without PgBouncer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Open
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal
from tests.samplers.servers.daemons import PgBouncer, Postgres
from tests.support.ports import HOST
from tests.support.process import MissingServerError

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

DIRECT, POOLED, COMMITTED = "PostgreSQL", "PgBouncer", "PgBouncer, autocommit"


def _play(stage: Stage) -> None:
    if os.geteuid():
        raise MissingServerError("PostgreSQL's user can be taken by root only")
    clients = Open(40, "/connect")
    with (
        Postgres(stage.folder / "postgres") as database,
        PgBouncer(stage.folder / "pgbouncer", database.port) as pool,
    ):
        for name, port, autocommit in (
            (DIRECT, database.port, ""),
            (POOLED, pool.port, ""),
            (COMMITTED, pool.port, "yes"),
        ):
            with stage.serve(
                *("-k", "gthread", "--threads", "4"),
                samplers=["db.client.connection"],
                env={
                    "TALK_DATABASE": f"host={HOST} port={port} dbname=postgres user=shop",
                    "TALK_AUTOCOMMIT": autocommit,
                },
            ) as served:
                stage.load(served.port, 1, clients)  # what is imported first, and first servers
                with stage.phase(name):
                    stage.load(served.port, 4, clients)


SCENARIO = Scenario(
    name="database_connections",
    title="Connecting is much of what a short request does, and a pooler takes it off, if it may",
    play=_play,
    told=(COMMITTED, DIRECT),
    programs=("nginx", "postgres", "pgbouncer"),
    packages=("psycopg",),
    signals=(
        signals.waited(),
        Signal(
            "connect",
            "to connect, mean",
            RISES,
            lambda w: w.each("db_client_connection_create_time_seconds"),
            "s",
            "db.client.connection.create_time",
        ),
        Signal(
            "share",
            "connecting, of the time at work",
            RISES,
            lambda w: w.ratio(
                "db_client_connection_create_time_seconds_sum",
                "http_server_busy_time_seconds_total",
            ),
            "%",
            "db.client.connection.create_time",
        ),
        signals.application(RISES),
        signals.busy(MISLEADS, threads=4),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "A connection to PostgreSQL takes {connect[PostgreSQL]}, {share[PostgreSQL]} of the "
            "time at work; one to PgBouncer {connect[PgBouncer, autocommit]}, "
            "{share[PgBouncer, autocommit]}.",
            lambda f: f["connect"][DIRECT] > 2 * f["connect"][COMMITTED],
        ),
        Claim(
            "A request takes {application[PgBouncer, autocommit]} instead of "
            "{application[PostgreSQL]}.",
            lambda f: f["application"][DIRECT] > 1.3 * f["application"][COMMITTED],
        ),
        Claim(
            "But it takes {application[PgBouncer]} where the application closes without a "
            "commit: PgBouncer cannot give such a connection to the next one, and opens another.",
            lambda f: f["application"][POOLED] > 1.3 * f["application"][COMMITTED],
        ),
        Claim(
            "The workers' CPU says nothing of it: {cpu[PostgreSQL]} of a core; what connecting "
            "costs is PostgreSQL's.",
            lambda f: f["cpu"][DIRECT] < 0.6,
        ),
    ),
)
