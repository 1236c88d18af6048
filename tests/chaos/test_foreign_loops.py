"""Programs that are not made of threads: asyncio, sub-interpreters; greenlets have their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sampler.agent import Balance
from tests.chaos.ledger import check
from tests.support.command import environment
from tests.support.doubles import LineSink

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str, says: tuple[str, ...] = ()) -> Any:
    """Run a script; return what it printed, as JSON; each line that it logs has one of these."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    unexpected = [
        line for line in done.stderr.splitlines() if not any(word in line for word in says)
    ]
    assert unexpected == []
    return json.loads(done.stdout)


def configured(folder: Path, sink: LineSink) -> str:
    file = folder / "sampler.toml"
    file.write_text(
        f'interval = 0.1\nservice = "s"\n[samplers]\nenable = ["shop"]\ndeadline = 10\n'
        f'[adapters.graphite]\nport = {sink.port}\nhost = "localhost"\n'
        '[adapters.prometheus]\nlisten = "127.0.0.1:0"\n'
    )
    return str(file)


COROUTINES = """
import asyncio, attrs, json, sys, time
import sampler
orders = sampler.Instruments("shop").counter("orders")
async def main():
    loop = asyncio.get_running_loop()
    scheduled = []
    for name in ("call_soon", "call_soon_threadsafe", "call_later", "call_at", "run_in_executor"):
        real = getattr(loop, name)
        def noted(*args, _name=name, _real=real, **kwargs):
            names = str(args[0]) + str(sys._getframe(1).f_globals.get("__name__"))
            scheduled.append(names)
            return _real(*args, **kwargs)
        setattr(loop, name, noted)
    agent = sampler.agent.start(sys.argv[1])
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        orders.inc()
        await asyncio.sleep(0)
    tasks = len(asyncio.all_tasks())
    sampler.agent.stop()
    ours = [name for name in scheduled if "sampler" in name]
    print(json.dumps([tasks, ours, attrs.asdict(agent.balances()["graphite"])]))
asyncio.run(main())
"""


def test_a_running_event_loop_is_left_alone(tmp_path) -> None:
    """The agent schedules nothing on it and makes no task there."""
    with LineSink() as sink:
        tasks, ours, balance = run(COROUTINES, configured(tmp_path, sink))
        check(Balance(**balance), len(sink.lines))
    assert (tasks, ours) == (1, [])


INTERPRETERS = """
import json, os, sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
inner = '''
import os, sys
import sampler, sampler.exceptions
orders = sampler.Instruments("shop").counter("orders")
orders.inc(3)
with sampler.Collector() as consumer:
    assert [failure.reason for failure in consumer.collect().failures] == ["unreached"]
orders.inc(4)
sys.path[:0] = {path}
refused = "refused"
if sys.version_info[:2] != (3, 12):  # 3.12.1 crashes on what the agent imports of its library
    try:
        sampler.agent.start({file!r})
    except (RuntimeError, sampler.exceptions.ConfigurationError):
        pass
    else:
        refused = "ran"
os.write({write}, f"{{orders.read()}} {{refused}}".encode())
'''
read, write = os.pipe()
said = []
for _ in range(3):
    one = interpreters.create()
    code = inner.format(write=write, path=sys.path, file=sys.argv[1])
    fault = interpreters.run_string(one, code)
    said.append([os.read(read, 99).decode() if fault is None else str(fault)])
    interpreters.destroy(one)
print(json.dumps(said))
"""


def test_sub_interpreters_count_each_for_itself(tmp_path) -> None:
    """In isolated ones no daemon thread starts: pulls and the agent say so; nothing crashes."""
    with LineSink() as sink:
        words = ("isolated subinterpreters", "'shop': unreached")
        said = run(INTERPRETERS, configured(tmp_path, sink), says=words)
    assert said == [["7 refused"]] * 3
