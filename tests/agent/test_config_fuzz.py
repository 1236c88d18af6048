"""Whatever a configuration holds, it is settings or a list of problems, never a traceback."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import ConfigurationError
from sampler.agent import options
from sampler.agent.config.plugins import installed_plugins
from sampler.agent.config.reading import parse
from sampler.agent.config.settings import (
    DeliverySettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from tests.fuzz import configurations

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = {name: plugin.load() for name, plugin in installed_plugins().items()}
KEYS = sorted(
    {
        key
        for cls in (*TABLES.values(), ProgramSettings, SamplersSettings, DeliverySettings)
        for key in options(cls)
    }
)
texts = st.one_of(
    st.sampled_from(
        ["", "${HOME}", "${NO_SUCH}", "$${", "${", "file:/nowhere", "http://h", "udp"]
    ),
    st.sampled_from(["{service}", "{", "{x}", "a..b", "127.0.0.1:0", "[::1]:1", "tcp", "pickle"]),
    st.text(max_size=8),
)
scalars = st.one_of(
    texts, st.integers(-5, 70000), st.floats(), st.booleans(), st.integers(), st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
keys = st.one_of(st.sampled_from(KEYS), texts)
tables = st.dictionaries(keys, values, max_size=5)
adapters = st.dictionaries(
    st.one_of(st.sampled_from(sorted(TABLES)), texts), st.one_of(tables, scalars), max_size=3
)


@given(
    st.fixed_dictionaries(
        {},
        optional={"samplers": st.one_of(tables, values), "adapters": st.one_of(adapters, values)},
    ),
    tables,
)
def test_any_configuration_is_settings_or_problems(whole, top):
    """Each problem is one sentence that names its key."""
    try:
        settings = parse({**top, **whole})
    except ConfigurationError as error:
        assert error.problems
        assert all(problem.strip() for problem in error.problems)
    else:
        assert isinstance(settings, Settings)
        for adapter_settings in settings.adapters:
            assert adapter_settings.adapter is not None


@pytest.mark.scenario(56)
def test_any_bytes_are_settings_or_problems() -> None:
    """Mutations of good files, in a process that grows by no object and no KiB for each."""
    # From 3.13 on pathlib keeps each part of each path for ever, so these have to be known.
    seeds = (1, 1, 1) if sys.version_info >= (3, 13) else (2, 3, 4)
    figures = configurations.run(400, seed=1)
    assert figures["Settings"] > 50
    assert figures["ConfigurationError"] > 50
    tracemalloc = pytest.importorskip("tracemalloc")
    # What other threads of the suite allocate once is no growth, so one round without it will do.
    assert any(kept(sys.getallocatedblocks, 400, seed) < 300 for seed in seeds)
    tracemalloc.start()  # of what is large, but slow
    try:
        traced = tracemalloc.get_traced_memory
        assert any(kept(lambda: traced()[0], 100, seed) < 100_000 for seed in seeds)
    finally:
        tracemalloc.stop()


def kept(measure: Callable[[], int], count: int, seed: int) -> int:
    """Return by how much a measure of memory grows while so many configurations are read."""
    gc.collect()
    before = measure()
    configurations.run(count, seed)
    gc.collect()
    return measure() - before


@pytest.mark.scenario(56)
def test_the_command_says_what_is_wrong_and_exits_78() -> None:
    """Or runs, and ends when it is told to."""
    assert sum(configurations.through_run(4, seed=3).values()) == 4
