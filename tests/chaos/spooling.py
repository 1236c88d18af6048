"""A program whose numbers go through a spool; it says what must not be lost any more.

Each line `n N` on standard output: whatever was pulled up to N has been delivered or is on the
disk. `recovered S` comes first: the spool was ready S seconds after the start. SIGTERM stops it,
and it says its balance; SIGUSR1 lets it replace itself by exec; SIGHUP forks a child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.agent.spool.spooled_outbox import SpooledOutbox
from tests.support.scope import apart


def configuration(port: int, spool: str, **keys) -> dict:
    """Return what the program runs with."""
    adapter = {"host": "127.0.0.1", "port": port, "prefix": "p", "spool": spool, **keys}
    return {
        "interval": 0.1,
        "service": "shop",
        "instance": "0",
        "samplers": {"enable": ["count"]},
        "adapters": {"graphite": adapter},
    }


def counting(registry: Registry, first: int) -> list[int]:
    """Register a sampler whose value grows by one with each pull; return the cell it grows in."""
    cell = [first]

    def sample():
        cell[0] += 1
        yield "n", cell[0]

    registry.register({"name": "count", "sample": sample})
    return cell


def main(port: str, spool: str, first: str) -> None:
    """Run until SIGTERM."""
    apart()
    told: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(signum, lambda number, _: told.append(number))
    registry = Registry()
    cell = counting(registry, int(first))
    agent = Agent(parse(configuration(int(port), spool)), registry)
    begun = time.monotonic()
    agent.start()
    (channel,) = agent._channels
    box = channel.outbox
    assert isinstance(box, SpooledOutbox)
    assert box.spool.ready(10)
    print("recovered", time.monotonic() - begun, flush=True)
    (loop,) = agent._consumers.loops
    while signal.SIGTERM not in told:
        n, ticks = cell[0], loop.ticker.ticks
        while loop.ticker.ticks == ticks and not told:
            time.sleep(0.005)
        with box._changed:
            batches = [item.stored for item in box._waiting]
        while any(each.position is None and each.parts for each in batches) and not told:
            time.sleep(0.005)
        if not told:
            print("n", n, flush=True)
        elif signal.SIGUSR1 in told:
            os.execv(sys.executable, [sys.executable, "-m", __spec__.name, port, spool, str(n)])
    agent.stop()
    balance = agent.balances()["graphite"]
    keys = ("collected", "recovered", "delivered", "unconfirmed", "queued", "holds")
    said = {key: getattr(balance, key) for key in keys}
    print("balance", json.dumps({**said, "dropped": sum(balance.dropped.values())}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
