"""What reporting to a relay costs a worker beside its pull, in processes as they run.

Processes with the same instruments count and tick at the same moments. One has an agent that
reports to a relay in a process of its own; another only pulls. The difference of their CPU times
is what it costs to report, sending, the agent's threads and cold caches included. A third one does
the least: it wakes a thread that encodes as many numbers, sends them to another process, and waits
for its answer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.command import environment

if TYPE_CHECKING:
    from collections.abc import Callable

TICKS, INTERVAL = 100, 0.25
_WARM = 8
"""Ticks that are not counted: the first ones name every series."""


def tick() -> dict[str, float]:
    """Milliseconds of CPU of a pull, and of what reporting adds to it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "relay.toml")
        address = f"@tick-{os.urandom(8).hex()}"
        file.write_text(
            f'interval = {INTERVAL}\ninstance = "{address}"\n[relay]\nsocket = "{address}"\n'
            '[samplers]\nenable = ["shop"]\n[adapters.prometheus]\nlisten = "127.0.0.1:0"\n'
        )
        reading, writing = os.pipe()
        command = ["-m", "sampler", "relay", "-q", "-c", str(file), "--ready-fd", str(writing)]
        relay = subprocess.Popen([sys.executable, *command], pass_fds=[writing], env=environment())
        os.close(writing)
        try:
            with os.fdopen(reading) as ready:
                assert ready.read().startswith("ready ")
            joined = environment(SAMPLER_RELAY=address)
            each = [
                subprocess.Popen(
                    [sys.executable, "-m", "tests.bench.tick", who],
                    env=joined,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for who in ("report", "pull", "least")
            ]
            both, alone, least = (
                json.loads(process.communicate(timeout=300)[0]) for process in each
            )
        finally:
            relay.terminate()
            relay.wait(30)
    return {"pull": alone["ms"], "report": both["ms"] - alone["ms"], "least": least["ms"]}


def _measured(who: str) -> dict[str, float]:
    """Be one of the two; return milliseconds of CPU a tick."""
    import sampler
    import sampler.agent
    from sampler.agent.config.reading import parse
    from tests.bench.mix import Mix

    mix = Mix(sampler.registry)
    pull: Callable[[], object] = int
    if who == "report":
        sampler.agent.start()
    elif who == "pull":
        settings = parse({"interval": INTERVAL, "samplers": {"enable": ["shop"]}})
        pull = sampler.agent.Agent(settings, sampler.registry).collector("", INTERVAL).collect
    else:
        pull = _least()
    worked = began = 0.0
    due = time.time() // INTERVAL * INTERVAL + 3 * INTERVAL
    for number in range(_WARM + TICKS):
        if number == _WARM:
            began, worked = time.process_time(), 0.0
        time.sleep(max(0.0, due - time.time()))
        due += INTERVAL
        before = time.thread_time()
        mix.work()
        worked += time.thread_time() - before
        pull()
    return {"ms": (time.process_time() - began - worked) / TICKS * 1e3}


def _least() -> Callable[[], object]:
    """Return what lets a thread encode and send 1,000 numbers to another process."""
    import msgspec

    numbers = list(range(900)) + [(0, 5, 1.5, tuple(range(10)))] * 100
    ours, theirs = socket.socketpair()
    if not os.fork():
        ours.close()
        with suppress(OSError):
            while theirs.recv(1 << 16):
                theirs.send(b"ok")
        os._exit(0)
    theirs.close()
    due = threading.Semaphore(0)

    def send() -> None:
        while due.acquire():
            ours.send(msgspec.msgpack.encode(numbers))
            ours.recv(100)

    threading.Thread(target=send, daemon=True).start()
    return due.release


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1])), flush=True)
