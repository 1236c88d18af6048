"""``no_fork``: which forks a block covers, and forks at any moment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.chaos.test_forks import CHILD, asked, configured, run
from tests.support.doubles import LineSink

if not hasattr(os, "fork"):
    pytest.skip("this platform has no fork", allow_module_level=True)

PRELUDE = """
import asyncio, contextvars, signal, threading
signal.alarm(60)
no_fork = sampler.agent.no_fork
def inherits():
    return singleton._process.restart is not None
def forked():
    child(inherits)
"""


def said(folder: Path, script: str) -> list[Any]:
    """Run a script beside an agent; return what its children said."""
    with LineSink() as sink:
        file = configured(folder, sink)
        return asked(PRELUDE + dedent(script), file)


@pytest.mark.scenario(49)
def test_the_forks_of_one_block(tmp_path: Path) -> None:
    """Inside there is no agent, before and behind there is; inner blocks do not end outer ones."""
    assert said(
        tmp_path,
        """
        sampler.agent.start()
        forked()
        with no_fork():
            forked()
            with no_fork():
                forked()
            forked()
        forked()
        try:
            with no_fork():
                raise ValueError
        except ValueError:
            forked()
        """,
    ) == [True, False, False, False, True, True]


@pytest.mark.scenario(49)
def test_children_of_such_a_child_have_none_either(tmp_path: Path) -> None:
    """Also where the block is left in the child; who asks gets an agent."""
    assert said(
        tmp_path,
        """
        sampler.agent.start()
        block = no_fork()
        block.__enter__()
        def first():
            block.__exit__(None, None, None)
            forked()
            agent = sampler.agent.start()
            forked()
            return [inherits(), agent.alive()]
        child(first)
        """,
    ) == [False, True, [False, True]]


@pytest.mark.scenario(49)
def test_a_block_is_its_own_threads_and_tasks(tmp_path: Path) -> None:
    """Another thread and another task are outside; a task made in it is inside until its end."""
    assert said(
        tmp_path,
        """
        sampler.agent.start()
        with no_fork():
            other = threading.Thread(target=forked)
            other.start()
            other.join()

        async def blocked(entered, leave):
            with no_fork():
                entered.set()
                await leave.wait()

        async def follow(leave):
            forked()
            await leave.wait()
            forked()

        async def main():
            entered, leave = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(blocked(entered, leave))
            await entered.wait()
            forked()
            leave.set()
            await task
            leave.clear()
            with no_fork():
                task = asyncio.create_task(follow(leave))
                await asyncio.sleep(0)
                await asyncio.to_thread(forked)
            leave.set()
            await task

        asyncio.run(main())
        """,
    ) == [True, True, False, False, True]


@pytest.mark.scenario(49)
def test_a_generator_may_be_left_in_any_order_and_anywhere(tmp_path: Path) -> None:
    """Blocks that overlap, and one that is left in another context, leave nothing behind."""
    assert said(
        tmp_path,
        """
        sampler.agent.start()
        def held():
            with no_fork():
                yield
        one, other, third = held(), held(), held()
        next(one), next(other)
        one.close()
        forked()
        other.close()
        forked()
        contextvars.copy_context().run(next, third)
        forked()
        third.close()
        next(fourth := held())
        contextvars.Context().run(fourth.close)
        forked()
        """,
    ) == [False, True, True, True]


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent
"""


@pytest.mark.scenario(49)
def test_a_block_is_its_own_greenlets(tmp_path: Path) -> None:
    """One that runs meanwhile is outside, and so is, as a thread, one that is spawned in it."""
    script = """
        import gevent, gevent.event
        sampler.agent.start()
        def forked():  # without a pipe, whose end gevent does not see
            pid = os.fork()
            if not pid:
                inherited = inherits()
                sampler.agent.stop()
                os._exit(inherited)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        go = gevent.event.Event()
        def wait():
            go.wait()
            forked()
        outside = gevent.spawn(wait)
        gevent.sleep(0)
        with no_fork():
            go.set()
            outside.join()
            gevent.spawn(forked).join()
            forked()
    """
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        code = GREENLETS + CHILD + PRELUDE + dedent(script)
        out, err = run("-c", code, SAMPLER_CONFIG=str(file), XDG_RUNTIME_DIR=str(tmp_path))
    assert (out.split(), err) == (["1", "1", "0"], "")


@pytest.mark.scenario(49)
def test_a_fork_while_an_agent_starts_or_stops(tmp_path: Path) -> None:
    """Whatever another thread is at, the child can start, deliver and stop an agent of its own."""
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        with file.open("a") as more:
            more.write('[adapters.prometheus]\nlisten = "127.0.0.1:0"\n')
        said = asked(
            PRELUDE
            + dedent("""
            sampler.agent.start()  # a module's lock that is held at a fork is held for good
            sampler.agent.stop()
            over = threading.Event()
            def restless():
                while not over.is_set():
                    sampler.agent.start()
                    sampler.agent.reload()
                    sampler.agent.stop()
            other = threading.Thread(target=restless)
            other.start()
            def lives():
                orders.inc(4)
                agent = sampler.agent.start()
                orders.inc(1)
                sampler.agent.stop()
                balance = agent.balances()["graphite"]
                return [balance.holds, balance.queued, sum(balance.dropped.values())]
            for _ in range(25):
                child(lives)
            over.set()
            other.join()
            """),
            file,
        )
    assert said == [[True, 0, 0]] * 25


@pytest.mark.scenario(49)
def test_a_fork_in_a_signal_handler(tmp_path: Path) -> None:
    """While the main thread is in start, in stop or in neither: nothing hangs."""
    out = said(
        tmp_path,
        """
        def handler(*_):
            pid = os.fork()
            if not pid:
                signal.alarm(20)
                sampler.agent.start()
                sampler.agent.stop()
                os._exit(0)
            statuses.append(os.waitpid(pid, 0)[1])
        statuses = []
        signal.signal(signal.SIGALRM, handler)
        for moment in (0.001, 0.01, 0.03, 0.1, 0.2):
            signal.setitimer(signal.ITIMER_REAL, moment)
            sampler.agent.start()
            time.sleep(moment)
            sampler.agent.stop()
        while len(statuses) < 5:
            time.sleep(0.01)
        print(json.dumps(statuses))
        """,
    )
    assert out == [[0] * 5]


@pytest.mark.scenario(49)
def test_a_fork_at_the_end_of_a_program(tmp_path: Path) -> None:
    """In ``atexit``: parent and child end, as programs do."""
    script = """
        import atexit
        sampler.agent.start()
        @atexit.register
        def last():
            try:
                pid = os.fork()
            except RuntimeError:  # from 3.12 on, not that late
                print(0)
                return
            if pid:
                print(os.waitpid(pid, 0)[1])
    """
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        code = CHILD + PRELUDE + dedent(script)
        out, err = run("-c", code, SAMPLER_CONFIG=str(file), XDG_RUNTIME_DIR=str(tmp_path))
    assert (out, "Traceback" in err) == ("0\n", False)


@pytest.mark.scenario(49)
def test_where_no_thread_can_start_a_child_has_no_agent(tmp_path: Path) -> None:
    """The fork itself succeeds, and says nothing."""
    script = """
        sampler.agent.start()
        real = os.fork
        import sampler._runtime.daemon
        def refuse(*_):
            raise RuntimeError("can't start new thread")
        sampler._runtime.daemon.start_new_thread = refuse
        forked()
    """
    assert said(tmp_path, script) == [False]


BREEDS = """
import os, sys
import attrs, sampler, sampler.agent
from sampler.agent import DELIVERED
from sampler.agent import singleton
@attrs.define(eq=False)
class Breeds:
    def __attrs_post_init__(self):
        with open(sys.argv[2], "a") as log:
            log.write("made\\n")
        if len(open(sys.argv[2]).readlines()) < 9:
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
    def encode(self, snapshot, since):
        yield sampler.agent.Batch((b"x",), len(snapshot))
    def send(self, batch, timeout):
        return DELIVERED
agent = sampler.agent.start(sys.argv[1])
pid = os.fork()
if not pid:
    singleton._process.restart.join()
    sampler.agent.stop()
    os._exit(0)
os.waitpid(pid, 0)
sampler.agent.stop()
print(len(open(sys.argv[2]).readlines()))
"""


@pytest.mark.scenario(49)
def test_an_adapter_whose_making_forks(tmp_path: Path) -> None:
    """It is made once in the parent and once in the child that inherits it, not in the hook."""
    point = tmp_path / "breeds-1.dist-info"
    point.mkdir()
    (point / "METADATA").write_text("Name: breeds\nVersion: 1\n")
    (point / "entry_points.txt").write_text("[sampler.adapters]\nbreeds = __main__:Breeds\n")
    file = tmp_path / "sampler.toml"
    file.write_text("interval = 0.2\n[adapters.breeds]\n")
    program = tmp_path / "breeds.py"
    program.write_text(BREEDS)
    root = Path(__file__).parents[2]
    ignored = ("-W", "ignore::DeprecationWarning")
    out, err = run(
        *ignored, program, file, tmp_path / "log", PYTHONPATH=f"{root}{os.pathsep}{tmp_path}"
    )
    assert (out, err) == ("2\n", "")


@pytest.mark.scenario(49)
@pytest.mark.skipif(sys.platform != "linux", reason="the start method that is asked for is there")
def test_a_fork_server_forks_nothing_of_ours(tmp_path: Path) -> None:
    """Its children come from a process that has no agent."""
    program = tmp_path / "served.py"
    program.write_text(
        "import multiprocessing, sys\n"
        "import sampler.agent\n"
        "from sampler.agent import singleton\n"
        "def child():\n"
        "    process = singleton._process\n"
        "    sys.exit(3 if process.restart is None and process.agent is None else 4)\n"
        "if __name__ == '__main__':\n"
        "    sampler.agent.start(sys.argv[1])\n"
        "    process = multiprocessing.get_context('forkserver').Process(target=child)\n"
        "    process.start()\n"
        "    process.join()\n"
        "    print(process.exitcode)\n"
        "    sampler.agent.stop()\n"
    )
    with LineSink() as sink:
        out, _ = run(program, configured(tmp_path, sink))
    assert out == "3\n"
