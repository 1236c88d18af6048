"""Pools of redis-py and jobs of RQ on a real Redis, beside what the test counts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.samplers.programs import run
from tests.samplers.servers.daemons import ROOT
from tests.samplers.servers.rig import Served
from tests.support.ports import HOST
from tests.wiring.rig import need, redis
from tests.wiring.test_programs import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server


def test_redis_pools_tell_their_connections(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Of clients made before and after the sampler, blocking and asynchronous ones together."""
    need(request, "redis-server")
    need(request, "redis")
    with redis(tmp_path) as port:
        told = run(f"""
            import asyncio, gc
            import redis, redis.asyncio
            early = redis.Redis(host="{HOST}", port={port}, max_connections=4, password=None)
            early.ping()
            with Collector() as consumer:
                told = [read(consumer)]
                pool = redis.BlockingConnectionPool(host="{HOST}", port={port}, max_connections=3)
                held = [pool.get_connection(), early.connection_pool.get_connection()]
                told.append(read(consumer))
                async def main():
                    async with redis.asyncio.Redis(host="{HOST}", port={port}) as client:
                        await client.ping()
                        told.append(read(consumer))
                asyncio.run(main())
                for each, of in zip(held, (pool, early.connection_pool)):
                    of.release(each)
                told.append(read(consumer))
                pool.disconnect()
                del pool, of, each, held
                gc.collect()
                told.append(read(consumer))
            print(json.dumps(told))
        """)
    pool = f'db.client.connection.pool.name="{HOST}:{port}/0"'
    states = [
        tuple(
            each[f'redis.connection.count{{{pool},db.client.connection.state="{state}"}}']
            for state in ("used", "idle")
        )
        for each in told
    ]
    assert states[0] == (0, 1)
    assert states[1][0] == 2
    assert states[2] == (states[1][0], states[1][1] + 1)
    assert states[3][0] == 0
    assert states[4] == (0, 1)
    assert [each[f"redis.connection.max{{{pool}}}"] for each in (told[0], told[1])] == [4, 7]


def test_rq_tells_the_jobs_of_its_worker(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Those that went well, that failed and that asked to be tried again, by queue."""
    need(request, "redis-server")
    need(request, "rq")
    (tmp_path / "work.py").write_text(
        "from rq import Retry\n"
        "def good(): pass\n"
        "def bad(): raise ValueError('on purpose')\n"
        "def again(): return Retry(max=1)\n"
    )
    with redis(tmp_path) as port:
        found = run(
            f"""
            import logging
            import redis, rq, work
            connection = redis.Redis(host="{HOST}", port={port})
            queues = [rq.Queue(name, connection=connection) for name in ("mails", "bills")]
            for function, times in ((work.good, 5), (work.bad, 2), (work.again, 1)):
                for _ in range(times):
                    queues[0].enqueue(function)
            queues[1].enqueue(work.good)
            with Collector() as consumer:
                read(consumer)
                rq.SimpleWorker(queues, connection=connection).work(
                    burst=True, logging_level="CRITICAL")
                print(json.dumps(read(consumer)))
            """,
            PYTHONPATH=f"{tmp_path}:{ROOT}",
        )
    told = {name: value for name, value in found.items() if name.startswith("rq.jobs")}
    assert told == {
        'rq.jobs{queue="mails",state="finished"}': 5,
        'rq.jobs{queue="mails",state="failed"}': 2,
        'rq.jobs{queue="mails",state="retried"}': 2,
        'rq.jobs{queue="bills",state="finished"}': 1,
    }
    assert found['rq.job.duration{queue="mails"}'] == 9
    assert found['rq.job.wait_time{queue="bills"}'] == 1


def test_each_work_horse_of_rq_tells_its_job(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Under ``sampler run --``, where a child of the worker runs one job and is gone."""
    need(request, "redis-server")
    need(request, "rq")
    with redis(tmp_path) as port:
        (tmp_path / "done").mkdir()
        words = ("rq", "worker", "--url", f"redis://{HOST}:{port}")
        served = Served(tmp_path, words, toml='enable = ["rq"]')
        try:
            ask(tmp_path, "jobs.py", str(port), "6")
            assert served.end() == 0
            assert served.told("rq.jobs", queue="default", state="finished") == 6
        finally:
            served.close()
