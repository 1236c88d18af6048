"""A program with an agent and a page; says how it is for each line that it is told.

Argument: the URL of a gateway. Lines: ``how``; ``anew``, which forgets the longest pause; ``push
COUNT``, which pushes so often and says how that went.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter

import psutil

from sampler import Registry
from sampler.adapterkit.threads import unhealthy
from sampler.agent import Agent, Batch, Rejected, Unavailable
from sampler.agent.config.reading import parse
from sampler_prometheus import Pushgateway

TICK = 0.005
"""Seconds between two looks of the thread that shows how long the program stands still."""
TIMEOUT = 0.3
"""Seconds that a push may take."""


class Ticks(threading.Thread):
    """A thread of the program's own."""

    def __init__(self) -> None:
        super().__init__(name="program-ticks", daemon=True)
        self.longest = 0.0

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last - TICK), now


def push(gateway, count):
    """Push so often; return what came of it, and what should not have been raised."""
    outcomes = Counter()
    adapter = Pushgateway(url=gateway, delete_on_stop=False, gzip=False)
    for number in range(count):
        batch = Batch((b"up %d\n" % number,), 1, note="/metrics/job/x")
        try:
            adapter.send(batch, TIMEOUT)
            outcomes["delivered"] += 1
        except (Unavailable, Rejected) as error:
            outcomes[type(error).__name__] += 1
            if not str(error).isprintable():
                outcomes[f"not printable: {error!r}"] += 1
        except BaseException as error:
            outcomes[f"raised {error!r}"] += 1
    return outcomes


def main(gateway):
    """Run until standard input ends."""
    registry = Registry()
    registry.register({"name": "job", "sample": lambda: [("rows", 7)]})
    keys = {"listen": "127.0.0.1:0", "max_connections": 16, "reply_timeout": 1.0}
    agent = Agent(
        parse({"samplers": {"enable": ["job"]}, "adapters": {"prometheus": keys}}), registry
    )
    agent.start()
    ticks, process = Ticks(), psutil.Process()
    ticks.start()
    print(json.dumps(agent.settings.adapters[0].adapter.address), flush=True)
    for line in sys.stdin:
        word, _, count = line.strip().partition(" ")
        outcomes = push(gateway, int(count)) if word == "push" else {}
        if word == "anew":
            ticks.longest = 0.0
        names = sorted(
            t.name for t in threading.enumerate() if not t.name.startswith("sampler-log")
        )
        said = {
            "pause": ticks.longest,
            "threads": names,
            "memory": process.memory_info().rss,
            "descriptors": process.num_fds(),
            "alive": agent.alive() and not unhealthy(),
            "holds": agent.balances()["prometheus"].holds,
            "pushes": outcomes,
        }
        print(json.dumps(said), flush=True)
    agent.stop()


if __name__ == "__main__":
    main(sys.argv[1])
