"""Hostile snapshots into the real carbon, statsd and Prometheus: n in, n out, nothing foreign."""

from __future__ import annotations

import math
import time
import unicodedata
from functools import partial

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sampler.agent import DELIVERED, UNCONFIRMED, HistogramValue, Ledger
from sampler_graphite import Graphite
from sampler_prometheus import Prometheus
from sampler_prometheus._text import OPENMETRICS, TextRenderer
from sampler_statsd import StatsD
from tests.adapters.shapes import IDENTITY, block, counter, gauge, histogram, snapshot_of
from tests.support.waiting import wait_for

HOSTILE = [
    *(chr(code) for code in (*range(0x21), 0x7F, 0x85, 0xA0, 0xFEFF, 0x2028, 0x2029, 0xFFFF)),
    *";:|#@=~!^*?()[]{}<>&%$\"'`\\/,.+-_",
    "a b",
    "a\nb c 1",
    "x 1 1700000000\nforeign.metric 1 1700000000",
    "x:1|c\nforeign:1|c",
    'x"} 1\nforeign{a="',
    "~tilde",
    "..",
    "../../escape",
    "a;name=b",
    "ü",
    "日本語",
    "\U0001f600",
    "v" * 1024,
    "é" * 1024,
    "idle-" + "a7" * 13,
    "back\\nslash",
    "nul\0nul",
    "carriage\r\nreturn",
]
NUMBERS = [0, 1, 2**53, 2**53 + 1, 2**63 - 1, 0.1, 5e-324, 1e-7, 1e22, 1.7e308, 3.141592653589793]
LONG_NAME = "pool." + "a" * 145


def hostile():
    """Return the entries of a snapshot: every value and every label value, on every kind."""
    entries = [(gauge("pool.states", state=text), n) for n, text in enumerate(HOSTILE, 1)]
    entries += [(counter("pool.routes", route=text), n) for n, text in enumerate(HOSTILE, 1)]
    for number, value in enumerate(NUMBERS):
        entries.append((gauge("pool.up", n=number), value))
        entries.append((gauge("pool.down", n=number), -value))
        entries.append((counter("pool.count", n=number), value))
    waits = HistogramValue(7, 0.25, ((-1.5, 1), (0.0, 2), (1e-9, 3), (0.1, 3), (1e21, 6)))
    entries.append((histogram("pool.wait", "s"), waits))
    entries.append((histogram("pool.wait", "s", le="1", quantile="0.5", job="j"), waits))
    entries += [(gauge(f"pool.help{n}", text=text), n) for n, text in enumerate(HOSTILE)]
    entries.append((histogram("pool.age", "s"), HistogramValue(0, None)))
    entries.append((gauge(LONG_NAME, name="n", instance="i", **{"a.b": "1", "k" * 150: "x"}), 1))
    for series, _ in entries:
        series.labels = {key: str(text) for key, text in series.labels.items()}
    return entries


def same(one, other):
    return float(one) == other or math.isclose(one, other, rel_tol=1e-9)


def test_the_corpus_has_every_kind_of_bad_character():
    """Otherwise the tests below would say little."""
    kinds = {unicodedata.category(char) for text in HOSTILE for char in text}
    assert {"Cc", "Zs", "Zl", "Zp", "So", "Sm", "Po", "Cf", "Cn", "Lo"} <= kinds


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.scenario(22)
def test_carbon_stores_each_entry_and_nothing_else(carbon, tags):
    """Exactly, under the path that was written."""
    entries = hostile()
    shot = snapshot_of(block(*entries, time=time.time()), identity=IDENTITY)
    graphite = Graphite(port=carbon.line_port, tags=tags, quantiles=())
    batches = list(graphite.encode(shot, {}))
    assert sum(batch.samples for batch in batches) == len(entries)
    wanted = {}
    for batch in batches:
        assert graphite.send(batch, 10.0) is DELIVERED
        for line in b"".join(batch.frames).decode().splitlines():
            path, value, when = line.split(" ")
            wanted[path] = (int(when), float(value))
    assert len(wanted) == len(entries) + 2  # three histograms, one without a sum
    wait_for(lambda: all(carbon.series(path) for path in wanted), limit=30, what="carbon to write")
    for path, (when, value) in wanted.items():
        assert carbon.series(path) == {when: value}
    assert len(carbon.paths()) == len(wanted)
    if not tags:
        assert set(carbon.paths()) == set(wanted)
    assert "invalid line" not in carbon.log()


def has_more(statsd, packets):
    return len(statsd.packets()) > packets


@pytest.mark.scenario(22)
def test_statsd_counts_each_entry_and_nothing_else(statsd):
    """Gauges whatever their sign was before, and exact differences."""
    entries = hostile()
    adapter = StatsD(port=statsd.port)
    since = {}
    for factor in (1, -1, 1):  # from above zero to below and back
        turned = [
            (series, value * factor if series.kind == "gauge" else value)
            for series, value in entries
        ]
        for batch in adapter.encode(snapshot_of(block(*turned)), since):
            assert not batch.refused
            before = len(statsd.packets())
            assert adapter.send(batch, 5.0) is UNCONFIRMED
            wait_for(partial(has_more, statsd, before), what="the packet")
        since = {series: value for series, value in turned if series.cumulative}
    adapter.close()
    assert statsd.own_counts()["bad_lines_seen"] == 0
    gauges = [float(value) for series, value in entries if series.kind == "gauge"]
    assert sorted(map(float, statsd.gauges().values())) == sorted(gauges)
    counts = []
    for series, value in entries:
        if isinstance(value, HistogramValue):
            counts += [value.count, value.sum or 0]
        elif series.kind == "counter":
            counts.append(value)
    totals = [float(total) for total in statsd.counters_total().values() if total]
    assert sorted(totals) == sorted(float(count) for count in counts if count)


@pytest.mark.scenario(22)
def test_prometheus_stores_each_sample_and_nothing_else(prometheus_server):
    """The target is up, and every sample is the one that was served."""
    shot = snapshot_of(block(*hostile()))
    ledger, adapter = Ledger(), Prometheus(listen="127.0.0.1:0")
    adapter.open(lambda: shot, ledger)
    try:
        server = prometheus_server([adapter.address])
        server.wait_scraped()
        stored = {}
        for item in server.query('{job="test",__name__!~"up|scrape_.*"}'):
            labels = {k: v for k, v in item["metric"].items() if k not in ("job", "instance")}
            stored[tuple(sorted(labels.items()))] = float(item["value"][1])
        wait_for(lambda: ledger.balance().delivered, what="a delivered scrape")
    finally:
        adapter.close(5.0)
    text = TextRenderer().render(shot, OPENMETRICS).body.decode()
    served = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {"__name__": sample.name, **sample.labels}
            served[tuple(sorted(labels.items()))] = sample.value
    assert stored.keys() == served.keys()
    assert all(same(value, stored[key]) for key, value in served.items())
    balance = ledger.balance()
    assert balance.holds
    assert balance.collected == balance.delivered + balance.unconfirmed
    assert balance.collected % len(shot) == 0
