"""Data sources of New Relic's agent as samplers."""

from __future__ import annotations

import gc
import sys
import threading
import types

import pytest

pytest.importorskip("newrelic.samplers.decorators")

from newrelic.core.config import global_settings
from newrelic.samplers.cpu_usage import cpu_usage_data_source
from newrelic.samplers.decorators import data_source_factory, data_source_generator
from newrelic.samplers.gc_data import garbage_collector_data_source
from newrelic.samplers.memory_usage import memory_usage_data_source

from sampler import Increments
from sampler.bridges import newrelic as bridge
from tests.bridges.rig import key, shape

N = "newrelic"


def source_of(*rounds):
    """Return a data source that tells one mapping in each call."""

    @data_source_factory(name="test")
    class Source:
        made: list[object] = []  # noqa: RUF012

        def __init__(self, settings, environ):
            self.settings, self.environ, self.rounds = settings, environ, iter(rounds)
            self.said = []
            self.made.append(self)

        def start(self):
            self.said.append("start")

        def stop(self):
            self.said.append("stop")

        def __call__(self):
            return next(self.rounds).items()

    made = Source(None)["factory"].__closure__
    source = Source
    source.made = next(c.cell_contents for c in made if isinstance(c.cell_contents, type)).made
    return source


def test_a_generator_is_a_sampler(pulls):
    """Its paths are names."""

    @data_source_generator(name="pool")
    def pool():
        yield "Pool/Idle Count", 2
        yield "Pool/busy", 3

    found = pulls(bridge.sampler_of(pool))()
    assert found == {f"{N}.pool.idle_count": 2, f"{N}.pool.busy": 3}


def test_intervals_add_up_to_histograms_and_counters(pulls):
    """A mapping is of the time since the last call; its total makes it a histogram."""
    told = {"count": 2, "total": 3.0, "min": 1.0, "max": 2.0, "sum_of_squares": 5.0}
    pull = pulls(bridge.sampler_of(source_of(*[{"Wait": told, "Jobs": {"count": 5}}] * 3)))
    pull(), pull()
    found = pull()
    assert shape(found[f"{N}.wait"]) == (6, 9.0, {})
    assert found[f"{N}.jobs"] == 15
    assert (found[f"{N}.wait.min"], found[f"{N}.wait.max"]) == (1, 2)
    kinds = pull.kinds()
    assert kinds[f"{N}.wait"] == "histogram"
    assert kinds[f"{N}.jobs"] == "counter"


def test_each_consumer_has_an_instance_that_is_started_told_and_stopped(pulls):
    """So two that pull at other times have their own intervals."""
    source = source_of({"n": {"count": 1}}, {"n": {"count": 2}})
    mapping = bridge.sampler_of(source, settings={"limit": 3})
    one, other = pulls(mapping), pulls(mapping)
    assert one() == {f"{N}.n": 1}
    assert one() == {f"{N}.n": 3}
    assert other() == {f"{N}.n": 1}
    assert len(source.made) == 2
    made = source.made[0]
    assert made.settings == {"limit": 3}
    assert made.environ["consumer.name"] == "test"
    one.collector.close()
    assert made.said == ["start", "stop"]
    assert source.made[1].said == ["start"]


def test_numbers_and_types_in_paths_are_labels(pulls):
    """As the process id in paths of the garbage collector."""
    found = pulls(bridge.sampler_of(source_of({"GC/time/4711/all": 1, "GC/time/12/all": 2})))()
    assert found == {
        key(f"{N}.gc.time.all", {"part1": "4711"}): 1,
        key(f"{N}.gc.time.all", {"part1": "12"}): 2,
    }


def test_paths_that_differ_in_case_only_stay_apart(pulls):
    """None is lost."""
    found = pulls(bridge.sampler_of(source_of({"Pool/Idle": 1, "pool/idle": 2})))()
    assert sorted(found.values()) == [1, 2]


def test_paths_without_end_cost_themselves_and_take_bounded_memory(pulls):
    """As of one that has the time in its path; those that came first go on."""
    source = source_of({f"n/a{number}": 1 for number in range(10_001)})
    pull = pulls(bridge.sampler_of(source), max_samples=20_000, max_series=20_000)
    found = pull()
    assert len(found) == 10_001
    assert found[key(f"{N}.bridge.failures", {"bridge": N, "source": N})] == 1


def test_a_source_that_fails_once_does_not_count_twice(pulls, late_program):
    """Its totals go on when it is back."""
    module, arrive = late_program
    rounds = iter([{"n": {"count": 5}}, None, {"n": {"count": 1}}])

    @data_source_generator(name="test")
    def source():
        return next(rounds).items()

    module.source = source
    arrive()
    pull = pulls(bridge.SAMPLER, settings={N: {"sources": {"x": "late_newrelic:source"}}})
    increments, grown = Increments(), []
    for _ in range(3):
        taken = increments.take(pull.collector.collect())
        grown.append([g for series, g, _ in taken if series.name == f"{N}.n"])
    assert grown[1:] == [[], [1]]


def test_a_source_that_tells_samplers_is_refused(pulls):
    """Numbers would go round for ever."""
    with pytest.raises(ValueError, match=r"sources.x: 'sampler_newrelic:data_source' tells"):
        bridge.SAMPLER["sampler.check"]({"sources": {"x": "sampler_newrelic:data_source"}})


def test_the_agents_own_sources_are_samplers(pulls):
    """All three of them."""
    global_settings().gc_runtime_metrics.enabled = True
    mappings = (
        bridge.sampler_of(cpu_usage_data_source, name="cpu"),
        bridge.sampler_of(memory_usage_data_source, name="memory"),
        bridge.sampler_of(garbage_collector_data_source, name="gc"),
    )
    pull = pulls(*mappings)
    pull()
    gc.collect()
    found = pull()
    names = {each if isinstance(each, str) else each[0] for each in found}
    assert {"memory.memory.physical", "cpu.cpu.user_time", "gc.gc.time.all"} <= names
    assert not pull.failures
    assert not pull.refused()
    timed = next(v for k, v in found.items() if isinstance(k, tuple) and k[0] == "gc.gc.time.all")
    assert timed.count >= 1


@pytest.fixture
def late_program():
    """Return a module that the program has not imported yet, and a function that does."""
    module = types.ModuleType("late_newrelic")

    def arrive():
        sys.modules["late_newrelic"] = module

    yield module, arrive
    sys.modules.pop("late_newrelic", None)


def test_sources_of_a_configuration_are_waited_for_and_fail_alone(pulls, late_program):
    """Under their own names."""
    module, arrive = late_program
    module.good = source_of(*[{"n": 1}] * 9)
    module.bad = data_source_generator(name="bad")(lambda: 1 / 0)
    table = {"good": "late_newrelic:good", "bad": {"object": "late_newrelic:bad", "settings": {}}}
    pull = pulls(bridge.SAMPLER, settings={N: {"sources": table}})
    assert pull() == {}
    arrive()
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "bad"})
    assert pull() == {f"{N}.n": 1, failed: 1}
    assert not pull.failures


def test_a_path_that_is_not_told_for_a_while_does_not_count_twice(pulls):
    """Sources leave out what has not happened."""
    hits, wait = {"n": {"count": 5}}, {"w": {"count": 2, "total": 4.0}}
    pull = pulls(bridge.sampler_of(source_of(hits | wait, {}, hits | wait)))
    increments, grown = Increments(), []
    for _ in range(3):
        taken = increments.take(pull.collector.collect())
        grown.append([getattr(g, "count", g) for _, g, _ in taken])
    assert grown == [[0, 0], [0, 0], [5, 2]]


def test_a_bad_value_costs_its_own_path_only(pulls):
    """What others were told is told once; a number that is none would stay for ever."""
    good, bad = {"b": {"count": 1, "total": 2.0}}, {"count": None, "total": 1}
    nan = {"count": 1, "total": float("nan")}
    pull = pulls(
        bridge.sampler_of(source_of({"a": bad, "c": nan} | good, {"a": good["b"]} | good))
    )
    found = pull()
    assert shape(found[f"{N}.b"]) == (1, 2.0, {})
    assert found[key(f"{N}.bridge.failures", {"bridge": N, "source": N})] == 2
    found = pull()
    assert [shape(found[f"{N}.{name}"]) for name in "ab"] == [(1, 2.0, {}), (2, 4.0, {})]


def test_a_path_that_is_told_twice_in_one_call_adds_up(pulls):
    """As New Relic's agent adds it up."""

    @data_source_generator(name="test")
    def source():
        yield "n", {"count": 1}
        yield "w", {"count": 1, "total": 2.0, "min": 2.0, "max": 2.0}
        yield "n", {"count": 2}
        yield "w", {"count": 1, "total": 5.0, "min": 5.0, "max": 5.0}

    found = pulls(bridge.sampler_of(source))()
    assert found[f"{N}.n"] == 3
    assert shape(found[f"{N}.w"]) == (2, 7.0, {})
    assert (found[f"{N}.w.min"], found[f"{N}.w.max"]) == (2.0, 5.0)


def test_a_source_that_hangs_costs_itself_only(pulls, late_program):
    """Also where it hangs before it is there."""
    module, arrive = late_program
    released = threading.Event()

    def hanging(_):
        released.wait(60)
        return {"name": "hangs", "factory": lambda _: dict}

    @data_source_generator(name="test")
    def fine():
        yield "n", 1

    module.hanging, module.fine = hanging, fine
    arrive()
    sources = {each: f"late_newrelic:{each}" for each in ("hanging", "fine")}
    pull = pulls(bridge.SAMPLER, settings={N: {"sources": sources}}, deadline=2.0)
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "hanging"})
    assert pull() == {f"{N}.n": 1, failed: 1}
    released.set()
    pull()
