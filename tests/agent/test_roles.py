"""A supervisor is no worker: it pulls nothing, and its children get what the program asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from sampler.agent import Agent
from tests.support.doubles import LineSink
from tests.support.program import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import json, os, signal, sys, threading, time
import sampler, sampler.agent
import sampler._pull.fork_baseline
sampler._pull.fork_baseline.LONGEST = 20.0  # a busy machine may need more than 50 ms
file, sink, *more = sys.argv[1:]
def configure(*lines):
    with open(file, "w") as out:
        out.write("\\n".join([*lines, f'[adapters.graphite]', f'port = {sink}']))
configure('interval = 60', 'service = "s"', '[samplers]', 'enable = ["pool", "web"]')
n = 100
pulls = []
def sample():
    pulls.append(os.getpid())
    return [("checkouts", n)]
sampler.register({"name": "pool", "sample": sample, "metrics": {"checkouts": {"kind": "counter"}}})
orders = sampler.Instruments("web").counter("orders")
def fork(work):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        said = work()
        sampler.agent.stop()
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(os.read(read, 9999))
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


def run(folder: Path, sink: LineSink, text: str) -> tuple[Any, str]:
    """Run a program; return what it printed, as JSON, and what it logged."""
    return told_by(folder, sink, text, begin=BEGIN)


def values(sink: LineSink, metric: str) -> list[tuple[str, float]]:
    """Return the paths and values of a metric."""
    found = (line.decode().split()[:2] for line in sink.lines)
    return [(path, float(text)) for path, text in found if path.endswith(f".{metric}")]


def test_a_supervisor_runs_no_agent_and_its_children_count_from_their_fork(
    tmp_path: Path, sink: LineSink
) -> None:
    """It asks samplers for where each child begins, and delivers nothing of its own."""
    (running, threads, child), logged = run(
        tmp_path,
        sink,
        """
        agent = sampler.agent.start(file, role="supervisor")
        again = sampler.agent.start(file)
        assert again is agent
        orders.inc(50)
        n += 11
        def work():
            global n
            n += 7
            orders.inc(7)
            agent = sampler.agent.start(file)
            return dict(agent.identity), agent.alive()
        until = time.monotonic() + 30  # one that has loaded an adapter may be about to end
        while time.monotonic() < until:
            threads = [each.name for each in threading.enumerate()]
            if "sampler-load" not in threads:
                break
        said = fork(work)
        n += 1
        sampler.agent.stop()
        print(json.dumps([agent.alive(), threads, said]))
        """,
    )
    identity, alive = child
    assert not running
    assert set(threads) <= {"MainThread", "sampler-log"}
    assert (identity["role"], alive) == ("worker", True)
    assert {value for _, value in values(sink, "pool.checkouts")} == {7}
    assert {value for _, value in values(sink, "web.orders")} == {7}
    assert logged == ""


def test_a_supervisor_of_workers_that_are_executed_leaves_them_everything(
    tmp_path: Path, sink: LineSink
) -> None:
    """The instance, and the port of a page."""
    (instance, warned), _ = run(
        tmp_path,
        sink,
        """
        import logging, io, subprocess, socket
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        configure('interval = 60', 'service = "s"', 'instance = "blue"',
                  '[adapters.prometheus]', f'listen = "127.0.0.1:{port}"')
        sampler.agent.start(file, role="supervisor")
        said = subprocess.run([sys.executable, "-c", f'''
        import sampler, sampler.agent
        from urllib.request import urlopen
        agent = sampler.agent.start({file!r}, role="worker")
        assert b"sampler_pulls" in urlopen("http://127.0.0.1:{port}/metrics").read()
        print(agent.identity["instance"])
        '''.replace("        ", "")], capture_output=True, text=True)
        print(json.dumps([said.stdout, said.stderr]))
        """,
    )
    assert instance == "blue\n"
    assert "its page has the numbers of this worker only" in warned


def test_a_supervisor_reads_another_configuration_for_the_children_that_come(
    tmp_path: Path, sink: LineSink
) -> None:
    """Those that there are keep theirs."""
    run(
        tmp_path,
        sink,
        """
        sampler.agent.start(file, role="supervisor")
        fork(lambda: orders.inc(1))
        configure('interval = 60', 'service = "other"')
        sampler.agent.reload(file)
        fork(lambda: orders.inc(2))
        """,
    )
    named = {(path.split(".")[0], value) for path, value in values(sink, "web.orders")}
    assert named == {("s", 1.0), ("other", 2.0)}


def test_a_stopped_supervisor_gives_its_children_no_agent(tmp_path: Path, sink: LineSink) -> None:
    """As a stopped agent does."""
    run(
        tmp_path,
        sink,
        """
        sampler.agent.start(file, role="supervisor")
        sampler.agent.stop()
        fork(lambda: orders.inc(1))
        """,
    )
    assert not sink.lines


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no thread starts at the end of a program")
def test_a_worker_that_ends_before_its_agent_began_delivers(
    tmp_path: Path, sink: LineSink
) -> None:
    """At exit, as gunicorn's workers end: its supervisor has nothing to do there."""
    run(
        tmp_path,
        sink,
        """
        sampler.agent.start(file, role="supervisor")
        faulthandler.cancel_dump_traceback_later()  # its thread is what a child would wait for
        child = os.fork()
        if not child:
            n += 7
            orders.inc(7)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
    )
    assert {value for _, value in values(sink, "pool.checkouts")} == {7}
    assert {value for _, value in values(sink, "web.orders")} == {7}


def test_a_worker_of_gunicorn_gets_its_agent_once_it_has_booted(
    tmp_path: Path, sink: LineSink
) -> None:
    """Not while gevent replaces the locks of an import, nor with the user that it is to leave."""
    (early, late), _ = run(
        tmp_path,
        sink,
        """
        import types
        arbiter = sys.modules["gunicorn.arbiter"] = types.ModuleType("gunicorn.arbiter")
        exec('def spawn_worker(worker, fork): return fork(worker)', vars(arbiter))
        sampler.agent.start(file, role="supervisor")
        def boot(worker):
            def work():
                time.sleep(0.5)  # longer than the agent waits elsewhere
                early = os.getpid() in pulls
                worker.booted = True
                until = time.monotonic() + 30
                while os.getpid() not in pulls and time.monotonic() < until:
                    time.sleep(0.01)
                return early, os.getpid() in pulls
            return fork(work)
        print(json.dumps(arbiter.spawn_worker(types.SimpleNamespace(booted=False), boot)))
        """,
    )
    assert (early, late) == (False, True)


def test_each_agent_has_a_uuid_of_its_own() -> None:
    """A reload keeps it, and a child has another."""
    one, other = Agent(), Agent()
    assert len(one.identity["uuid"]) == 32
    assert one.identity["uuid"] != other.identity["uuid"]
    assert one.identity["role"] == "standalone"


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("gunicorn.arbiter", "gunicorn app:app"),
        ("celery.bin.celery", "celery -A app worker"),
        ("django.utils.autoreload", "manage.py runserver"),
    ],
)
def test_a_worker_that_was_forked_is_never_taken_for_its_supervisor(
    tmp_path: Path, sink: LineSink, module: str, argv: str
) -> None:
    """Whatever its modules and arguments are, which it has from there."""
    said, _ = run(
        tmp_path,
        sink,
        f"""
        import types
        sys.modules[{module!r}] = types.ModuleType("stand-in")
        sys.argv = {argv.split()!r}
        print(json.dumps(fork(lambda: sampler.agent.start(file).identity["role"])))
        """,
    )
    assert said == "worker"


def test_a_pool_without_processes_serves_a_page_with_a_warning(
    tmp_path: Path, sink: LineSink
) -> None:
    """As Celery's solo pool: the process that was to supervise works itself."""
    page, said = run(
        tmp_path,
        sink,
        """
        import types, socket
        from urllib.request import urlopen
        class Signal:
            def connect(self, receiver, **_):
                self.receiver = receiver
        signals = sys.modules["celery.signals"] = types.ModuleType("celery.signals")
        for name in ("worker_ready", "worker_process_shutdown", "worker_shutdown"):
            setattr(signals, name, Signal())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        configure('interval = 60', 'service = "s"',
                  '[adapters.prometheus]', f'listen = "127.0.0.1:{port}"')
        sampler.agent.start(file, role="supervisor")
        signals.worker_ready.receiver(sender=types.SimpleNamespace(pool=None))
        print(json.dumps(urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()))
        sampler.agent.stop()
        """,
    )
    assert "sampler_pulls" in page
    assert said.count("its page has the numbers of this worker only") == 1
