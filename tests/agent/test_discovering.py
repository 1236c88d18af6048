"""An agent finds samplers while it runs: announced ones, and those of other registries."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Registry
from sampler._registry import registry as registries
from sampler._runtime.log import log
from sampler.agent import Agent
from sampler.agent.config.settings import (
    AdapterSettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from tests.contract.build import mapping
from tests.contract.vendors import VENDOR
from tests.support.distributions import Site, sites
from tests.support.memory import Memory
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder on ``sys.path``, and an empty default registry."""
    monkeypatch.setattr(registries, "default", Registry())
    for (found,) in sites(tmp_path, monkeypatch, "site"):
        yield found


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[Agent, Memory]]]:
    """Start agents that push into memory; they end with the test."""
    agents: list[Agent] = []

    def started(
        registry: Registry | None = None, interval: float = 0.1, **samplers: Any
    ) -> tuple[Agent, Memory]:
        memory = Memory()
        adapter = AdapterSettings("memory", "memory", memory, interval, 1.0, 200_000)
        program = ProgramSettings(interval=interval, service="test", instance="0")
        limits = SamplersSettings(**{"deadline": 20.0, **samplers})
        agent = Agent(Settings("test.toml", program, limits, (adapter,)), registry)
        agents.append(agent)
        agent.start()
        return agent, memory

    yield started
    for agent in agents:
        agent.stop()


def install(site: Site, name: str, body: str = "") -> None:
    """Install a package whose sampler lies in a module of its own, which nothing imports."""
    source = f'{body}\nSAMPLER = {{"name": "{name}", "sample": lambda: [("a", 1)]}}\n'
    files = {f"{name}/__init__.py": "", f"{name}/metrics.py": source}
    site.install(f"dist-{name}", {name: f"{name}.metrics:SAMPLER"}, files=files)


def sees(memory: Memory, series: str) -> None:
    """Wait until a series has been delivered."""
    wait_for(lambda: any(each == series for each, _, _ in memory.received), what=series)


def pulls_on(memory: Memory) -> None:
    """Wait for three more rounds."""
    now = memory.sends
    wait_for(lambda: memory.sends >= now + 3, what="three rounds")


def test_what_a_short_program_imports_is_delivered_at_its_end(site: Site, start: Any) -> None:
    """No round comes between the import and the end."""
    install(site, "short")
    agent, memory = start(interval=3600.0)
    importlib.import_module("short")
    agent.stop()
    assert [value for series, value, _ in memory.received if series == "short.a"] == [1]


def test_what_a_program_imports_as_it_begins_is_found_before_the_second_pull(
    site: Site, start: Any
) -> None:
    """And is in that pull: else it would take two intervals to be seen."""
    install(site, "zz_begun")
    agent, _ = start(interval=3600.0)
    assert "zz_begun" not in agent.registry
    importlib.import_module("zz_begun")
    wait_for(lambda: "zz_begun" in agent.registry, what="the sampler", limit=30)


@pytest.mark.clause("C-01", "C-16")
def test_what_counted_before_an_agent_starts_is_a_baseline(
    site: Site, start: Callable[..., tuple[Agent, Memory]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that announces a sampler, and a registry that discovers when it is asked."""
    counts = 'sample": lambda: [("n", 50, None, {"kind": "counter"})]}'
    library = f'SAMPLER = {{"name": "zz_early", "{counts}\n'
    site.install("early", {"zz_early": "zz_early:SAMPLER"}, files={"zz_early.py": library})
    lazy = f"""
class Lazy(Registry):
    def __iter__(self):
        if not self.all:
            self.register({{"name": "zz_lazy", "{counts})
        return iter(self.all)
default = Lazy()
"""
    files = {"zz_vendor.py": VENDOR + lazy}
    site.install("vendor", {"v": "zz_vendor:default"}, group="sampler.registries", files=files)
    importlib.import_module("zz_early")
    importlib.import_module("zz_vendor")
    encode, starts = Memory.encode, {}

    def noted(self: Memory, snapshot: Any, since: Any) -> Any:
        starts.update((each.name, each.start) for each, _ in snapshot if each.cumulative)
        return encode(self, snapshot, since)

    monkeypatch.setattr(Memory, "encode", noted)
    _, memory = start()
    sees(memory, "zz_early.n")
    sees(memory, "zz_lazy.n")
    assert {name: at for name, at in starts.items() if name.startswith("zz_")} == {
        "zz_early.n": None,
        "zz_lazy.n": None,
    }


@pytest.mark.clause("R-09")
def test_an_agent_that_runs_finds_what_the_program_imports(
    site: Site, start: Callable[..., tuple[Agent, Memory]], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a reload; what fails is logged once."""
    caplog.set_level(logging.WARNING, "sampler")
    install(site, "zz_pool")
    install(site, "zz_bad", "1 / 0")
    _, memory = start()
    pulls_on(memory)
    assert "zz_pool.metrics" not in sys.modules
    importlib.import_module("zz_bad")
    importlib.import_module("zz_pool")
    sees(memory, "zz_pool.a")
    pulls_on(memory)
    log.flush()
    (line,) = [each for each in caplog.messages if "zz_bad" in each]
    assert line.startswith("sampler 'zz_bad' is not collected: cannot be imported: ZeroDivision")


@pytest.mark.clause("R-10")
def test_an_agent_says_once_which_name_is_announced_twice(
    site: Site, start: Callable[..., tuple[Agent, Memory]], caplog: pytest.LogCaptureFixture
) -> None:
    """And collects one of them."""
    caplog.set_level(logging.WARNING, "sampler")
    install(site, "zz_pool")
    site.install("another", {"zz_pool": "zz_pool:OTHER"})
    package: Any = importlib.import_module("zz_pool")
    package.OTHER = mapping("zz_pool", ("a", 1))
    _, memory = start(enable=("zz_pool", "process"))
    sees(memory, "zz_pool.a")
    pulls_on(memory)
    log.flush()
    (line,) = [each for each in caplog.messages if "zz_pool" in each]
    assert line.startswith("sampler 'zz_pool' is announced twice: ")
    assert "'another'" in line
    assert "'dist-zz_pool'" in line


@pytest.mark.parametrize("how", ["enable", "SAMPLER_DISABLE"])
def test_what_is_not_collected_is_not_loaded(
    site: Site,
    start: Callable[..., tuple[Agent, Memory]],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """Neither at the start nor later, although the program has imported the package."""
    for name in ("zz_one", "zz_two"):
        install(site, name)
    importlib.import_module("zz_one")
    if how == "enable":
        _, memory = start(enable=("process",))
    else:
        monkeypatch.setenv("SAMPLER_DISABLE", "zz_one,zz_two")
        _, memory = start()
    importlib.import_module("zz_two")
    pulls_on(memory)
    assert not {"zz_one.metrics", "zz_two.metrics"} & set(sys.modules)


@pytest.mark.clause("R-14")
def test_an_agent_told_no_registry_collects_all_of_them(
    site: Site,
    start: Callable[..., tuple[Agent, Memory]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of other vendors by the same rules: what is disabled or not enabled stays out."""
    group = "sampler.registries"
    site.install("v", {"v": "zz_vendor:default"}, group=group, files={"zz_vendor.py": VENDOR})
    monkeypatch.setenv("SAMPLER_DISABLE", "zz_out")
    caplog.set_level(logging.INFO, "sampler")
    _, everything = start()
    _, named = start(enable=("zz_in",))
    alone = Registry()
    alone.register(mapping("mine", ("a", 1)))
    _, told = start(alone)
    vendor = importlib.import_module("zz_vendor")
    for name in ("zz_in", "zz_out", "zz_more"):
        vendor.default.register(mapping(name, ("a", 1)))
    sees(everything, "zz_more.a")
    sees(named, "zz_in.a")
    for memory in (everything, named, told):
        pulls_on(memory)

    log.flush()
    caplog.clear()
    start(enable=("zz_in", "zz_never"))
    log.flush()
    missing = [each for each in caplog.messages if "is not there yet" in each]
    assert [each.split("'")[1] for each in missing] == ["zz_never"]

    def samplers(memory: Memory) -> set[str]:
        return {series.partition(".")[0] for series, _, _ in memory.received}

    assert samplers(everything) == {"process", "sampler", "zz_in", "zz_more"}
    assert samplers(named) == {"sampler", "zz_in"}
    assert "zz_in" not in samplers(told)
