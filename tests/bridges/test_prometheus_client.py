"""Registries and collectors of ``prometheus_client`` as samplers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

prometheus = pytest.importorskip("prometheus_client")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from prometheus_client.core import (  # noqa: E402
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)

import sampler  # noqa: E402
from sampler.bridges import prometheus_client as bridge  # noqa: E402
from sampler.bridges import prometheus_multiprocess as multiprocess  # noqa: E402
from tests.bridges.rig import Pulls, key, shape  # noqa: E402
from tests.support.waiting import wait_for  # noqa: E402

N = "prometheus_client"


class Collects:
    """A custom collector of these families."""

    def __init__(self, *families):
        self.families = families

    def collect(self):
        for each in self.families:
            if isinstance(each, Exception):
                raise each
            yield each


@pytest.fixture
def registry():
    return prometheus.CollectorRegistry()


@pytest.fixture
def pull(pulls, registry):
    return pulls(bridge.sampler_of(registry))


def test_a_counter_keeps_its_name_help_unit_and_labels(registry, pull):
    """So a dashboard of this name goes on."""
    made = prometheus.Counter("sent", "Bytes sent.", ["route"], unit="bytes", registry=registry)
    made.labels("buy").inc(7)
    found = key(f"{N}.sent_bytes_total", {"route": "buy"})
    assert pull() == {found: 7}
    series = pull.series[found]
    assert (series.kind, series.unit, series.help) == ("counter", "By", "Bytes sent.")


def test_all_types_of_the_client_arrive(registry, pull):
    """Information and states as gauges, a summary without buckets."""
    prometheus.Gauge("depth", "d", registry=registry).set(-3)
    prometheus.Info("build", "b", registry=registry).info({"version": "1"})
    prometheus.Enum("state", "s", states=["up", "down"], registry=registry).state("down")
    prometheus.Summary("size", "s", registry=registry).observe(4)
    prometheus.Histogram("wait", "w", buckets=(1, 5), registry=registry).observe(3)
    found = pull()
    assert found[f"{N}.depth"] == -3
    assert found[key(f"{N}.build_info", {"version": "1"})] == 1
    assert found[key(f"{N}.state", {"state": "up"})] == 0
    assert found[key(f"{N}.state", {"state": "down"})] == 1
    assert shape(found[f"{N}.size"]) == (1, 4, {})
    assert shape(found[f"{N}.wait"]) == (1, 3, {1: 0, 5: 1})
    assert len(found) == 6
    assert not pull.refused()


def test_all_types_of_custom_collectors_arrive(registry, pull):
    """Also those that the client's own metrics do not have."""
    quantiles = SummaryMetricFamily("s", "s", count_value=2, sum_value=3)
    quantiles.add_sample("s", {"quantile": "0.5"}, 1.5)
    gauges = GaugeHistogramMetricFamily("g", "g", buckets=[("1", 2), ("+Inf", 3)], gsum_value=4)
    registry.register(Collects(UnknownMetricFamily("u", "u", value=5), quantiles, gauges))
    found = pull()
    assert found[f"{N}.u"] == 5
    assert shape(found[f"{N}.s"]) == (2, 3, {})
    assert found[key(f"{N}.s.quantile", {"quantile": "0.5"})] == 1.5
    assert found[key(f"{N}.g_bucket", {"le": "1"})] == 2
    assert found[f"{N}.g_gsum"] == 4
    assert {kind for each, kind in pull.kinds().items() if each != f"{N}.s"} == {"gauge"}


def test_the_earliest_created_is_the_start_and_no_metric(registry, pulls):
    """One that a consumer has seen does not change."""
    made = prometheus.Counter("one", "1", ["route"], registry=registry)
    made.labels("a")
    created = [s.value for f in registry.collect() for s in f.samples if "_created" in s.name]
    made.labels("b")
    pull = pulls(bridge.sampler_of(registry))
    pull()
    made.remove("a")
    assert pull() == {key(f"{N}.one_total", {"route": "b"}): 0}
    assert [series.start for series in pull.series.values()] == created


def test_a_family_that_comes_later_has_its_kind_and_counts_whole(registry, pull):
    """As any series of a sampler."""
    increments = sampler.Increments()
    increments.take(pull.collector.collect())
    prometheus.Counter("late", "l", registry=registry).inc(9)
    grown = increments.take(pull.collector.collect())
    assert {str(each[0]): each[1] for each in grown} == {f"{N}.late_total": 9}


def test_names_that_differ_in_capitals_or_colons_stay_apart(registry, pull):
    """The valid one keeps its name, whichever was there first."""
    for number, name in enumerate(["Jobs:Done", "jobs:done", "jobs_done", "JobsDone"]):
        prometheus.Gauge(name, name, registry=registry).set(number)
    found = pull()
    assert sorted(found.values()) == [0, 1, 2, 3]
    assert found[f"{N}.jobs_done"] == 2
    assert not pull.refused()


def test_labels_with_capitals_are_mapped(registry, pull):
    """And two that would be one stay two."""
    made = prometheus.Gauge("g", "g", ["statusCode", "status_code"], registry=registry)
    made.labels("200", "404").set(1)
    ((name, labels),) = pull()
    assert name == f"{N}.g"
    assert sorted(value for _, value in labels) == ["200", "404"]
    assert ("status_code", "404") in labels


def test_a_collector_that_raises_costs_itself_only(registry, pull):
    """It is counted under its own name, and what it counts goes on when it is back."""
    collects = Collects()
    registry.register(collects)
    prometheus.Gauge("after", "a", registry=registry).set(2)
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "Collects"})
    increments, grown = sampler.Increments(), []
    pull()
    for found in (1000, OSError("away"), 1001):
        known = isinstance(found, int)
        collects.families = [CounterMetricFamily("n", "n", value=found) if known else found]
        snapshot = pull.collector.collect()
        entries = {key(s.name, s.labels): (g, v) for s, g, v in increments.take(snapshot)}
        assert entries[f"{N}.after"] == (None, 2)
        grown.append(entries.get(f"{N}.n_total"))
    assert grown == [(1000, 1000), None, (1, 1001)]
    assert entries[failed][1] == 1
    assert not pull.failures


def test_a_collector_that_hangs_costs_itself_only_and_comes_back(registry, pull):
    """It is called no more while it hangs."""
    release, calls = threading.Event(), []

    class Hangs:
        def collect(self):
            calls.append(1)
            release.wait(60)
            return [GaugeMetricFamily("back", "b", value=1)]

    registry.register(Hangs())
    prometheus.Gauge("after", "a", registry=registry).set(2)
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "Hangs"})
    assert pull() == {f"{N}.after": 2, failed: 1}
    assert pull()[failed] == 2
    assert len(calls) == 1
    release.set()
    wait_for(lambda: f"{N}.back" in pull(), 30, "the collector that was released")


def test_a_function_of_a_gauge_that_hangs_costs_its_gauge_only(registry, pull):
    """With labels or without; one that raises, too."""
    release = threading.Event()
    prometheus.Gauge("one", "1", registry=registry).set_function(lambda: release.wait(60))
    labelled = prometheus.Gauge("two", "2", ["route"], registry=registry)
    labelled.labels("buy").set_function(lambda: 1 / 0)
    prometheus.Gauge("after", "a", registry=registry).set(3)
    failed = [
        key(f"{N}.bridge.failures", {"bridge": N, "source": each}) for each in ("one", "two")
    ]
    assert pull() == {f"{N}.after": 3, **dict.fromkeys(failed, 1)}
    release.set()
    wait_for(lambda: pull().get(f"{N}.one") == 1, 30, "the function that was released")


def test_what_samplers_tell_is_not_taken_from_a_registry(registry):
    """Numbers would go round for ever where all samplers stand in the registry that is read."""
    from sampler_prometheus import SamplerCollector

    samplers = sampler.Registry()
    sampler.Instruments("shop", samplers).counter("orders").inc(3)
    prometheus.Gauge("up", "Up.", registry=registry).set(1)
    collector = SamplerCollector(samplers)
    registry.register(collector)
    samplers.register(bridge.sampler_of(registry))
    pull = Pulls(samplers)
    assert pull() == pull() == {"shop.orders": 3, f"{N}.up": 1}
    pull.collector.close()
    collector.close()


def test_a_value_that_is_none_costs_itself_only(registry, pull):
    """A count that is no number, a torn histogram, a bound that is none."""
    torn = HistogramMetricFamily("torn", "t", buckets=[("1", 5), ("+Inf", 3)], sum_value=1)
    broken = HistogramMetricFamily("broken", "b", buckets=[("1", 5), ("x", 5)], sum_value=1)
    text = CounterMetricFamily("text", "t", value="many")
    fraction = HistogramMetricFamily("part", "p", buckets=[("+Inf", 2.5)], sum_value=1)
    families = torn, broken, text, fraction, GaugeMetricFamily("good", "g", value=1)
    registry.register(Collects(*families))
    found = pull()
    failed = key(f"{N}.bridge.failures", {"bridge": N, "source": "broken"})
    assert found == {f"{N}.good": 1, failed: 1}
    assert pull.refused() == {"histogram": 2, "type": 1}


def test_one_collector_is_a_sampler_too(pulls):
    """Under a name of its own."""
    made = Collects(CounterMetricFamily("c", "c", value=3))
    assert pulls(bridge.sampler_of(made, name="mine"))() == {"mine.c_total": 3}


def test_the_target_of_a_registry_is_told(pulls):
    """Though no collector tells it."""
    source = prometheus.CollectorRegistry(target_info={"env": "prod"})
    assert pulls(bridge.sampler_of(source))() == {key(f"{N}.target_info", {"env": "prod"}): 1}


def test_two_consumers_read_at_once(registry, pulls):
    """Each whole."""
    prometheus.Histogram("h", "h", registry=registry).observe(1)
    mapping = bridge.sampler_of(registry)
    one, other = pulls(mapping), pulls(mapping)
    assert one() == other() != {}


def test_native_histograms_keep_their_buckets(registry, pull):
    """Exponential ones: the bounds of Prometheus' schema are our scale's."""
    samples = pytest.importorskip("prometheus_client.samples")
    if not hasattr(samples, "NativeHistogram"):
        pytest.skip("this prometheus_client has no native histograms")
    span = samples.BucketSpan
    family = HistogramMetricFamily("h", "h")
    value = samples.NativeHistogram(
        6, 9.0, 0, 0.001, 1, [span(0, 2), span(1, 1)], None, [1, 2, -2]
    )
    family.samples.append(samples.Sample("h", {}, 0, None, None, value))
    registry.register(Collects(family))
    found = pull()[f"{N}.h"]
    # (0.5, 1]: 1, (1, 2]: 3, (4, 8]: 1
    wanted = {0.001: 1, 0.5: 1, 1.0: 2, 2.0: 5, 4.0: 5, 8.0: 6}
    assert shape(found) == (6, 9.0, wanted)
    assert (found.scale, found.zero_threshold) == (0, 0.001)


NUMBERS = st.floats(0, 1e9, allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
WORDS = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,5}", fullmatch=True)
LABELS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,4}", fullmatch=True)


@st.composite
def metrics(draw):
    """A registry of the client's own metrics."""
    registry = prometheus.CollectorRegistry()
    kinds = "Counter", "Gauge", "Histogram", "Summary"
    for name in draw(st.lists(WORDS, unique=True, max_size=6)):
        kind, labels = (
            draw(st.sampled_from(kinds)),
            draw(st.lists(LABELS, unique=True, max_size=2)),
        )
        unit = draw(st.sampled_from(["", "seconds", "bytes", "widgets"]))
        try:
            made = getattr(prometheus, kind)(
                name, draw(TEXTS), labels, unit=unit, registry=registry
            )
        except ValueError:  # a name that is taken, or reserved
            continue
        children = [made]
        if labels:
            rows = draw(st.lists(st.tuples(*[TEXTS] * len(labels)), max_size=3, unique=True))
            children = [made.labels(*row) for row in rows]
        for child in children:
            value = draw(NUMBERS)
            if kind == "Counter":
                child.inc(value)
            elif kind == "Gauge":
                child.set(-value)
            else:
                child.observe(value)
    return registry


@given(metrics())
def test_every_series_of_any_registry_arrives_with_its_value(registry):
    """As many as the client exposes, of the same kinds and values."""
    wanted: list[tuple[str, object]] = []
    for family in registry.collect():
        kind = {"counter": "counter", "gauge": "gauge"}.get(family.type, "histogram")
        for sample in family.samples:
            ends = "_total" if kind == "counter" else "_count" if kind == "histogram" else ""
            if sample.name == family.name + ends:
                wanted.append((kind, sample.value))
    made = sampler.Registry()
    made.register(bridge.sampler_of(registry))
    pull = Pulls(made)
    found = pull()
    pull.collector.close()
    values = [(pull.series[k].kind, getattr(v, "count", v)) for k, v in found.items()]
    assert sorted(values) == sorted(wanted)
    assert not pull.failures
    assert not pull.refused()


WRITER = """
import prometheus_client as p
c = p.Counter("jobs", "Jobs.", ["queue"])
g = p.Gauge("busy", "Busy.", multiprocess_mode="livesum")
h = p.Histogram("wait", "Wait.", buckets=(1, 5))
c.labels("a").inc(3), g.set(2), h.observe(2)
"""


def test_who_takes_a_directory_over_does_not_count_it_once_more(tmp_path, pulls):
    """It tells what came since; another process had the turn before."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def count():
        subprocess.run([sys.executable, "-c", WRITER], env=environ, check=True, timeout=60)

    count()
    holder = (
        "import sys\nfrom sampler.bridges._turn import Turn\n"
        f"assert Turn('prometheus {tmp_path}').is_mine()\n"
        "print('mine', flush=True)\nsys.stdin.read()\n"
    )
    settings = {"prometheus_multiprocess": {"directory": str(tmp_path)}}
    pull = pulls(multiprocess.SAMPLER, settings=settings)
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "mine\n"
        assert pull() == {}
        other.stdin.close()
    jobs, wait = (
        key("prometheus_multiprocess.jobs_total", {"queue": "a"}),
        ("prometheus_multiprocess.wait"),
    )
    found = pull()
    assert found[jobs] == 0
    assert shape(found[wait]) == (0, 0, {1: 0, 5: 0})
    assert found["prometheus_multiprocess.busy"] == 2
    count()
    found = pull()
    assert found[jobs] == 3
    assert shape(found[wait]) == (1, 2, {1: 0, 5: 1})


def test_the_directory_of_the_multiprocess_mode_is_a_sampler(tmp_path, pulls):
    """Totals of all processes that wrote there, the dead included; of scope server."""
    pull = pulls(multiprocess.sampler_of(str(tmp_path / "later")))
    assert pull() == {}
    (tmp_path / "later").mkdir()
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "later")}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WRITER], env=environ, check=True, timeout=60)
    found = pull()
    name = "prometheus_multiprocess"
    assert found[key(f"{name}.jobs_total", {"queue": "a"})] == 6
    assert shape(found[f"{name}.wait"]) == (2, 4, {1: 0, 5: 2})
    assert {series.scope for series in pull.series.values()} == {"server"}
    assert pull.series[f"{name}.wait"].kind == "histogram"


@pytest.mark.parametrize("schema", [-53, 9])
def test_a_native_histogram_whose_bounds_are_not_exponential_is_counted_as_failed(
    registry, pull, schema
):
    """As one with bounds of its own: those are not in it."""
    samples = pytest.importorskip("prometheus_client.samples")
    if not hasattr(samples, "NativeHistogram"):
        pytest.skip("this prometheus_client has no native histograms")
    family = HistogramMetricFamily("h", "h")
    value = samples.NativeHistogram(1, 1, schema, 0, 0, [samples.BucketSpan(0, 1)], None, [1])
    family.samples.append(samples.Sample("h", {}, 0, None, None, value))
    registry.register(Collects(family))
    assert pull() == {key(f"{N}.bridge.failures", {"bridge": N, "source": "h"}): 1}


def test_a_programs_metric_does_not_take_the_name_of_our_account(registry, pull):
    """Nor one that backends take for it."""
    prometheus.Gauge("bridge_failures", "b", registry=registry).set(3)
    registry.register(Collects(ValueError("always")))
    found = pull()
    ours = key(f"{N}.bridge.failures", {"bridge": N, "source": "Collects"})
    (theirs,) = [each for each in found if each != ours]
    assert (found[ours], found[theirs]) == (1, 3)
    assert theirs.startswith(f"{N}.bridge_failures_")
