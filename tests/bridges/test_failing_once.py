"""A source that fails in one pull: its totals are not counted once more when they come back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import sampler
from sampler.bridges._since import Since
from tests.bridges.rig import Pulls, key

prometheus = pytest.importorskip("prometheus_client")

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: E402

from sampler.bridges import prometheus_client as bridge  # noqa: E402
from sampler.bridges import prometheus_multiprocess as multiprocess  # noqa: E402

WRITER = "import prometheus_client as p; p.Counter('jobs', 'j').inc(100)"


class Increases(Pulls):
    """A consumer, and by how much counters and histograms have grown."""

    def __init__(self, *samplers):
        registry = sampler.Registry()
        for each in samplers:
            registry.register(each)
        super().__init__(registry)
        self.increments = sampler.Increments()

    def __call__(self):
        taken = self.increments.take(self.collector.collect())
        grown = {key(s.name, s.labels): getattr(g, "count", g) for s, g, _ in taken}
        return {name: count for name, count in grown.items() if "bridge" not in str(name)}


@pytest.fixture
def increases():
    made = []

    def of(*samplers):
        made.append(Increases(*samplers))
        return made[-1]

    yield of
    for each in made:
        each.collector.close()


def written(directory):
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    subprocess.run([sys.executable, "-c", WRITER], env=environ, check=True, timeout=60)


def test_a_file_of_the_multiprocess_mode_that_is_being_made_counts_nothing_twice(
    increases, tmp_path
):
    """A process that starts makes its file, and gives it a size a moment later."""
    written(tmp_path)
    pull = increases(multiprocess.sampler_of(str(tmp_path), name="web"))
    pull()
    half = tmp_path / "counter_99999.db"
    half.touch()
    assert pull() == {}
    half.unlink()
    assert pull() == {"web.jobs_total": 0}


def test_who_takes_over_while_a_file_is_being_made_counts_nothing_twice(pulls, tmp_path):
    """What was counted before is not known until all of it can be read."""
    written(tmp_path)

    class Taken:
        mine = False

        def is_mine(self):
            return self.mine

    turn, families = Taken(), multiprocess._families(str(tmp_path), "web")
    since = Since(turn, families.failed)
    pull = pulls({"name": "web", "sample": lambda: since.read(families())})
    assert pull() == {}
    turn.mine = True
    half = tmp_path / "counter_99999.db"
    half.touch()
    assert pull() == {}
    half.unlink()
    assert pull()["web.jobs_total"] == 0
    half.touch()
    assert "web.jobs_total" not in pull()
    half.unlink()
    assert pull()["web.jobs_total"] == 0


def counter(name, value):
    made = CounterMetricFamily(name, "c")
    made.add_metric([], value)
    return made


def test_a_collector_that_is_the_source_and_fails_once_counts_nothing_twice(increases):
    """As `register(COLLECTOR)` has it."""

    class Source:
        fails = False

        def collect(self):
            if self.fails:
                raise OSError("away")
            yield counter("orders", 100)

    source = Source()
    pull = increases(bridge.sampler_of(source, name="shop"))
    pull()
    source.fails = True
    assert pull() == {}
    source.fails = False
    assert pull() == {"shop.orders_total": 0}


def test_a_family_that_cannot_be_read_once_counts_nothing_twice(increases):
    """The families beside it go on."""

    class Source:
        bound = "1"

        def collect(self):
            yield counter("orders", 100)
            made = HistogramMetricFamily("wait", "w")
            made.add_sample("wait_bucket", {"le": self.bound}, 4)
            made.add_sample("wait_bucket", {"le": "+Inf"}, 4)
            made.add_sample("wait_sum", {}, 4)
            yield made
            yield counter("visits", 7)

    source, registry = Source(), prometheus.CollectorRegistry()
    registry.register(source)
    pull = increases(bridge.sampler_of(registry, name="shop"))
    pull()
    source.bound = "no number"
    assert pull() == {"shop.orders_total": 0, "shop.visits_total": 0}
    source.bound = "1"
    assert pull() == {"shop.orders_total": 0, "shop.wait": 0, "shop.visits_total": 0}


def test_a_callback_of_opentelemetry_that_fails_once_counts_nothing_twice(increases):
    """Not even where it was all that its metric had; what comes later counts whole."""
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from sampler.bridges import opentelemetry

    state = {"fails": False, "rows": ["a"]}

    def observe(_):
        if state["fails"]:
            raise OSError("away")
        return [Observation(100, {"disk": row}) for row in state["rows"]]

    reader = InMemoryMetricReader()
    provider = sdk.MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("m").create_observable_counter("read", [observe])
    pull = increases(opentelemetry.sampler_of(reader, name="ot", scope=False, resource=False))
    pull()
    state["fails"] = True
    assert pull() == pull() == {}
    state.update(fails=False, rows=["a", "b"])
    disks = [key("ot.read", {"disk": disk}) for disk in "ab"]
    assert pull() == dict(zip(disks, (0, 100), strict=True))
    state["rows"] = ["b"]
    assert pull() == {disks[1]: 0}
    state["rows"] = ["b", "a"]
    assert pull() == dict(zip(disks, (0, 0), strict=True))
