"""Mappings, callables, attributes and tuples as samplers."""

from __future__ import annotations

import sys
import types
from typing import NamedTuple

import psutil

from sampler.bridges import callables as bridge
from tests.bridges.rig import key


class Io(NamedTuple):
    """As psutil's tuples are."""

    read: int
    written: int


def test_numbers_of_a_mapping_are_metrics_by_their_path(pulls):
    """What is no number is left out."""
    stats = {"hits": 3, "pool": {"Size": 5, "name": "main"}, "ratio": 0.5, "none": None}
    pull = pulls(bridge.sampler_of(stats, name="cache", counters=["hits"]))
    assert pull() == {"cache.hits": 3, "cache.pool.size": 5, "cache.ratio": 0.5}
    assert pull.kinds()["cache.hits"] == "counter"
    assert pull.kinds()["cache.ratio"] == "gauge"
    stats["hits"] = 4
    assert pull()["cache.hits"] == 4


def test_a_callable_is_called_in_each_pull(pulls):
    """And one number is enough."""
    numbers = iter((1, 2))
    pull = pulls(bridge.sampler_of(lambda: next(numbers), name="queue"))
    assert [pull(), pull()] == [{"queue.value": 1}, {"queue.value": 2}]


def test_attributes_of_an_object_are_metrics_and_methods_are_called(pulls):
    """Only those that are named."""

    class Pool:
        size, secret = 5, 7

        def used(self):
            return 2

    pull = pulls(bridge.sampler_of(Pool(), name="pool", attributes=["size", "used"]))
    assert pull() == {"pool.size": 5, "pool.used": 2}


def test_tuples_of_one_type_are_told_apart_by_a_label(pulls):
    """As psutil has them, by name or by number."""
    disks = {"sda": Io(1, 2), "sdb": Io(3, 4)}
    found = pulls(bridge.sampler_of(disks, name="disk", label="device"))()
    assert found[key("disk.read", {"device": "sdb"})] == 3
    assert len(found) == 4
    found = pulls(bridge.sampler_of([Io(1, 2), Io(3, 4)], name="cpu"))()
    assert found[key("cpu.written", {"name": "1"})] == 4


def test_what_psutil_returns_is_a_sampler(pulls):
    """Of the real one."""
    found = pulls(bridge.sampler_of(psutil.virtual_memory, name="memory"))()
    assert found["memory.total"] == psutil.virtual_memory().total
    pull = pulls(bridge.sampler_of(lambda: psutil.cpu_times(percpu=True), name="cpu"))
    assert key("cpu.user", {"name": "0"}) in pull()


def test_sources_of_a_configuration_are_waited_for_and_fail_alone(pulls):
    """Names begin with their source's."""
    table = {
        "cache": "late_callables:cache",
        "pool": {"object": "late_callables:pool", "attributes": ["gone"]},
    }
    pull = pulls(bridge.SAMPLER, settings={"callables": {"sources": table}})
    assert pull() == {}
    module = types.ModuleType("late_callables")
    module.cache, module.pool = {"hits": 3}, object()
    sys.modules["late_callables"] = module
    try:
        failed = key("callables.bridge.failures", {"bridge": "callables", "source": "pool"})
        assert pull() == {"callables.cache.hits": 3, failed: 1}
    finally:
        del sys.modules["late_callables"]
