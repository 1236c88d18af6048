"""What an operator sets for single samplers: how it gets to a factory, and what is said of it."""

from __future__ import annotations

import logging
import tomllib
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from sampler import Collector, ConfigurationError, Registry
from sampler._pull.collector import change_settings
from sampler._runtime.log import log
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.agent.config.settings import AdapterSettings, SamplersSettings, Settings
from sampler.agent.unused_settings import Unused, unused_settings
from tests.contract.build import mapping, reasons, values
from tests.support.command import sampler
from tests.support.distributions import Site
from tests.support.memory import Memory
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def registry() -> Registry:
    """An empty registry."""
    return Registry()


class Pool:
    """A sampler with a factory that keeps what it is told."""

    def __init__(self, name: str = "sqlalchemy.pool") -> None:
        self.told: list[Any] = []
        self.closed: list[Any] = []
        self.calls = 0
        self.mapping = {
            "name": name,
            "factory": self.make,
            "metrics": {"calls": {"kind": "counter"}},
        }

    def make(self, environ: Any) -> Any:
        """Make an instance."""
        self.told.append(environ["settings"])
        return Instance(self, environ["settings"])


class Instance:
    """What a pool's factory makes."""

    def __init__(self, pool: Pool, settings: Any) -> None:
        self.pool, self.settings = pool, settings

    def __call__(self) -> Any:
        """Yield one counter of the pool."""
        self.pool.calls += 1
        yield "calls", self.pool.calls

    def close(self) -> None:
        """Keep whose close this was."""
        self.pool.closed.append(self.settings)


@pytest.mark.clause("C-02")
def test_a_factory_is_told_what_is_set_for_its_sampler(registry: Registry) -> None:
    """By name; empty if nothing is set. Nobody else has that mapping, or those in it."""
    pool, other = Pool(), Pool("other")
    registry.register(pool.mapping)
    registry.register(other.mapping)
    given = {"sqlalchemy.pool": {"names": ["a"], "limits": {"size": 3}}, "absent": {}}
    consumers = [Collector(registry, deadline=5.0, settings=given) for _ in range(2)]
    given["sqlalchemy.pool"]["limits"]["size"] = 4
    expected = {"names": ["a"], "limits": {"size": 3}}
    for consumer in consumers:
        with consumer:
            assert reasons(consumer.collect()) == {}
            assert pool.told[-1] == expected
            pool.told[-1]["names"].append("b")
            pool.told[-1]["limits"].clear()
    assert len(pool.told) == 2
    assert other.told == [{}, {}]


@pytest.mark.clause("C-02")
def test_a_setting_that_a_factory_does_not_know_is_its_own_failure(registry: Registry) -> None:
    """It says so by raising; the next call gets the settings as they were."""
    told: list[Any] = []

    def factory(environ: Any) -> Any:
        told.append(dict(environ["settings"]))
        if unknown := environ["settings"].popitem()[0]:
            raise ValueError(f"no setting {unknown!r}")

    registry.register({"name": "strict", "factory": factory})
    registry.register(mapping("mine", ("a", 1)))
    with Collector(registry, deadline=5.0, settings={"strict": {"sise": 3}}) as consumer:
        for _ in range(2):
            snapshot = consumer.collect()
            assert values(snapshot) == {"mine.a": 1}
            (failure,) = snapshot.failures
            assert failure.message == "ValueError: no setting 'sise'"
    assert told == [{"sise": 3}] * 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (3, "settings: expected a mapping by sampler, got int"),
        ({3: {}}, "settings: expected the name of a sampler, got 3"),
        ({"pool": "secret"}, "settings['pool']: expected a mapping of keys, got str"),
    ],
)
def test_a_collector_takes_settings_by_sampler_only(settings: Any, words: str) -> None:
    """The error says where and what, without the value."""
    with pytest.raises(TypeError) as caught:
        Collector(Registry(), settings=settings)
    assert str(caught.value) == words


def test_the_file_has_a_table_for_each_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its name, in quotes; texts may hold variables."""
    monkeypatch.setenv("POOL", "main")
    text = """
    [samplers.settings."sqlalchemy.pool"]
    names = ["${POOL}", "b"]
    size = 3
    [samplers.settings.redis]
    """
    found = parse(tomllib.loads(text)).samplers.settings
    assert found == {"sqlalchemy.pool": {"names": ("main", "b"), "size": 3}, "redis": {}}
    assert type(found["sqlalchemy.pool"]["names"][0]) is str


def test_all_that_is_wrong_with_settings_is_told_at_once() -> None:
    """With key and remedy, beside other problems."""
    table = {
        "intervall": 3,
        "samplers": {"settings": {"pool": "secret", "Pool": {}, "redis": {}}, "enabled": []},
    }
    with pytest.raises(ConfigurationError) as caught:
        parse(table, "sampler.toml")
    begins = sorted(problem.partition(":")[0] for problem in caught.value.problems)
    assert begins == [
        "intervall",
        "samplers.enabled",
        'samplers.settings."Pool"',
        'samplers.settings."pool"',
    ]  # fmt: skip
    assert 'expected a table: write [samplers.settings."pool"]' in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        parse({"samplers": {"settings": 3}}, "sampler.toml")
    (problem,) = caught.value.problems
    assert problem == "samplers.settings: expected a table of tables, got 3"


@pytest.mark.clause("C-02")
def test_other_settings_end_no_other_series(registry: Registry) -> None:
    """Those of a sampler without factory, or of one that is told the same, go on."""
    pool, other = Pool(), Pool("other")
    for each in (pool.mapping, other.mapping, mapping("plain", ("a", 1))):
        registry.register(each)
    given = {"sqlalchemy.pool": {"size": 1}, "other": {"size": 1}, "plain": {"size": 1}}
    changed = {"sqlalchemy.pool": {"size": 2}, "other": {"size": 1}, "plain": {"size": 2}}
    with Collector(registry, deadline=5.0, settings=given) as consumer:
        before = {block.sampler: block.series for block in consumer.collect().blocks}
        change_settings(consumer, changed)
        after = {block.sampler: block.series for block in consumer.collect().blocks}
        consumer.collect()
    assert [name for name in after if after[name] is not before[name]] == ["sqlalchemy.pool"]
    assert pool.told == [{"size": 1}, {"size": 2}]
    assert other.told == [{"size": 1}]


NOT_HERE = "no sampler of that name is here (did you mean 'plain'?): it is told them once it"
NO_FACTORY = "this sampler takes no settings: remove them"
NOT_ENABLED = "this sampler is not enabled: add it to samplers.enable, or remove its settings"
NESTED = "is read as the settings of 'sqlalchemy': write"


@pytest.mark.parametrize(
    ("settings", "enable", "key", "words", "certain"),
    [
        ({"plain": {}}, None, "plain", NO_FACTORY, True),
        ({"plian": {}}, None, "plian", f"{NOT_HERE} registers", False),
        ({"redis": {}}, ("plain",), "redis", NOT_ENABLED, True),
        (
            {"sqlalchemy": {"pool": {"size": 3}}},
            None,
            "sqlalchemy",
            f'{NESTED} [samplers.settings."sqlalchemy.pool"], with quotes',
            True,
        ),
    ],
)
def test_settings_that_nobody_reads_are_told(
    settings: Any, enable: Any, key: str, words: str, *, certain: bool
) -> None:
    """Each with what to do; those of a sampler that may come yet with less certainty."""
    registry = Registry()
    registry.register(Pool().mapping)
    registry.register(mapping("plain", ("a", 1)))
    read = {"sqlalchemy.pool": {"size": 3}}
    samplers = SamplersSettings(settings={**read, **settings}, enable=enable)
    unused = list(unused_settings(samplers, registry))
    assert unused == [Unused(f'samplers.settings."{key}": {words}', certain=certain)]


@pytest.fixture
def running() -> Iterator[Any]:
    """Start an agent with the samplers of a registry; it ends with the test."""
    agents: list[Agent] = []

    def start(registry: Registry, settings: dict[str, Any]) -> tuple[Agent, Settings]:
        adapter = AdapterSettings("memory", "memory", Memory(), 0.1, 1.0, 200_000)
        wanted = parse({"interval": 0.1, "service": "test", "samplers": {"settings": settings}})
        wanted = attrs.evolve(wanted, adapters=(adapter,))
        agent = Agent(wanted, registry)
        agents.append(agent)
        agent.start()
        return agent, wanted

    yield start
    for agent in agents:
        agent.stop()


def test_a_reload_makes_new_instances_where_settings_have_changed(
    registry: Registry, running: Any
) -> None:
    """Of that sampler only; its series begin anew, and count nothing twice."""
    changes, stays = Pool("changes"), Pool("stays")
    registry.register(stays.mapping)
    agent, wanted = running(registry, {"changes": {"size": 1}, "stays": {"size": 5}})
    registry.register(changes.mapping)  # its first value counts whole
    wait_for(lambda: changes.calls > 2 and stays.calls > 2, what="two pulls")
    samplers = attrs.evolve(
        wanted.samplers, settings={"changes": {"size": 2}, "stays": {"size": 5}}
    )
    agent.reload(attrs.evolve(wanted, samplers=samplers))
    wait_for(lambda: len(changes.told) > 1, what="another instance")
    before = changes.calls
    wait_for(lambda: changes.calls > before + 2, what="two pulls of it")
    assert changes.told == [{"size": 1}, {"size": 2}]
    assert changes.closed == [{"size": 1}]
    assert stays.told == [{"size": 5}]
    assert stays.closed == []
    (consumer,) = agent._consumers.collectors
    starts = {
        each.name: each.start is None
        for block in consumer.collect().blocks
        for each in block.series
        if each.name.endswith(".calls")
    }
    assert starts == {"stays.calls": True, "changes.calls": True}
    agent.stop()
    assert changes.closed == [{"size": 1}, {"size": 2}]


def test_an_agent_logs_settings_that_nobody_reads(
    registry: Registry, running: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, when it starts."""
    caplog.set_level(logging.INFO, "sampler")
    registry.register(mapping("plain", ("a", 1)))
    running(registry, {"plain": {"size": 1}, "later": {}})
    log.flush()
    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    found = [line for line in lines if "samplers.settings" in line[1]]
    assert [level for level, _ in found] == ["WARNING", "INFO"]
    assert 'configuration: samplers.settings."plain"' in found[0][1]


def test_check_warns_of_settings_that_nobody_reads(tmp_path: Path) -> None:
    """With file, key and remedy; those that a factory takes are its own to judge."""
    site = Site(tmp_path / "site")
    source = """
def factory(environ):
    if environ["settings"] != {"size": 3}:
        raise ValueError(f"unknown: {environ['settings']}")
    return lambda: [("size", 3)]
SAMPLER = {"name": "zz_pool", "factory": factory}
"""
    site.install("dist-pool", {"zz_pool": "zz_pool:SAMPLER"}, files={"zz_pool.py": source})
    config = tmp_path / "sampler.toml"
    config.write_text(
        '[samplers]\nenable = ["process", "zz_pool"]\n'
        "[samplers.settings.zz_pool]\nsize = 3\n"
        "[samplers.settings.process]\nfast = true\n"
        "[samplers.settings.zz_pol]\n"
    )
    done = sampler("check", "--no-network", "-c", str(config), PYTHONPATH=str(site.folder))
    assert done.returncode == 0, done.stderr
    assert "sampler 'zz_pool': 1 entry" in done.stdout
    lines = [line for line in done.stderr.splitlines() if "samplers.settings" in line]
    assert lines == [
        f'{config}: samplers.settings."process": {NO_FACTORY}',
        f'{config}: samplers.settings."zz_pol": {NOT_ENABLED}'.replace(
            "enabled:", "enabled (did you mean 'zz_pool'?):"
        ),
    ]
