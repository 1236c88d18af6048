"""Clauses that bind authors, on the samplers that come with the project."""

from __future__ import annotations

import importlib
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sampler import Collector, Registry, register
from sampler._registry.announcements import SAMPLERS, announced
from sampler._registry.registry import default
from tests.contract.build import values

BUILT_IN = sorted(
    name
    for name, each in announced(SAMPLERS).items()
    if each.value.startswith("sampler.samplers.")
)
"""Without those of packages, which would be imported: they have tests of their own."""
UNITS = re.compile(r"(s|By|1|%|\{[a-z_]+\})?(/s)?")


def built_in(name):
    """Return a built-in sampler."""
    module, _, attribute = announced(SAMPLERS)[name].value.partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.clause("S-06")
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_sampler_answers_many_at_once(name):
    """Eight threads, each with all of its samples."""
    sample = built_in(name).get("sample")
    if sample is None:
        pytest.skip("each consumer has an instance of its own")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: {s[0] for s in sample()}, range(80)))
    assert all(names == found[0] for names in found)


@pytest.mark.clause("S-16")
def test_instances_are_told_apart_by_labels_of_one_sampler():
    """As the event loops of a program are."""
    import asyncio

    from sampler.samplers.asyncio import SAMPLER, watch

    async def main():
        watch("pep-one")
        registry = Registry()
        registry.register(SAMPLER)
        with Collector(registry) as consumer:
            await asyncio.sleep(0)
            return values(await asyncio.to_thread(consumer.collect))

    found = asyncio.run(main())
    assert any('loop="pep-one"' in key for key in found)


@pytest.mark.clause("S-27")
@pytest.mark.parametrize("name", BUILT_IN)
def test_units_are_codes_and_no_part_of_names(name):
    """Of UCUM, as OpenTelemetry writes them."""
    for metric, described in built_in(name)["metrics"].items():
        assert UNITS.fullmatch(described.get("unit", "")), (metric, described)
        assert not re.search(r"(seconds|bytes|percent|_ms)$", metric)


@pytest.mark.clause("S-22")
def test_exponential_bounds_nest():
    """Every bound of a scale is, to the bit, a bound of the next finer one."""
    for scale in range(-4, 10):
        for i in range(-50, 50):
            bound = 2.0 ** (i / 2**scale)
            assert bound == 2.0 ** (2 * i / 2 ** (scale + 1))


@pytest.mark.clause("R-07")
def test_what_is_unregistered_is_not_called_again():
    """From the next pull on."""
    calls = []
    registry = Registry()
    registration = registry.register({"name": "a", "sample": lambda: calls.append(1) or []})
    with Collector(registry) as consumer:
        consumer.collect()
        registration.unregister()
        consumer.collect()
    assert calls == [1]


@pytest.mark.clause("R-11")
def test_a_sub_interpreter_has_a_registry_of_its_own():
    """What one registers, the others do not see."""
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    interpreters = pytest.importorskip(name)
    register({"name": "pep.main", "sample": list})
    read, write = os.pipe()
    script = "\n".join(
        [
            "import os, sys",
            f"sys.path[:] = {sys.path!r}",
            "import sampler",
            "sampler.register({'name': 'pep.sub', 'sample': list})",
            "from sampler._registry.registry import default",
            f"os.write({write}, ','.join(r.name for r in default).encode())",
        ]
    )
    other = interpreters.create()
    try:
        interpreters.run_string(other, script)
        os.close(write)
        assert os.read(read, 100) == b"pep.sub"
        assert "pep.sub" not in default
        assert "pep.main" in default
    finally:
        interpreters.destroy(other)
        os.close(read)
        default.unregister("pep.main")
