"""Pools of psycopg and asyncpg on a real PostgreSQL, beside what the program counts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.samplers.programs import run
from tests.support.ports import HOST
from tests.wiring.rig import need

if TYPE_CHECKING:
    from tests.samplers.servers.daemons import Postgres

pytestmark = pytest.mark.server


def _psycopg(metric: str, pool: str, state: str = "") -> str:
    more = f',db.client.connection.state="{state}"' if state else ""
    return f'psycopg_pool.{metric}{{db.client.connection.pool.name="{pool}"{more}}}'


def test_psycopg_pools_tell_what_they_lent_and_what_waited(
    request: pytest.FixtureRequest, postgres: Postgres
) -> None:
    """Of one made before the sampler was there, too; a pool that is gone keeps its counts."""
    need(request, "psycopg_pool")
    told = run(f"""
        import gc, threading
        from psycopg_pool import ConnectionPool, PoolTimeout
        where = "host={HOST} port={postgres.port} dbname=postgres user=shop"
        def make(name, **more):
            pool = ConnectionPool(where, min_size=1, open=True, name=name, **more)
            pool.wait(30)
            return pool
        early = make("early", max_size=2)
        for _ in range(3):
            with early.connection() as connection:
                connection.execute("SELECT 1")
        with Collector() as consumer:
            told = [read(consumer)]
            late = make("late", max_size=1)
            with late.connection() as connection:
                waits = threading.Thread(target=lambda: late.putconn(late.getconn()))
                waits.start()
                while not late.get_stats()["requests_waiting"]:
                    time.sleep(0.001)
                told.append(read(consumer))
            waits.join()
            with late.connection():
                try:
                    late.getconn(timeout=0.05)
                except PoolTimeout:
                    told.append(read(consumer))
            late.pop_stats()
            for _ in range(4):
                with late.connection():
                    pass
            told.append(read(consumer))
            early.close()
            late.close()
            del early, late, waits, connection
            gc.collect()
            told.append(read(consumer))
            again = make("late", max_size=1)
            with again.connection():
                told.append(read(consumer))
            again.close()
        print(json.dumps(told))
    """)
    first, waiting, failed, drained, gone, again = told
    count = "connection.count"
    assert first[_psycopg("connection.requests", "early")] == 3
    assert first[_psycopg("connection.max", "early")] == 2
    assert first[_psycopg(count, "early", "idle")] == 1
    assert waiting[_psycopg("connection.requests", "late")] == 2
    assert waiting[_psycopg("connection.requests.queued", "late")] == 1
    assert waiting[_psycopg("connection.requests.failed", "late")] == 0
    assert waiting[_psycopg("connection.pending_requests", "late")] == 1
    assert waiting[_psycopg(count, "late", "used")] == 1
    assert waiting[_psycopg(count, "late", "idle")] == 0
    assert failed[_psycopg("connection.requests", "late")] == 4
    assert failed[_psycopg("connection.requests.failed", "late")] == 1
    assert drained[_psycopg("connection.requests", "late")] == 4 + 4
    assert drained[_psycopg("connection.wait.time", "late")] < 30  # seconds, not milliseconds
    assert gone[_psycopg("connection.requests", "late")] == 8
    assert gone[_psycopg("connection.requests", "early")] == 3
    assert _psycopg("connection.max", "early") not in gone
    assert again[_psycopg("connection.requests", "late")] == 9
    assert again[_psycopg("connections", "late")] == 2


def test_asyncpg_pools_tell_their_connections(
    request: pytest.FixtureRequest, postgres: Postgres
) -> None:
    """Of two pools of one database, one made before the sampler was there; closed ones go."""
    need(request, "asyncpg")
    told = run(f"""
        import asyncio
        import asyncpg
        where = "postgresql://shop:hidden@{HOST}:{postgres.port}/postgres"
        def make(least, most):
            return asyncpg.create_pool(where, min_size=least, max_size=most)
        async def main():
            async with make(2, 3) as early:
                with Collector() as consumer:
                    told = [read(consumer)]
                    async with early.acquire(), make(0, 5) as late:
                        told.append(read(consumer))
                        async with late.acquire(), late.acquire():
                            told.append(read(consumer))
                        told.append(read(consumer))
                    told.append(read(consumer))
            return told
        print(json.dumps(asyncio.run(main())))
    """)
    pool = f'db.client.connection.pool.name="{HOST}:{postgres.port}/postgres"'
    states = [
        tuple(
            each[f'asyncpg.connection.count{{{pool},db.client.connection.state="{state}"}}']
            for state in ("used", "idle")
        )
        for each in told
    ]
    assert states == [(0, 2), (1, 1), (3, 1), (1, 3), (0, 2)]
    limits = [each[f"asyncpg.connection.max{{{pool}}}"] for each in told]
    assert limits == [3, 3, 8, 8, 3]
    assert "hidden" not in str(told)
