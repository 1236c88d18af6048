"""PgBouncer's sampler, SQLAlchemy's, Django's and the wrapper of DB-API, on real databases."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Collector, Registry
from tests.samplers.programs import run
from tests.samplers.servers.daemons import ROOT, PgBouncer, there
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for
from tests.wiring.rig import need

if TYPE_CHECKING:
    from pathlib import Path

    from tests.samplers.servers.daemons import Postgres

pytestmark = pytest.mark.server


def test_pgbouncer_tells_who_waits_for_a_connection(
    request: pytest.FixtureRequest, postgres: Postgres
) -> None:
    """Two are served, as its pool has two; one waits, and the time is counted."""
    there(request, "pgbouncer")
    import psycopg

    from sampler.samplers.servers.pgbouncer import SAMPLER

    where = f"host={HOST} dbname=postgres user=shop"

    def name(metric: str, state: str) -> str:
        return f'pgbouncer.{metric}{{database="postgres",state="{state}",user="shop"}}'

    with PgBouncer(postgres.directory.parent / "pgbouncer", postgres.port) as bouncer:
        registry = Registry()
        registry.register(SAMPLER)
        told = {"conninfo": f"host={HOST} port={bouncer.port} user=stats"}
        with Collector(registry, settings={"pgbouncer": told}) as consumer:

            def read() -> dict[str, Any]:
                snapshot = consumer.collect()
                assert not snapshot.failures, snapshot.failures
                return {str(series): value for series, value in snapshot}

            assert not [name for name in read() if 'user="shop"' in name]
            served = [psycopg.connect(f"{where} port={bouncer.port}") for _ in range(2)]
            for each in served:
                each.execute("SELECT 1")
            before = read()
            waits = subprocess.Popen(
                [
                    *(sys.executable, "-c"),
                    f"import psycopg as p; p.connect({where!r}, port={bouncer.port}).execute('')",
                ]
            )
            try:
                wait_for(lambda: read()[name("client.count", "waiting")] == 1, what="who waits")
                found = read()
                assert found[name("client.count", "active")] == 2
                assert found[name("server.count", "active")] == 2
                assert found['pgbouncer.wait.oldest{database="postgres",user="shop"}'] >= 0
            finally:
                for each in served:
                    each.close()
                assert waits.wait(30) == 0
            wait_for(lambda: read()[name("client.count", "waiting")] == 0, what="nobody to wait")
            queries = 'pgbouncer.queries{database="postgres"}'
            wait_for(lambda: read()[queries] >= before[queries] + 1, 70, "its statistics")
            assert read()['pgbouncer.wait.time{database="postgres"}'] > 0


def test_pgbouncer_that_is_gone_is_one_line(request: pytest.FixtureRequest) -> None:
    """And so is one that refuses, or a setting that is none."""
    need(request, "psycopg")
    from sampler.samplers.servers.pgbouncer import SAMPLER

    registry = Registry()
    registry.register(SAMPLER)
    for told, said in (
        ({"conninfo": f"host={HOST} port={free_port()} password=hidden"}, "connection failed"),
        ({"conninfo": 5}, "conninfo: expected a text"),
        ({"timeout": 60}, "timeout: expected 2, 3 or 4 seconds, got 60"),
    ):
        with Collector(registry, settings={"pgbouncer": told}) as consumer:
            (failure,) = consumer.collect().failures
            assert said in failure.message, failure.message
            assert "hidden" not in failure.message
            assert "\n" not in failure.message


def test_the_wrapper_of_connect_counts_what_was_opened(postgres: Postgres) -> None:
    """As often as it was called, with what failed apart, and what it returns untouched."""
    found, opened = run(f"""
        import psycopg
        from sampler.contrib.dbapi import timed
        connect = timed(psycopg.connect)
        with Collector() as consumer:
            consumer.collect()
            for _ in range(7):
                with connect("host={HOST} port={postgres.port} dbname=postgres user=shop") as db:
                    opened = db.execute("SELECT 5").fetchone()[0]
            for _ in range(2):
                try:
                    connect("host={HOST} port={postgres.port} dbname=none user=shop")
                except psycopg.OperationalError:
                    pass
            print(json.dumps([read(consumer), opened]))
    """)
    system = 'db.system.name="postgresql"'
    assert opened == 5
    assert found["db.client.connection.create_time{" + system + "}"] == 7
    name = "db.client.connection.failures{" + system + ',error.type="OperationalError"}'
    assert found[name] == 2


def test_sqlalchemy_tells_its_pools(request: pytest.FixtureRequest, postgres: Postgres) -> None:
    """Used, idle and kept connections of two engines with one address, and of one with a name."""
    need(request, "sqlalchemy")
    told = run(f"""
        import sqlalchemy
        url = "postgresql+psycopg://shop@{HOST}:{postgres.port}/postgres"
        early = sqlalchemy.create_engine(url, pool_size=3)
        early.connect().close()  # before the sampler is there
        with Collector() as consumer:
            read(consumer)
            engines = [early, sqlalchemy.create_engine(url, pool_size=4)]
            named = sqlalchemy.create_engine("sqlite://", pool_logging_name="files")
            told = []
            held = [engines[0].connect(), engines[0].connect(), engines[1].connect()]
            named.connect().close()
            told.append(read(consumer))
            for each in held:
                each.execute(sqlalchemy.text("SELECT 1"))
                each.close()
            told.append(read(consumer))
            engines[1].dispose()
            with engines[1].execution_options(isolation_level="AUTOCOMMIT").connect():
                told.append(read(consumer))
        print(json.dumps(told))
    """)
    pool = f'db.client.connection.pool.name="{HOST}:{postgres.port}/postgres"'

    def counted(found: dict[str, float], state: str) -> float:
        return found[f'sqlalchemy.connection.count{{{pool},db.client.connection.state="{state}"}}']

    held, idle, again = told
    assert (counted(held, "used"), counted(held, "idle")) == (3, 0)
    assert held[f"sqlalchemy.connection.idle.max{{{pool}}}"] == 7
    assert (counted(idle, "used"), counted(idle, "idle")) == (0, 3)
    assert (counted(again, "used"), counted(again, "idle")) == (1, 2)
    create = 'sqlalchemy.connection.create_time{db.system.name="postgresql"}'
    assert (held[create], again[create]) == (2, 3)  # one was there before
    assert held['sqlalchemy.connection.create_time{db.system.name="sqlite"}'] == 1
    uses = [value for name, value in idle.items() if "use_time" in name]
    assert sum(uses) == 4


def test_django_tells_connections_and_lazy_imports(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As many as the program opened, by alias; modules as many as a request had to import."""
    need(request, "django")
    (tmp_path / "lazily.py").write_text("import wave\n")
    told, grew = run(
        """
        import django
        import os
        from django.conf import settings
        folder = os.environ["IN"]
        databases = {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/{alias}.db"}
            for alias in ("default", "other")
        }
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", DATABASES=databases)
        django.setup()
        import types
        from django.http import HttpResponse
        from django.urls import path
        def view(request):
            global grew
            before = set(sys.modules)
            import lazily
            grew = len(set(sys.modules) - before)
            return HttpResponse("fine")
        sys.modules["urls"] = urls = types.ModuleType("urls")
        urls.urlpatterns = [path("", view)]
        from django.db import connections
        from django.test import Client
        client = Client()
        with Collector() as consumer:
            told = [read(consumer)]
            client.get("/none")
            client.get("/none")
            before = read(consumer)
            client.get("/")
            for alias in ("default", "default", "other"):
                with connections[alias].cursor() as cursor:
                    cursor.execute("SELECT 1")
                told.append(read(consumer))
                if alias == "default":
                    connections[alias].close()
            told.append(read(consumer))
            grew += before["django.modules.lazy"]
        print(json.dumps([told, grew]))
        """,
        PYTHONPATH=f"{ROOT}:{tmp_path}",
        IN=str(tmp_path),
    )
    opened = [
        sum(value for name, value in each.items() if name.startswith("django.connections"))
        for each in told
    ]
    assert opened == [0, 1, 2, 3, 3]
    name = 'django.connection.count{alias="default"}'
    assert [each.get(name) for each in told] == [None, 1, 1, 0, 0]
    assert told[-1]['django.connection.count{alias="other"}'] == 1
    assert "django.modules.lazy" not in told[0]  # no request has come yet
    assert told[-1]["django.modules.lazy"] >= grew > 0


def test_celery_tells_its_tasks(request: pytest.FixtureRequest) -> None:
    """Those that went well, failed and were tried again, and how long each took."""
    need(request, "celery")
    found = run("""
        from celery import Celery
        from celery.app.trace import build_tracer
        app = Celery("shop", broker="memory://", backend="cache+memory://")
        @app.task(name="shop.works")
        def works(): pass
        @app.task(name="shop.fails")
        def fails(): raise ValueError("on purpose")
        with Collector() as consumer:
            read(consumer)
            for task, times in ((works, 5), (fails, 2)):
                tracer = build_tracer(task.name, task, app=app, eager=False)
                for number in range(times):
                    tracer(f"{task.name}-{number}", (), {}, {"id": "x", "is_eager": False})
            print(json.dumps(read(consumer)))
    """)
    assert found['celery.tasks{state="success",task="shop.works"}'] == 5
    assert found['celery.tasks{state="failure",task="shop.fails"}'] == 2
    assert found['celery.task.duration{task="shop.works"}'] == 5
    assert found["celery.task.active"] == 0
