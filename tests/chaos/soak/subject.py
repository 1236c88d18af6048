"""The program under test: 10,000 counters, some samplers that misbehave on demand, one agent.

``python -m tests.chaos.soak.subject FILE CHILDS_FILE`` reads orders from standard input, one a
line; ``stop`` ends the agent and prints its balances, how often each part of the load was pulled,
and how the forked children ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import attrs

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.reading import find_settings
from tests.chaos.soak.load import SAMPLERS, SERIES, weight

CHURN = 500
"""Series that come and go with every pull."""


class Load:
    """A hundred counters that grow by their weight with every pull."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pulls = 0

    def sample(self):
        self.pulls += 1
        for i in range(SERIES):
            yield "hits", weight(i) * self.pulls, {"i": str(i)}

    def mapping(self):
        return {
            "name": self.name,
            "sample": self.sample,
            "metrics": {"hits": {"kind": "counter", "labels": ("i",)}},
        }


class Moody:
    """Does what it is told."""

    def __init__(self) -> None:
        self.mood = "fine"
        self.changed = threading.Event()

    def told(self, mood: str) -> None:
        self.mood = mood
        self.changed.set()  # who hangs goes on
        self.changed = threading.Event()

    def sample(self):
        if self.mood == "raises":
            raise ValueError("as told")
        if self.mood == "hangs":
            self.changed.wait()
        while self.mood == "spins":
            pass
        while self.mood == "endless":
            yield "more", 1, {"at": str(time.monotonic_ns())}
        if self.mood == "churns":
            for i in range(CHURN):
                yield "come", 1, {"at": f"{time.monotonic_ns()}-{i}"}
        yield "level", 1


def main() -> None:
    """Run until told to stop."""
    registry = Registry()
    loads = [Load(f"load{number:02}") for number in range(SAMPLERS)]
    for each in loads:
        registry.register(each.mapping())
    moody = Moody()
    registry.register({"name": "moody", "sample": moody.sample})
    agent = Agent(find_settings(sys.argv[1]), registry)
    agent.start()
    children = []
    print("started", flush=True)
    for line in sys.stdin:
        order = line.strip()
        if order == "stop":
            break
        if order == "fork":
            children.append(_fork())
        elif order == "guest":
            registry.register({"name": "guest", "sample": lambda: [("visits", 1)]})
        elif order == "no guest":
            registry.unregister("guest")
        else:
            moody.told(order)
    agent.stop()
    balances = {
        name: {**attrs.asdict(balance), "holds": balance.holds}
        for name, balance in agent.balances().items()
    }
    pulls = {each.name: each.pulls for each in loads}
    print(json.dumps({"balances": balances, "pulls": pulls, "children": _ended(children)}))


def _fork() -> int:
    """Make a child that delivers its own with an agent of its own; return its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            registry = Registry()
            registry.register({"name": "own", "sample": lambda: [("alive", 1)]})
            agent = Agent(find_settings(sys.argv[2]), registry)
            agent.start()
            agent.stop()
            code = 0
        finally:
            os._exit(code)
    return pid


def _ended(children: list[int]) -> dict[str, int]:
    """Return how many children ended well, ended badly, and hang."""
    ends = {"well": 0, "badly": 0, "hung": 0}
    deadline = time.monotonic() + 10
    for pid in children:
        done, status = os.waitpid(pid, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.02)
            done, status = os.waitpid(pid, os.WNOHANG)
        ends["hung" if not done else "badly" if status else "well"] += 1
    return ends


if __name__ == "__main__":
    main()
