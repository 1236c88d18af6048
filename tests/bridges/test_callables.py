"""Mappings, callables, attributes and tuples as samplers."""

from __future__ import annotations

import sys
import threading
import types
from typing import NamedTuple

import psutil
import pytest

from sampler.bridges import callables as bridge
from tests.bridges.rig import key
from tests.support.waiting import wait_for


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


@pytest.fixture
def program():
    """The module of a program that is there."""
    module = types.ModuleType("present_callables")
    sys.modules["present_callables"] = module
    yield module
    del sys.modules["present_callables"]


def test_a_source_that_hangs_costs_itself_only_and_is_not_called_twice(pulls, program):
    """Beside one whose error has no text."""
    released, calls = threading.Event(), []

    class SpeechlessError(Exception):
        def __str__(self):
            raise RuntimeError

    def hangs():
        calls.append(1)
        released.wait(60)
        return 7

    def fails():
        raise SpeechlessError

    program.hangs, program.fails, program.fine = hangs, fails, lambda: 5
    names = "hangs", "fails", "fine"
    settings = {"callables": {"sources": {each: f"present_callables:{each}" for each in names}}}
    pull = pulls(bridge.SAMPLER, settings=settings, deadline=2.0)
    for round_ in (1, 2):
        found = pull()
        assert not pull.failures
        assert found["callables.fine.value"] == 5
        for name in names[:2]:
            failed = {"bridge": "callables", "source": name}
            assert found[key("callables.bridge.failures", failed)] == round_
    assert len(calls) == 1
    released.set()
    wait_for(lambda: pull().get("callables.hangs.value") == 7)


def test_a_mapping_that_holds_itself_costs_itself_only(pulls, program):
    """It has no end."""
    program.fine, program.itself = {"n": 5}, {"n": 1}
    program.itself |= {f"k{n}": program.itself for n in range(20)}
    sources = {each: f"present_callables:{each}" for each in ("itself", "fine")}
    found = pulls(bridge.SAMPLER, settings={"callables": {"sources": sources}})()
    assert found["callables.fine.n"] == 5
    assert (
        found[key("callables.bridge.failures", {"bridge": "callables", "source": "itself"})] == 1
    )


def test_what_a_source_says_as_it_fails_is_one_line_without_secrets(pulls, program, caplog):
    """As an error of a driver, with its URL."""

    def fails():
        raise ValueError("postgres://me:hunter2@db\nsecond line " + "x" * 1_000)

    program.unreachable = fails
    settings = {"callables": {"sources": {"unreachable": "present_callables:unreachable"}}}
    pulls(bridge.SAMPLER, settings=settings)()
    wait_for(lambda: "unreachable fails" in caplog.text)
    (said,) = [each.getMessage() for each in caplog.records if "unreachable" in each.getMessage()]
    assert "hunter2" not in said
    assert len(said.splitlines()) == 1
    assert len(said) < 500
