"""A program that forks under load, run by ``test_forks.py``: `python forks.py FILE FORKS HOW`.

Prints JSON: the parent's balance, orders, what each child says of itself, and fork times.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections import Counter

import attrs

import sampler
from sampler.agent import singleton
from tests.support.scope import apart

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
signal.alarm(100)
apart()

FILE, FORKS, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3]
KINDS = ("lives", "lives", "exits", "gone", "other")
shop = sampler.Instruments("shop")
orders = shop.counter("orders")
jobs = shop.counter("jobs", labels=("kind",))
times: list[float] = []
lock = threading.Lock()
over = threading.Event()
by_load = [0]


def load() -> None:
    """Count, and compute, all the time."""
    mine = 0
    while not over.is_set():
        for _ in range(50):
            orders.inc()
            mine += 1
        jobs.inc(kind=f"k{mine % 40}")
        time.sleep(0.0005)
    with lock:
        by_load[0] += mine


def lives(pipe: int, n: int) -> None:
    """Count from the first moment on, get an agent, end it and say what it did."""
    signal.alarm(60)  # a child that hangs is seen by its status
    orders.inc(n)
    until = time.monotonic() + 50
    while singleton._process.agent is None and time.monotonic() < until:
        time.sleep(0.01)
    agent = singleton._process.agent
    assert agent is not None
    orders.inc(2)
    sampler.agent.stop()
    (balance,) = agent.balances().values()
    said = {"pid": os.getpid(), "n": n + 2, "balance": attrs.asdict(balance)}
    os.write(pipe, json.dumps({**said, "instance": agent.identity["instance"]}).encode() + b"\n")


def fork(kind: str, pipe: int, n: int) -> int:
    began = time.perf_counter()
    pid = os.fork()
    if pid:
        times.append(time.perf_counter() - began)
        return pid
    code = 1
    try:
        if kind == "other":
            os.execv("/bin/true", ["true"])
        elif kind == "lives":
            lives(pipe, n)
        elif kind == "exits":
            orders.inc(n)
            sampler.agent.stop()  # as atexit does
        code = 0
    finally:
        os._exit(code)


def storm() -> dict[str, object]:
    """Fork at random moments of the agent's; collect what the children say."""
    rng = random.Random(20261125)
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    heard: list[bytes] = []
    threads = [threading.Thread(target=load) for _ in range(3)]
    agent = None
    if HOW != "bare":
        agent = sampler.agent.start(FILE)
    for thread in threads:
        thread.start()
    statuses: Counter[int] = Counter()
    alive: dict[int, str] = {}
    listener = threading.Thread(
        target=lambda: heard.extend(iter(lambda: os.read(reading, 65536), b""))
    )
    listener.start()
    for i in range(FORKS):
        kind = "gone" if HOW in ("bare", "timed") else KINDS[i % len(KINDS)]
        alive[fork(kind, writing, 3 + i % 5)] = kind
        time.sleep(rng.random() * 0.02)
        while len(alive) >= 12:
            pid, status = os.waitpid(-1, 0)
            statuses[status] += 1
            alive.pop(pid)
    while alive:
        pid, status = os.waitpid(-1, 0)
        statuses[status] += 1
        alive.pop(pid)
    os.close(writing)
    listener.join()
    over.set()
    for thread in threads:
        thread.join()
    result: dict[str, object] = {
        "pid": os.getpid(),
        "statuses": dict(statuses),
        "children": [json.loads(line) for line in b"".join(heard).splitlines()],
        "times": sorted(times),
        "orders": by_load[0],
    }
    if agent is not None:
        sampler.agent.stop()
        (balance,) = agent.balances().values()
        result["balance"] = attrs.asdict(balance)
    return result


def processes() -> dict[str, object]:
    """Count in children of multiprocessing, that end without a word."""
    context = multiprocessing.get_context("fork")
    sampler.agent.start(FILE)
    started = [context.Process(target=orders.inc, args=(n,)) for n in (3, 4)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    sampler.agent.stop()
    return {"pids": [each.pid for each in started], "codes": [e.exitcode for e in started]}


if __name__ == "__main__":
    said = processes() if HOW == "processes" else storm()
    print(json.dumps(said))
