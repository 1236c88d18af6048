"""The bridges of the draft: what they carry, and what it says that they lose."""

from __future__ import annotations

import textwrap

import prometheus_client as prometheus
from newrelic.samplers.cpu_usage import cpu_usage_data_source
from newrelic.samplers.memory_usage import memory_usage_data_source

from tests.pep.draft import CODE, TEXT, consumer_of, key


def test_every_data_source_of_new_relic_that_yields_numbers_is_a_sampler():
    """What it yields besides is refused alone: here words that begin with a digit."""
    bridge = CODE["from_newrelic"]
    consumer = consumer_of(
        bridge("cpu", cpu_usage_data_source), bridge("mem", memory_usage_data_source)
    )
    values, _, failed = consumer.pull()
    assert not failed
    assert values[key("cpu.cpu.total.utilization")] >= 0
    assert values[key("mem.memory.physical")] > 0
    assert not any(name.split(".")[-1].isdigit() for name, _ in values)
    consumer.close()


def test_what_a_source_of_new_relic_yields_as_a_mapping_is_lost():
    """As the draft says; the source is started, told its settings, and stopped."""
    said = []

    class Source:
        def start(self):
            said.append("start")

        def stop(self):
            said.append("stop")

        def __call__(self):
            yield "GC/objects/all", {"count": 3}
            yield "Pool/Idle Count", 2
            yield "pool/idle/count", 3  # the same name
            yield "GC/time/4711/all", 4

    def source(settings):
        said.append(settings)
        return {"name": "x", "factory": lambda environ: said.append(environ["api"]) or Source()}

    consumer = consumer_of(CODE["from_newrelic"]("nr", source))
    assert consumer.pull()[0] == {key("nr.pool.idle.count"): 2}
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
    assert key("web.orders_created", route="buy") in values
    assert not any("created" in name for name, _ in increments)
    assert not any("weird" in name for name, _ in values)


def test_the_bridges_have_as_few_lines_as_the_draft_says():
    """Ten, and six in ``sample``."""
    text = textwrap.dedent(TEXT.split("\nBackwards Compatibility\n")[1])
    newrelic = text.split("    def from_newrelic")[1].split("\n\n")[0]
    prom = text.split("    def from_prometheus")[1].split("        return {")[0]
    assert len(newrelic.splitlines()) == 10
    assert len(prom.splitlines()) - 1 == 6
