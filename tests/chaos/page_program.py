"""A page in a process of its own: prints where, then, for each line it is told, how it is.

Arguments: entries of the page, bytes of each, seconds a pull takes, keys of the adapter.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import attrs
import psutil

from sampler import Collector, Registry
from sampler.agent import Ledger
from sampler_prometheus import Prometheus

TOUCHED: list[str] = []
FILES = ("open", "os.listdir", "os.scandir", "subprocess.Popen", "os.exec")


def watch(event, arguments):
    """Note who touches files, but for the main thread, which is told to."""
    if event in FILES and threading.current_thread() is not threading.main_thread():
        TOUCHED.append(f"{event} {arguments[0]}")


def main(entries, size, seconds, keys):
    """Serve until standard input ends."""
    pulls = []

    def sample():
        pulls.append(1)
        time.sleep(seconds)
        for i in range(entries):
            yield "value", i, {"n": f"{i:0{size}d}"}

    registry = Registry()
    registry.register({"name": "load", "sample": sample})
    ledger, process = Ledger(), psutil.Process()
    page = Prometheus(listen="127.0.0.1:0", **keys)
    with Collector(registry, name="page", interval=0.1, deadline=5, reuse=0.1) as collector:
        page.open(collector.collect, ledger)
        print(json.dumps(page.address), flush=True)
        for line in sys.stdin:
            if line == "close\n":
                page.close(5.0)
            elif line == "watch\n":
                sys.addaudithook(watch)
            said = {
                "memory": process.memory_info().rss,
                "threads": process.num_threads(),
                "descriptors": process.num_fds(),
                "pulls": len(pulls),
                "touched": TOUCHED,
                "balance": attrs.asdict(ledger.balance()),
            }
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4]))
