"""OpenTelemetry's SDK as a sampler."""

from __future__ import annotations

import sys
import threading
import types
from itertools import accumulate

import pytest

pytest.importorskip("opentelemetry.sdk.metrics")

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

import sampler
from sampler.bridges import opentelemetry as bridge
from sampler.bridges.opentelemetry_reader import SamplerReader
from sampler.validate import examine
from tests.bridges.rig import Pulls, key, shape
from tests.support.waiting import wait_for

N = "opentelemetry"
DELTA = dict.fromkeys(
    (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter),
    AggregationTemporality.DELTA,
)
AMOUNTS = st.just(0.0) | st.floats(1e-6, 1e6)
TEMPORALITIES = pytest.mark.parametrize("temporality", [None, DELTA], ids=["cumulative", "delta"])
EXPONENTIAL = View(
    instrument_name="exponential*", aggregation=ExponentialBucketHistogramAggregation()
)


class Program:
    """A program with a provider, and a consumer of its reader."""

    def __init__(self, temporality=None, *, scope=False, resource=False, **options):
        self.reader = InMemoryMetricReader(preferred_temporality=temporality)
        options.setdefault("resource", Resource({}))
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False, **options)
        self.meter = self.provider.get_meter("lib", "2.0")
        registry = sampler.Registry()
        bridge.register(self.reader, registry=registry, scope=scope, resource=resource)
        self.pull = Pulls(registry)


@TEMPORALITIES
def test_synchronous_instruments_arrive_with_kind_unit_and_help(temporality):
    """Totals, whatever the temporality."""
    program = Program(temporality)
    counter = program.meter.create_counter("jobs.done", "{job}", "Jobs.")
    active = program.meter.create_up_down_counter("jobs.active")
    waits = program.meter.create_histogram(
        "jobs.wait", "s", explicit_bucket_boundaries_advisory=[1, 5]
    )
    for _ in range(2):
        counter.add(2), active.add(-3), waits.record(3)
        found = program.pull()
    assert found[f"{N}.jobs.done"] == 4
    assert found[f"{N}.jobs.active"] == -6
    assert shape(found[f"{N}.jobs.wait"]) == (2, 6, {1: 0, 5: 2})
    series = program.pull.series
    done = series[f"{N}.jobs.done"]
    assert (done.kind, done.unit, done.help) == ("counter", "{job}", "Jobs.")
    assert series[f"{N}.jobs.active"].merge == "sum"
    assert series[f"{N}.jobs.wait"].unit == "s"


@TEMPORALITIES
def test_observable_instruments_are_observed_when_a_consumer_pulls(temporality):
    """And not before."""
    program = Program(temporality)
    calls = []

    def observe(_):
        calls.append(1)
        yield Observation(10 * len(calls), {"disk": "a"})

    program.meter.create_observable_counter("read", [observe])
    program.meter.create_observable_gauge("heat", [lambda _: [Observation(7.5)]])
    assert not calls
    program.pull()
    found = program.pull()
    assert found[key(f"{N}.read", {"disk": "a"})] == 20
    assert found[f"{N}.heat"] == 7.5
    assert program.pull.series[f"{N}.heat"].merge is None


@TEMPORALITIES
def test_a_callback_that_raises_costs_itself_only(temporality):
    """It is counted under its instrument's name."""
    program = Program(temporality)
    program.meter.create_observable_gauge("broken", [lambda _: 1 / 0])
    program.meter.create_counter("fine").add(1)
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "broken"})
    assert program.pull() == {f"{N}.fine": 1, failed: 1}
    assert not program.pull.failures


def test_a_callback_that_hangs_costs_itself_only_and_comes_back():
    """It is called no more while it hangs; other readers of the program call it as ever."""
    program = Program()
    release, calls = threading.Event(), []

    def observe(_):
        calls.append(1)
        release.wait(60)
        yield Observation(5)

    program.meter.create_observable_gauge("hangs", [observe])
    program.meter.create_counter("fine").add(1)
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "hangs"})
    assert program.pull() == {f"{N}.fine": 1, failed: 1}
    assert program.pull()[failed] == 2
    assert len(calls) == 1
    release.set()
    wait_for(lambda: program.pull().get(f"{N}.hangs") == 5, 30, "the callback that was released")
    program.reader.collect()
    assert program.reader.get_metrics_data() is not None


@TEMPORALITIES
@given(st.lists(st.lists(AMOUNTS, min_size=1, max_size=20), min_size=1, max_size=4))
def test_exponential_histograms_keep_every_observation_at_every_bound(temporality, rounds):
    """At each bound that is told there are as many as there were, whatever the scale became."""
    program = Program(temporality, views=[EXPONENTIAL])
    histogram = program.meter.create_histogram("exponential")
    seen = []
    for values in rounds:
        for value in values:
            histogram.record(value)
            seen.append(value)
        found = program.pull()[f"{N}.exponential"]
        assert found.count == len(seen)
        for bound, count in found.buckets:
            # The SDK finds a bucket by a logarithm: a value on a bound may lie on either side.
            least = sum(value <= bound * (1 - 1e-12) for value in seen)
            assert least <= count <= sum(value <= bound * (1 + 1e-12) for value in seen)
    assert not program.pull.refused()


@TEMPORALITIES
def test_an_exponential_histogram_says_its_scale_and_conforms(temporality):
    """The validator knows the rule for its bounds."""
    program = Program(temporality, views=[EXPONENTIAL])
    histogram = program.meter.create_histogram("exponential")
    for value in (0, 0.1, 0.3, 5, 7000):
        histogram.record(value)
    found = program.pull()[f"{N}.exponential"]
    assert isinstance(found.scale, int)
    mapping = next(iter(program.pull.registry)).sampler
    assert not examine(mapping, seconds=0.3).breaches


@TEMPORALITIES
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 100)), max_size=30
    )
)
def test_totals_by_attributes_are_what_was_added(temporality, additions):
    """As many pulls as there are additions between."""
    program = Program(temporality)
    counter = program.meter.create_counter("n")
    wanted: dict[object, int] = {}
    found: dict[object, object] = {}
    for one, other, amount in additions:
        counter.add(amount, {"one": one, "other": other})
        series = key(f"{N}.n", {"one": one, "other": other})
        wanted[series] = wanted.get(series, 0) + amount
        found = program.pull()
    assert found == wanted


def test_two_consumers_of_deltas_both_get_all():
    """Though the SDK tells a delta once."""
    program = Program(DELTA)
    other = Pulls(program.pull.registry)
    counter = program.meter.create_counter("n")
    for total in (1, 2, 3):
        counter.add(1)
        assert program.pull() == other() == {f"{N}.n": total}
    other.collector.close()


def test_views_rename_and_drop_attributes():
    """The SDK has done so before."""
    program = Program(views=[View(instrument_name="n", name="kept", attribute_keys={"a"})])
    program.meter.create_counter("n").add(2, {"a": "1", "b": "2"})
    assert program.pull() == {key(f"{N}.kept", {"a": "1"}): 2}


def test_the_scope_is_told_by_labels():
    """So two libraries may have one name."""
    program = Program(scope=True)
    program.meter.create_counter("n").add(1)
    program.provider.get_meter("other").create_counter("n").add(2)
    lib = {"otel.scope.name": "lib", "otel.scope.version": "2.0"}
    other = {"otel.scope.name": "other"}
    assert program.pull() == {key(f"{N}.n", lib): 1, key(f"{N}.n", other): 2}


def test_the_resource_is_told_as_labels_of_an_information():
    """Under the name that Prometheus gives it."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.get_meter("lib").create_counter("n").add(1)
    registry = sampler.Registry()
    bridge.register(reader, registry=registry, scope=False)
    pull = Pulls(registry)
    assert pull()[key(f"{N}.target.info", {"service.name": "shop"})] == 1
    pull.collector.close()


def test_attributes_that_are_no_texts_become_texts():
    """As in OpenTelemetry's own exporter to Prometheus."""
    program = Program()
    program.meter.create_counter("n").add(1, {"code": 200, "ok": True, "hosts": ("a", "b")})
    labels = {"code": "200", "ok": "true", "hosts": '["a", "b"]'}
    assert program.pull() == {key(f"{N}.n", labels): 1}


def test_a_reader_of_ours_is_a_sampler_and_knows_when_it_began():
    """Until it is shut down."""
    registry = sampler.Registry()
    reader = SamplerReader(name="otel", registry=registry)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("lib").create_counter("n").add(3)
    pull = Pulls(registry)
    series = key("otel.n", {"otel.scope.name": "lib"})
    assert pull()[series] == 3
    assert pull.series[series].start == reader.began
    provider.shutdown()
    assert "otel" not in registry
    pull.collector.close()


def test_a_second_reader_of_one_name_is_said(caplog):
    """The first one's metrics are told no more: not in silence."""
    readers = [SamplerReader()]
    try:
        assert not caplog.records
        readers.append(SamplerReader())
        wait_for(lambda: "give each a name" in caplog.text)
    finally:
        for each in readers:
            each.shutdown()
        sampler.registry.unregister(N)


def test_the_environment_chooses_the_reader():
    """OTEL_METRICS_EXPORTER=sampler, as OpenTelemetry's own distribution finds it."""
    from importlib.metadata import entry_points

    (point,) = entry_points(group="opentelemetry_metrics_exporter", name="sampler")
    assert point.load() is SamplerReader


@pytest.fixture
def program_module():
    """Return a function that makes a module with these names."""
    made = []

    def make(name, **names):
        module = types.ModuleType(name)
        vars(module).update(names)
        sys.modules[name] = module
        made.append(name)

    yield make
    for name in made:
        del sys.modules[name]


def test_a_provider_that_comes_later_gets_a_reader(program_module, pulls):
    """The configured sampler waits for the program, and adds one to what it names."""
    if not hasattr(MeterProvider, "add_metric_reader"):
        pytest.skip("this SDK takes no reader once a provider is made")
    settings = {N: {"provider": "late_program:provider", "scope": False}}
    pull = pulls(bridge.SAMPLER, settings=settings)
    assert pull() == {}
    provider = MeterProvider(resource=Resource({}), shutdown_on_exit=False)
    program_module("late_program", provider=provider)
    assert pull() == {}
    provider.get_meter("lib").create_counter("n").add(4)
    found = pull()
    assert found[f"{N}.n"] == 4


def test_a_provider_that_takes_no_reader_fails_with_what_to_do(program_module, pulls):
    """As in older SDKs."""
    program_module("old_program", provider=object())
    pull = pulls(bridge.SAMPLER, settings={N: {"provider": "old_program:provider"}})
    assert pull() == {}
    (failure,) = pull.failures
    assert "metric_readers=[SamplerReader()]" in failure.message


def test_bounds_of_a_histogram_are_counted_up():
    """What the SDK tells bucket by bucket is cumulative here."""
    program = Program()
    histogram = program.meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1, 2, 3])
    for value in (0.5, 1.5, 1.6, 2.5, 9):
        histogram.record(value)
    found = program.pull()[f"{N}.h"]
    assert [count for _, count in found.buckets] == list(accumulate([1, 2, 1]))
    assert found.count == 5
