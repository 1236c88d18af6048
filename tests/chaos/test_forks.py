"""Programs that fork: each child delivers its own, the parent everything, exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from sampler.agent import Balance
from tests.chaos.ledger import check
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.unique import service
from tests.support.waiting import timely

if not hasattr(os, "fork"):
    pytest.skip("this platform has no fork", allow_module_level=True)

ROOT = Path(__file__).parents[2]


def configured(folder: Path, sink: LineSink, top: str = "") -> Path:
    file = folder / "sampler.toml"
    file.write_text(f"""
        interval = 0.1
        service = "{service(folder)}"
        flush_timeout = 30
        {top}
        [samplers]
        enable = ["shop"]
        deadline = 20
        [adapters.graphite]
        host = "127.0.0.1"
        port = {sink.address[1]}
        prefix = "{{service}}.{{pid}}"
    """)
    return file


def run(*arguments: object, **env: str) -> tuple[str, str]:
    """Run Python to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment(**{"PYTHONPATH": str(ROOT), **env}),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def forks(file: Path, count: int, how: str) -> dict[str, Any]:
    out, err = run(Path(__file__).with_name("forks.py"), file, count, how)
    assert err == ""
    return json.loads(out)


def received(sink: LineSink) -> dict[int, dict[str, list[float]]]:
    """Return the values that came, in order, by process and path."""
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in sink.lines:
        path, value, _ = line.decode().split()
        _, pid, name = path.split(".", 2)
        found[int(pid)][name].append(float(value))
    return found


def lines(paths: dict[str, list[float]]) -> int:
    return sum(map(len, paths.values()))


@pytest.mark.scenario(25)
def test_two_hundred_forks_under_load(tmp_path) -> None:
    """No child hangs; each delivers what it counted since the fork, the parent all the rest."""
    with LineSink() as sink:
        said = forks(configured(tmp_path, sink), 200, "storm")
        found = received(sink)
        assert sink.torn == []
    assert said["statuses"] == {"0": 200}
    parent = found.pop(said["pid"])
    check(Balance(**said["balance"]), lines(parent))
    assert said["balance"]["unconfirmed"] == said["balance"]["queued"] == 0
    assert sum(said["balance"]["dropped"].values()) == 0
    assert parent["shop.orders"][-1] == said["orders"]
    assert len(said["children"]) == 80
    for child in said["children"]:
        paths = found.pop(child["pid"])
        check(Balance(**child["balance"]), lines(paths))
        assert child["balance"]["unconfirmed"] == 0
        assert max(paths["shop.orders"]) == child["n"]
        assert child["instance"] != "0", "a slot of its own"
    # Children that ended at once have delivered, too; those that became another program have not.
    assert len(found) == 40
    assert all(paths["shop.orders"][-1] in range(3, 8) for paths in found.values())


@pytest.mark.long
@pytest.mark.scenario(25)
def test_a_fork_takes_no_longer_beside_an_agent(tmp_path) -> None:
    """The 99th percentile of 1,000 forks grows by at most 5 ms."""
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        bare = forks(file, 1000, "bare")["times"]
        beside = forks(file, 1000, "timed")["times"]
    print(f"p50 {bare[500]:.6f} {beside[500]:.6f}  p99 {bare[990]:.6f} {beside[990]:.6f}")
    assert beside[990] - bare[990] <= 0.005


def test_children_of_multiprocessing_deliver_before_they_end(tmp_path) -> None:
    """They end without atexit, and as soon as their work is done."""
    with LineSink() as sink:
        said = forks(configured(tmp_path, sink), 0, "processes")
        found = received(sink)
    assert said["codes"] == [0, 0]
    assert [found[pid]["shop.orders"][-1] for pid in said["pids"]] == [3, 4]


CHILD = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import sampler
from sampler.agent import singleton
from tests.support.scope import apart
apart()
shop = sampler.Instruments("shop")
orders = shop.counter("orders")
def child(call):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, json.dumps(call()).encode())
        sampler.agent.stop()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        print(pipe.read())
    assert os.waitpid(pid, 0)[1] == 0
def settled():
    if singleton._process.restart is not None:
        singleton._process.restart.join()
    return singleton._process.agent and singleton._process.agent.identity["instance"]
"""


def asked(script: str, file: Path) -> list[Any]:
    out, err = run("-c", CHILD + script, SAMPLER_CONFIG=str(file))
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def test_who_does_not_want_it_says_so(tmp_path) -> None:
    """With ``fork = false`` a child has no agent until it starts one."""
    script = """
sampler.agent.start()
child(settled)
child(lambda: sampler.agent.start().identity["instance"])
"""
    with LineSink() as sink:
        assert asked(script, configured(tmp_path, sink, "fork = false")) == [None, "1"]


def test_an_instance_with_a_name_is_followed_by_a_number(tmp_path) -> None:
    """Parent and children never write the same path."""
    script = """
print(json.dumps(sampler.agent.start().identity["instance"]))
child(settled)
"""
    with LineSink() as sink:
        file = configured(tmp_path, sink, 'instance = "blue"')
        assert asked(script, file) == ["blue", "blue-0"]


def test_a_child_may_start_its_agent_itself(tmp_path) -> None:
    """Before the moment has come or after; with another configuration it gets another agent."""
    script = """
sampler.agent.start()
def early():
    agent = sampler.agent.start()
    singleton._process.restart.join()
    return agent is singleton._process.agent
def late():
    settled()
    before = singleton._process.agent
    return before is sampler.agent.start() is singleton._process.agent
def other():
    settled()
    before = singleton._process.agent
    file = os.environ["SAMPLER_CONFIG"]
    with open(file) as old, open(file + ".new", "w") as new:
        new.write(old.read().replace('service = "', 'service = "other_'))
    agent = sampler.agent.start(file + ".new")
    return [agent.identity["service"][:6], before.alive(), sampler.agent.start() is agent]
for each in (early, late, other):
    child(each)
"""
    with LineSink() as sink:
        said = asked(script, configured(tmp_path, sink))
    assert said == [True, True, ["other_", False, True]]


def test_a_child_may_stop_its_parents_agent(tmp_path) -> None:
    """As the ``finally`` of a program that forks inside of it does: nothing of it is its own."""
    script = """
agent = sampler.agent.start()
def stopped():
    begun = time.monotonic()
    agent.stop()
    return time.monotonic() - begun
child(stopped)
"""
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        with file.open("a") as more:
            more.write('[adapters.prometheus]\nlisten = "127.0.0.1:0"\n')
        (seconds,) = asked(script, file)
    timely(seconds, 0.0, "stop()")


def test_a_grandchild_and_a_stopped_parent(tmp_path) -> None:
    """Children of children get theirs; a child of a program without an agent has none."""
    script = """
sampler.agent.start()
def nested():
    child(settled)
    return settled()
child(nested)
sampler.agent.stop()
child(settled)
"""
    with LineSink() as sink:
        *both, none = asked(script, configured(tmp_path, sink))
    assert sorted(both) == ["1", "2"]
    assert none is None


UWSGI = """
import json, os, sys, types
called = []
uwsgi = sys.modules["uwsgi"] = types.ModuleType("uwsgi")
uwsgi.post_fork_hook = lambda: called.append(1)
hooks = []
os.register_at_fork = lambda **_: None  # uWSGI forks in C: Python is not told
import sampler
from sampler.agent import singleton
from tests.support.scope import apart
apart()
orders = sampler.Instruments("shop").counter("orders")
sampler.agent.start()
sampler.agent.start()
orders.inc(100)
read, write = os.pipe()
if not os.fork():
    uwsgi.post_fork_hook()
    orders.inc(3)
    singleton._process.restart.join()
    instance = singleton._process.agent.identity["instance"]
    sampler.agent.stop()
    os.write(write, json.dumps([os.getpid(), instance, called]).encode())
    os._exit(0)
os.close(write)
print(os.fdopen(read).read())
"""


def test_uwsgi_tells_us_of_its_forks(tmp_path) -> None:
    """Its hook is chained: what was there is still called, once."""
    with LineSink() as sink:
        file = configured(tmp_path, sink)
        out, _ = run(
            *("-W", "ignore::DeprecationWarning", "-c", UWSGI),
            SAMPLER_CONFIG=str(file),
        )
        pid, instance, called = json.loads(out)
        assert (instance, called) == ("1", [1])
        assert received(sink)[pid]["shop.orders"][-1] == 3
