"""Programs that are not made of threads: gevent, asyncio, sub-interpreters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sampler.agent import Account
from tests.chaos.law import check
from tests.support.command import environment
from tests.support.doubles import LineSink

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str) -> Any:
    """Run a script; return what it printed, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def configured(folder: Path, sink: LineSink) -> str:
    file = folder / "sampler.toml"
    file.write_text(
        f'interval = 0.1\nservice = "s"\n[samplers]\nenable = ["shop"]\ndeadline = 10\n'
        f'[adapters.graphite]\nport = {sink.port}\nhost = "localhost"\n'
        '[adapters.prometheus]\nlisten = "127.0.0.1:0"\n'
    )
    return str(file)


GREENLETS = """
import sys, time, urllib.request
order = sys.argv[2]
if order == "before":
    from gevent import monkey; monkey.patch_all()
import sampler, sampler_prometheus, sampler_graphite
import sampler.agent
if order == "between":
    from gevent import monkey; monkey.patch_all()
import attrs, json, gevent
shop = sampler.Instruments("shop")
orders = shop.counter("orders")
times = []
registry = sampler.Registry()
sampler.register({"name": "shop.times", "sample": lambda: times.append(time.monotonic()) or []})
agent = sampler.agent.start(sys.argv[1])
if order == "late":
    from gevent import monkey; monkey.patch_all()
def spin():
    enough, until = len(times) + 5, time.monotonic() + 30.0
    while len(times) < enough and time.monotonic() < until:
        orders.inc()
gevent.joinall([gevent.spawn(spin), gevent.spawn(spin)])
(web,) = [w.adapter for w in agent.settings.adapters if w.name == "prometheus"]
page = urllib.request.urlopen(f"http://{web.address}/metrics", timeout=30).read().decode()
pulls = len(times)
sampler.agent.stop()
total = int(orders.read())
account = attrs.asdict(agent.accounts()["graphite"])
print(json.dumps([pulls, total, f"shop_orders_total {total}" in page, account]))
"""


@pytest.mark.parametrize("order", ["before", "between", "late"])
def test_an_agent_ticks_while_a_greenlet_computes(tmp_path, order) -> None:
    """Its threads are the operating system's, whenever gevent has patched the program."""
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        Path(file).write_text(Path(file).read_text().replace('["shop"]', '["shop", "shop.times"]'))
        pulls, total, seen, account = run(GREENLETS, file, order)
        values = [float(line.split()[1]) for line in sink.lines if b".shop.orders " in line]
        check(Account(**account), len(sink.lines))
    assert pulls >= 10, "no greenlet stops computing before it has seen five"
    assert seen, "the page answers, too"
    assert values[-1] == total
    assert account["queued"] == account["unconfirmed"] == sum(account["dropped"].values()) == 0


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
    print(json.dumps([tasks, ours, attrs.asdict(agent.accounts()["graphite"])]))
asyncio.run(main())
"""


def test_a_running_event_loop_is_left_alone(tmp_path) -> None:
    """The agent schedules nothing on it and makes no task there."""
    with LineSink() as sink:
        tasks, ours, account = run(COROUTINES, configured(tmp_path, sink))
        check(Account(**account), len(sink.lines))
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
    pass
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
    """In isolated ones no daemon thread starts: the agent says so, and nothing crashes."""
    with LineSink() as sink:
        assert run(INTERPRETERS, configured(tmp_path, sink)) == [["7 refused"]] * 3
