"""The bridges of the draft: what they carry, and what it says that they lose."""

from __future__ import annotations

import textwrap
from functools import partial

import prometheus_client as prometheus
from newrelic.samplers.cpu_usage import cpu_usage_data_source
from newrelic.samplers.memory_usage import memory_usage_data_source

from tests.pep.draft import CODE, TEXT, consumer_of, key


def of_newrelic(name, source):
    """Return a sampler whose factory is the draft's."""
    return {"name": name, "factory": partial(CODE["from_newrelic"], source)}


def test_every_data_source_of_new_relic_is_a_sampler():
    """Each path is a label, so that none is lost."""
    consumer = consumer_of(
        of_newrelic("cpu", cpu_usage_data_source), of_newrelic("mem", memory_usage_data_source)
    )
    values, _, failed = consumer.pull()
    assert not failed
    assert values[key("cpu.n", path="CPU/Total/Utilization")] >= 0
    assert values[key("mem.n", path="Memory/Physical")] > 0
    consumer.close()


def test_what_a_source_of_new_relic_tells_as_a_mapping_is_added_up():
    """For each consumer; the source is started, told its settings, and stopped."""
    said = []

    class Source:
        def start(self):
            said.append("start")

        def stop(self):
            said.append("stop")

        def __call__(self):
            yield "GC/time/4711/all", {"count": 3, "total": 0.5, "max": 0.25}
            yield "Pool/Idle Count", 2
            yield "pool/idle/count", 3

    def source(settings):
        said.append(settings)
        return {"name": "x", "factory": lambda environ: said.append(environ["api"]) or Source()}

    consumer = consumer_of(of_newrelic("nr", source))
    values, increments, _ = consumer.pull()
    assert values == {
        key("nr.count", path="GC/time/4711/all"): 6,
        key("nr.total", path="GC/time/4711/all"): 1.0,
        key("nr.max", path="GC/time/4711/all"): 0.25,
        key("nr.n", path="Pool/Idle Count"): 2,
        key("nr.n", path="pool/idle/count"): 3,
    }
    assert {name: value for (name, _), value in increments.items()} == {
        "nr.count": 3,
        "nr.total": 0.5,
    }
    consumer.close()
    assert said == [{}, 1, "start", "stop"]


def test_a_registry_of_prometheus_client_is_a_sampler():
    """All types, families that come later, and one whose name the grammar has not."""
    source = prometheus.CollectorRegistry()
    orders = prometheus.Counter("orders", "Orders.", ["route"], registry=source)
    prometheus.Gauge("depth", "Depth.", registry=source).set(3)
    prometheus.Info("build", "Build.", registry=source).info({"version": "1"})
    prometheus.Enum("state", "State.", states=["up", "down"], registry=source)
    wait = prometheus.Histogram("wait", "Wait.", buckets=(1, 5), registry=source)
    size = prometheus.Summary("size", "Size.", registry=source)
    prometheus.Gauge("__weird:name", "Weird.", registry=source).set(1)
    orders.labels("buy").inc(5)
    consumer = consumer_of(CODE["from_prometheus"]("web", source))
    orders.labels("buy").inc(2), wait.observe(3), size.observe(4)
    prometheus.Counter("late", "Late.", registry=source).inc(9)
    values, increments, failed = consumer.pull()
    assert not failed
    grown = {key: value for key, value in increments.items() if value}
    assert grown == {
        key("web.orders_total", route="buy"): 2,
        key("web.late_total"): 9,
        key("web.wait_count"): 1,
        key("web.wait_sum"): 3,
        key("web.wait_bucket", le="5.0"): 1,
        key("web.wait_bucket", le="+Inf"): 1,
        key("web.size_count"): 1,
        key("web.size_sum"): 4,
    }
    assert values[key("web.depth")] == 3
    assert values[key("web.build_info", version="1")] == 1
    assert values[key("web.state", state="up")] == 1
    assert not any("created" in name for name, _ in values)
    assert not any("weird" in name for name, _ in values)


def test_the_bridges_have_as_few_lines_as_the_draft_says():
    """Ten, and eight in ``sample``."""
    text = textwrap.dedent(TEXT.split("\nBackwards Compatibility\n")[1])
    newrelic = text.split("    def from_newrelic")[1].split("\n\n")[0]
    prom = text.split("    def from_prometheus")[1].split("        return {")[0]
    assert len(newrelic.splitlines()) == 10
    assert len(prom.splitlines()) - 2 == 8
