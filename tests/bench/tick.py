"""What reporting to a relay costs a worker beside its pull, in processes as they run.

Two processes with the same instruments count and tick at the same moments. One has an agent that
reports to a relay in a process of its own; the other only pulls. The difference of their CPU times
is what it costs to report, sending, the agent's threads and cold caches included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.command import environment

TICKS, INTERVAL = 100, 0.25
_WARM = 8
"""Ticks that are not counted: the first ones name every series."""


def tick() -> dict[str, float]:
    """Milliseconds of CPU of a pull, and of what reporting adds to it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "relay.toml")
        address = f"@tick-{os.urandom(8).hex()}"
        file.write_text(
            f'interval = {INTERVAL}\n[relay]\nsocket = "{address}"\n'
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
                for who in ("report", "pull")
            ]
            both, alone = (json.loads(process.communicate(timeout=300)[0]) for process in each)
        finally:
            relay.terminate()
            relay.wait(30)
    return {"pull": alone["ms"], "report": both["ms"] - alone["ms"]}


def _measured(who: str) -> dict[str, float]:
    """Be one of the two; return milliseconds of CPU a tick."""
    import sampler
    import sampler.agent
    from sampler.agent.config.reading import parse
    from tests.bench.mix import Mix

    mix = Mix(sampler.registry)
    if who == "report":
        sampler.agent.start()
        pull = None
    else:
        pull = (
            sampler.agent.Agent(
                parse({"interval": INTERVAL, "samplers": {"enable": ["shop"]}}), sampler.registry
            )
            .collector("alone", INTERVAL)
            .collect
        )
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
        if pull is not None:
            pull()
    return {"ms": (time.process_time() - began - worked) / TICKS * 1e3}


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1])), flush=True)
