"""The program that the end-to-end test runs: a busy pool, and an agent beside it."""

from __future__ import annotations

import signal
import sys
import time

import mypool

import sampler


def main(config: str) -> None:
    """Use two pools until SIGTERM; the last flush is part of stopping."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    pools = [mypool.Pool(dict, name=name, max_size=4) for name in ("orders", "stock")]
    agent = sampler.agent.start(config)
    turn = 0
    while not stopped:
        time.sleep(0.003)
        turn += 1
        with pools[turn % 2].connection():
            if turn % 5 == 0:
                time.sleep(0.01)
    sampler.agent.stop()
    for name, balance in agent.balances().items():
        print(name, balance.holds, balance.queued, sum(balance.dropped.values()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
