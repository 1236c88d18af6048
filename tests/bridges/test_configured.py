"""Bridges as tables of ``sampler.toml``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tomllib
import types
import urllib.request

import pytest

prometheus = pytest.importorskip("prometheus_client")

from sampler import ConfigurationError, Registry  # noqa: E402
from sampler.agent import Agent  # noqa: E402
from sampler.agent.bridges import refused_bridges  # noqa: E402
from sampler.agent.config.reading import parse  # noqa: E402
from sampler.bridges._turn import Turn  # noqa: E402
from sampler.relay.program import for_workers, needing_no_worker, own_settings  # noqa: E402
from tests.relay.processes import ROOT, Host  # noqa: E402
from tests.support.command import environment, sampler  # noqa: E402
from tests.support.ports import free_port  # noqa: E402
from tests.support.waiting import wait_for  # noqa: E402

LIMIT = 60.0
HOST = os.uname().nodename


def names(agent):
    """Pull once, and return the names of what is collected, without the agent's own."""
    with agent.collector("test", 10) as collector:
        found = {series.name: value for series, value in collector.collect()}
    return {name: value for name, value in found.items() if not name.startswith("sampler.")}


@pytest.fixture
def program():
    """Return a function that makes a module of a program appear."""
    made = []

    def appear(name, **contents):
        module = types.ModuleType(name)
        vars(module).update(contents)
        sys.modules[name] = module
        made.append(name)

    yield appear
    for name in made:
        sys.modules.pop(name, None)


def of(bridges, **tables):
    """Return an agent with these tables, with nothing else to collect."""
    tables.setdefault("samplers", {"enable": []})
    agent = Agent(parse({"bridges": bridges, **tables}), Registry())
    assert not agent.discover()
    return agent


def test_a_registry_is_one_line_and_its_names_are_as_they_were(program):
    """A program that moves keeps its dashboards: one word is a name, too."""
    registry = prometheus.CollectorRegistry()
    prometheus.Gauge("up", "Up.", registry=registry).set(1)
    prometheus.Counter("http_requests", "r", registry=registry).inc(2)
    program("a_shop", REGISTRY=registry)
    agent = of({"prometheus_client": {"registry": "a_shop:REGISTRY"}})
    assert names(agent) == {"up": 1, "http_requests_total": 2}


def test_a_prefix_is_what_all_names_begin_with(program):
    """Instead of nothing, or of the bridge's name."""
    registry = prometheus.CollectorRegistry()
    prometheus.Gauge("up", "Up.", registry=registry).set(1)
    program("b_shop", REGISTRY=registry, STATS={"hits": 3})
    table = {"registry": "b_shop:REGISTRY", "prefix": "shop"}
    sources = {"sources": {"cache": "b_shop:STATS"}, "prefix": ""}
    agent = of({"prometheus_client": table, "callables": sources})
    assert names(agent) == {"shop.up": 1, "cache.hits": 3}


def test_a_program_that_is_not_there_yet_is_waited_for(program):
    """Nothing is imported, and nothing fails."""
    agent = of({"prometheus_client": {"registry": "c_shop.metrics:app.registry"}})
    assert names(agent) == {}
    registry = prometheus.CollectorRegistry()
    prometheus.Gauge("up", "Up.", registry=registry).set(1)
    program("c_shop.metrics", app=types.SimpleNamespace(registry=registry))
    assert names(agent) == {"up": 1}


def test_bridges_are_collected_besides_what_is_enabled(program):
    """Whether something is enabled or not; and what is not named is not loaded by a pattern."""
    program("d_shop", STATS={"hits": 3})
    table = {"callables": {"sources": {"cache": "d_shop:STATS"}}}
    both = of(table, samplers={"enable": ["memory"]})
    assert {"callables.cache.hits"} < set(names(both))
    by_default = of(table, samplers={})
    assert any(name.startswith("process.") for name in names(by_default))
    assert "callables.cache.hits" in names(by_default)
    assert "statsd" not in of({}, samplers={"enable": ["s*"]}).registry


def test_the_agents_own_names_are_not_taken(program):
    """Though a program calls a metric of its own so."""
    program("e_shop", STATS={"sampler": {"thread": {"failures": 7_654_321}}})
    table = {"sources": {"x": "e_shop:STATS"}, "prefix": ""}
    agent = of({"callables": table})
    assert names(agent) == {"x.sampler.thread.failures": 7_654_321}
    whole = {"callables.x.*": "*", "callables.*": "*"}
    agent = of({"callables": table}, samplers={"enable": [], "rename": whole})
    with agent.collector("test", 10) as collector:
        found = [series.name for series, value in collector.collect() if value == 7_654_321]
    assert found == ["callables.x.sampler.thread.failures"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[bridges.nagios]\n", "bridges.nagios: unknown key"),
        ("[bridges]\nstatsd = 3\n", "bridges.statsd: expected a table"),
        ("[bridges.statsd]\nlisten = 3\n", "bridges.statsd: listen: expected an address"),
        ("[bridges.statsd]\nlissen = ''\n", "bridges.statsd: lissen: no such key; there are"),
        ("[bridges.statsd]\nlisten = 'x:y'\n", "'x:y' is no address: write 127.0.0.1:8125"),
        ("[bridges.prometheus_client]\nregistry = 'x'\n", "expected 'package.module:OBJECT'"),
        ("[bridges.prometheus_client]\nprefix = 'A'\n", "prefix: 'A' is no name"),
        ("[bridges.opentelemetry]\nscope = 1\n", "scope: expected true or false, got 1"),
        ("[bridges.newrelic.sources]\ncpu = 1\n", "sources.cpu: expected 'package.module:OBJECT'"),
        ("[bridges.callables]\nsources = 1\n", "sources: expected a table"),
        ("[bridges.mmstats]\n", "files: expected a path or a pattern of paths"),
        (
            "[bridges.statsd]\n[samplers.settings.statsd]\nlisten = '127.0.0.1:1'\n",
            'bridges.statsd: there is samplers.settings."statsd", too: keep one of them',
        ),
        (
            "[bridges.statsd]\nlisten = ['udp://localhost:8125']\n[adapters.statsd]\n",
            "is where adapters.statsd sends: numbers would go round for ever",
        ),
        (
            (
                "[bridges.statsd]\nlisten = 'unix:///run/s'\n"
                "[adapters.out]\ntype = 'statsd'\ntransport = 'unix'\npath = '/run/s'\n"
            ),
            "'unix:///run/s' is where adapters.out sends",
        ),
        (
            "[bridges.statsd]\nlisten = '0.0.0.0:8125'\n[adapters.dogstatsd]\n",
            "is where adapters.dogstatsd sends",
        ),
        (
            "[bridges.statsd]\nlisten = 'unixgram:///d'\n[adapters.dogstatsd]\npath = '/d'\n",
            "'unixgram:///d' is where adapters.dogstatsd sends",
        ),
        (
            "[samplers]\nenable = ['statsd']\n[adapters.statsd]\n",
            "samplers.settings.statsd.listen: '127.0.0.1:8125' is where adapters.statsd sends",
        ),
        (
            (
                "[bridges.statsd]\nlisten = '0.0.0.0:9'\n"
                f"[adapters.statsd]\nhost = '{HOST}'\nport = 9"
            ),
            "is where adapters.statsd sends",
        ),
    ],
)
def test_what_cannot_work_is_said_with_its_key_and_what_to_do(text, wanted):
    """By reading the configuration, or by the bridge that it names."""
    try:
        settings = parse(tomllib.loads(text))
    except ConfigurationError as error:
        said = error.problems
    else:
        agent = Agent(settings, Registry())
        agent.discover()
        said = list(refused_bridges(settings.samplers, agent.registry))
    assert len(said) == 1
    assert wanted in said[0]


def test_a_bridge_that_cannot_work_exits_78(tmp_path):
    """As any key that is wrong, without a traceback."""
    file = tmp_path / "sampler.toml"
    file.write_text("[bridges.statsd]\nlissen = 'x'\n[bridges.mmstats]\n")
    done = sampler("check", "-c", str(file))
    assert done.returncode == 78
    assert "bridges.statsd: lissen: no such key; there are listen, max_series" in done.stderr
    assert "bridges.mmstats: files: expected" in done.stderr
    assert "Traceback" not in done.stderr


def test_processes_of_a_relay_get_the_bridges_that_need_one():
    """With the same names; what needs no worker stays with the relay."""
    tables = {
        "bridges": {"prometheus_client": {"registry": "shop:R"}, "statsd": {"prefix": "old"}},
        "samplers": {"rename": {"a.b": "c.d"}, "enable": ["memory", "nginx"]},
    }
    settings = parse(tables)
    identity = {"service": "shop", "host": "here"}
    told = parse(for_workers(settings, identity)).samplers
    assert told.bridges == ("prometheus_client",)
    assert told.rename == {"prometheus_client.*": "*", "a.b": "c.d"}
    assert told.settings == {"prometheus_client": {"registry": "shop:R"}}
    assert told.enable == ("memory",)
    assert set(needing_no_worker(settings)) == {"nginx", "statsd"}
    assert own_settings(settings).samplers.settings == {"statsd": {}}


def test_a_listener_beside_an_adapter_that_sends_elsewhere_is_fine():
    """Another port, another transport."""
    tables = {"bridges": {"statsd": {"listen": "tcp://127.0.0.1:8125"}}}
    parse({**tables, "adapters": {"statsd": {}, "dogstatsd": {}}})
    tables["bridges"]["statsd"]["listen"] = "127.0.0.1:8126"
    parse({**tables, "adapters": {"statsd": {}}})
    with pytest.raises(ConfigurationError, match="go round"):
        parse({"bridges": {"statsd": {}}, "adapters": {"statsd": {}}})


WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from sampler.cli import main
raise SystemExit(main())
"""


@pytest.mark.parametrize(
    ("module", "text", "wanted"),
    [
        ("cramjam", "[adapters.remote_write]", "pip install 'sampler-api[remote-write]'"),
        ("grpc", "[adapters.otlp_grpc]", "pip install 'sampler-api[otlp]'"),
        ("prometheus_client", "[bridges.prometheus_client]", "'sampler-api[prometheus]'"),
        ("opentelemetry", "[bridges.opentelemetry]", "pip install opentelemetry-sdk"),
        ("newrelic", "[bridges.newrelic.sources]\ncpu = 'newrelic.x:y'", "pip install newrelic"),
    ],
)
def test_a_missing_package_is_one_line(tmp_path, module, text, wanted):
    """With what to install, from the command that checks a configuration."""
    file = tmp_path / "sampler.toml"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, "check", "--no-network", "-c", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    assert done.returncode == 78
    (line,) = (each for each in done.stderr.splitlines() if "WARNING" not in each)
    assert wanted in line


def test_one_process_has_a_turn_and_the_next_one_when_it_ends():
    """However it ends; a child that it forks does not hold it."""
    text = f"test {free_port()}"
    code = (
        "import os, sys, time\nfrom sampler.bridges._turn import Turn\n"
        f"assert Turn({text!r}).is_mine()\n"
        "child = os.fork()\n"
        "if not child:\n    assert not Turn({0!r}).is_mine()\n"
        "    print(os.getpid(), flush=True)\n    time.sleep(300)\n"
        "time.sleep(300)\n"
    ).replace("{0!r}", repr(text))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    ) as other:
        assert other.stdout is not None
        child = int(other.stdout.readline())
        mine = Turn(text)
        assert not mine.is_mine()
        other.kill()
        wait_for(mine.is_mine, LIMIT, "the turn of the process that was killed")
        os.kill(child, signal.SIGKILL)
    mine.end()


WORKER = """
import sys, time
import sampler.agent
sampler.agent.start(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    pass
sampler.agent.stop()
"""


def start_worker(file):
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def page(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return answer.read().decode()


def test_of_several_processes_one_listens_and_another_one_takes_over(tmp_path):
    """None has the port twice, and no line is counted twice."""
    listen, *pages = free_port(), free_port(), free_port()
    workers = []
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send_until(port):
        def arrives():
            client.sendto(b"jobs:1|c", ("127.0.0.1", listen))
            return "jobs_total" in page(port)

        wait_for(arrives, LIMIT, f"lines on page {port}")

    try:
        for number, port in enumerate(pages):
            file = tmp_path / f"{number}.toml"
            file.write_text(
                f"interval = 0.2\n[samplers]\nenable = []\n[bridges.statsd]\n"
                f"listen = '127.0.0.1:{listen}'\n"
                f"[adapters.prometheus]\nlisten = '127.0.0.1:{port}'\n"
            )
            workers.append(start_worker(file))
        send_until(pages[0])
        assert "bridge_values" not in page(pages[1])
        workers[0].kill()
        workers[0].wait()
        send_until(pages[1])
    finally:
        client.close()
        for each in workers:
            each.kill()
            each.communicate()


def test_under_a_relay_the_relay_listens(tmp_path):
    """Its workers do not; what a script sends goes out by the relay's adapters."""
    listen = free_port()
    more = f"[bridges.statsd]\nlisten = '127.0.0.1:{listen}'\n"
    with Host(tmp_path, more=more) as host:
        host.start_relay()
        host.start_worker()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"legacy.jobs:5|c", ("127.0.0.1", listen))
        wait_for(
            lambda: host.last(".relay.legacy.jobs") == 5,
            LIMIT,
            lambda: f"{host.log()} {host.sink.lines[-30:]}",
        )
        paths = {line.split()[0].decode() for line in host.sink.lines}
        assert not any("bridge" in path and ".relay." not in path for path in paths)
        assert "cannot listen" not in host.log() + host.workers_log()
