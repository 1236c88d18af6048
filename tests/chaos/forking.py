"""A program whose own agent calls code that forks: `python forking.py FILE WHO HOW LOG`.

WHO forks, and HOW; each child writes one line to LOG: its process, its parent, and what it has
of an agent. The program writes what it sees itself as JSON to standard output.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import attrs

import sampler
import sampler.agent
from sampler.agent import DELIVERED, Batch, singleton
from sampler_prometheus import WSGIApp

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
signal.alarm(100)

FILE, WHO, HOW, LOG = sys.argv[1:5]
PARENT = os.getpid()
BOUND = 40
"""Children after which the test has failed, and nothing may go on."""
context = multiprocessing.get_context("fork")
forked: list[str] = []


def note(**more: Any) -> None:
    """Say what this child has of an agent: all that it ever will is decided at the fork."""
    if os.getpid() == PARENT:
        return
    agent = singleton._process.restart is not None or singleton._process.agent is not None
    said = {"agent": agent, **more}
    line = json.dumps({"pid": os.getpid(), "parent": os.getppid(), **said})
    with Path(LOG).open("a") as log:
        log.write(line + "\n")
    if len(Path(LOG).read_text().splitlines()) > BOUND:
        os._exit(9)


def by_fork(call: Any = note) -> None:
    pid = os.fork()
    if not pid:
        call()
        os._exit(0)
    os.waitpid(pid, 0)


def by_forkpty(call: Any = note) -> None:
    pid, terminal = os.forkpty()
    if not pid:
        call()
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(terminal)


def by_process(call: Any = note) -> None:
    process = context.Process(target=call)
    process.start()
    process.join()


def by_pool(call: Any = note) -> None:
    with context.Pool(1) as pool:
        pool.apply(call)


def by_executor(call: Any = note) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        executor.submit(call).result()


def by_preexec(call: Any = note) -> None:
    subprocess.run(["true"], check=True, preexec_fn=call)


def by_loop(call: Any = note) -> None:
    """Fork in a task of an event loop of one's own, and in a thread that it hands work to."""

    async def main() -> None:
        by_fork(call)
        await asyncio.to_thread(by_fork, call)

    asyncio.run(main())


def by_twice(call: Any = note) -> None:
    """Fork a child that forks another one, and ends before it."""

    def child() -> None:
        call()
        by_fork(call)

    by_fork(child)


def by_context(call: Any = note) -> None:
    """Fork in a context that knows nothing of the thread's."""
    contextvars.Context().run(by_fork, call)


def by_grandchild(call: Any = note) -> None:
    """Let a child of the child go back to whoever has called."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        os._exit(0)
    call()


def by_coming_back(call: Any = note) -> None:
    """Let the child go back to whoever has called."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    else:
        call()


def by_raising(call: Any = note) -> None:
    """Let the child raise."""
    pid = os.fork()
    if not pid:
        call()
        sys.excepthook = lambda *_: None
        raise ValueError
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1


def by_exiting(call: Any = note) -> None:
    """Let the child end as programs do."""
    pid = os.fork()
    if not pid:
        call()
        sys.exit(7)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def by_asking(call: Any = note) -> None:
    """Let the child start an agent: it wants one. Its samplers fork no more."""

    def child() -> None:
        forked.append("child")
        shop.counter("asked").inc()
        agent = sampler.agent.start(FILE)
        sampler.agent.stop()
        note(agent=True, instance=agent.identity["instance"])

    by_fork(child)


def by_thread(call: Any = note) -> None:
    """Fork on a thread that nobody knows to belong to a sampler: the child gets an agent."""
    del call

    def child() -> None:
        forked.clear()  # its sampler forks as well
        if singleton._process.restart is not None:
            singleton._process.restart.join()
        note(agent=singleton._process.agent is not None)
        sampler.agent.stop()
        sampler.agent.log.flush(20)

    thread = threading.Thread(target=by_fork, args=(child,))
    thread.start()
    thread.join()


def fork(who: str) -> None:
    """Fork if it is this one's turn: once in a process, once it has an agent to hand down."""
    if who == WHO and who not in forked and singleton._process.wanted is not None:
        forked.append(who)
        globals()[f"by_{HOW}"]()


shop = sampler.Instruments("shop")
orders = shop.counter("orders")


made: list[Any] = []


class Window:
    def __init__(self, environ: Any) -> None:
        del environ
        fork("factory")

    def __call__(self) -> Any:
        made.append(self)
        fork("instance")
        yield "a", 1

    def close(self) -> None:
        fork("instance's close")


def sample() -> Any:
    fork("sampler")
    fork(threading.current_thread().name.replace("sampler-", "scrape of "))
    yield "a", 1


def start() -> float:
    fork("start")
    return 1.0


class Value:
    def __index__(self) -> int:
        fork("value")
        return 3


async def on_loop() -> Any:
    fork("async sampler")
    return [("a", 1)]


@attrs.define(eq=False)
class Forking:
    """An adapter that keeps nothing."""

    stamped = True

    def __attrs_post_init__(self) -> None:
        fork("constructor")

    def encode(self, snapshot: Any, since: Any) -> Any:
        del since
        fork("encode")
        yield Batch((b"x",), len(snapshot))

    def send(self, batch: Any, timeout: float) -> Any:
        del timeout
        fork("send")
        if WHO == "split" and batch.samples > 1:
            raise sampler.agent.Rejected("no")
        return DELIVERED

    def split(self, batch: Any) -> Any:
        fork("split")
        return Batch((b"x",), 1), Batch((b"x",), batch.samples - 1)

    def close(self) -> None:
        fork("close")


class Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        del record
        fork("log")


def main() -> None:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    sampler.register({"name": "plain", "sample": sample, "start": start})
    sampler.register({"name": "value", "sample": lambda: [("a", Value())]})
    if WHO == "async sampler":  # in a child that has an agent its loop does not run
        sampler.register({"name": "later", "sample": on_loop, "loop": lambda: loop})
    if WHO == "log":
        logging.getLogger("sampler").addHandler(Handler())
    agent = sampler.agent.start(FILE)
    window = sampler.register({"name": "window", "factory": Window})
    orders.inc(3)
    configuration = Path(FILE).read_text()
    if WHO == "constructor":
        Path(FILE).write_text(configuration + "[adapters.other]\ntype = 'forking'\n")
        sampler.agent.reload(FILE)
    if WHO == "close":
        Path(FILE).write_text(configuration.replace("[adapters.forking]", ""))
        sampler.agent.reload(FILE)
    if WHO == "log":
        sampler.agent.log.warning("as for a sampler that fails")
    if WHO == "instance's close":
        while not made:
            time.sleep(0.02)
        window.unregister()
    web = {w.name: w.adapter for w in agent.settings.adapters}["prometheus"]
    if WHO == "scrape of prometheus":
        urllib.request.urlopen(f"http://{web.address}/metrics", timeout=20).read()
    if WHO == "scrape of metrics":
        with contextlib.closing(WSGIApp()) as app:
            list(app({"REQUEST_METHOD": "GET"}, lambda *_: None))
    until = time.monotonic() + 60
    while not Path(LOG).read_text() and time.monotonic() < until:
        time.sleep(0.02)
    sampler.agent.stop()
    balances = {name: attrs.asdict(each) for name, each in agent.balances().items()}
    print(json.dumps({"pid": PARENT, "balances": balances}))


if __name__ == "__main__":
    main()
