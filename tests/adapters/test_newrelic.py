"""New Relic's agent as a consumer: the real package, offline, and what it would have sent."""

from __future__ import annotations

import ast
import subprocess
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, HistogramValue, Instruments, Registry
from sampler.agent import UNSUPPORTED
from sampler_newrelic import DataSource, data_source
from sampler_newrelic._paths import path_of
from sampler_newrelic._stats import stats_of
from tests.support.command import environment

PAGE = Path(__file__).parents[2] / "docs" / "newrelic.md"
INI = """
[newrelic]
license_key = 0000000000000000000000000000000000000000
app_name = shop
developer_mode = true
audit_log_file = {audit}

[data-source:sampler]
enabled = true
function = sampler_newrelic:data_source
"""
PROGRAM = """
import sys, time
import newrelic.agent
newrelic.agent.initialize(sys.argv[1])
import sampler
shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("route",))
depth = shop.gauge("depth")
seconds = shop.histogram("latency", unit="s", buckets=(0.1, 1.0))
sampler.register({"name": "broken", "sample": lambda: 1 / 0})
orders.inc(100, route="/before")  # New Relic's agent has not begun
newrelic.agent.register_application()
agent = newrelic.core.agent.agent_instance()
until = time.monotonic() + 60
while not (agent.application("shop") and agent.application("shop")._data_samplers_started):
    assert time.monotonic() < until, "it does not begin"
    time.sleep(0.01)
harvest = agent.application("shop").harvest
"""


def harvested(folder: Path, program: str) -> list[dict[str, list[float]]]:
    """Run a program; return the custom metrics of each harvest that it has sent, by name."""
    pytest.importorskip("newrelic")
    audit, ini = folder / "audit.log", folder / "newrelic.ini"
    ini.write_text(INI.format(audit=audit))
    subprocess.run(
        [sys.executable, "-c", PROGRAM + program, str(ini)],
        check=True,
        env=environment(),
        timeout=90,
        capture_output=True,
    )
    return [
        {about["name"]: sent for about, sent in metrics if about["name"].startswith("Custom/")}
        for metrics in _sent(audit.read_text())
    ]


def _sent(audit: str) -> list[Any]:
    """Return what the audit log has of metrics, by harvest."""
    requests = [each for each in audit.split("=" * 78) if "'method': 'metric_data'" in each]
    return [ast.literal_eval(each.partition("DATA: ")[2].strip())[3] for each in requests]


def test_each_harvest_has_what_came_since_the_last(tmp_path: Path) -> None:
    """Counts as differences, gauges as they are, histograms as statistics; by the real agent."""
    first, second, *_ = harvested(
        tmp_path,
        """
orders.inc(2, route="/buy")
orders.inc(3, route="/before")
depth.set(3)
for value in (0.05, 0.5, 0.5):
    seconds.observe(value)
harvest()
orders.inc(5, route="/buy")
depth.set(-4)
harvest()
""",
    )
    before, buy = "Custom/shop/orders/route:/before", "Custom/shop/orders/route:/buy"
    assert first[before][0] == 3, "the 100 before are a baseline"
    assert first[buy][0] == 2
    assert first["Custom/shop/depth"] == [1, 3, 3, 3, 3, 9]
    count, total, _, low, high, squares = first["Custom/shop/latency"]
    assert (count, total, low, high) == (3, pytest.approx(1.05), 0.0, 1.0)
    assert squares == pytest.approx(0.05**2 + 2 * 0.55**2)
    assert {name: sent[0] for name, sent in second.items()} == {buy: 5, "Custom/shop/depth": 1}
    assert second["Custom/shop/depth"][1] == -4


def test_a_connection_that_is_lost_loses_no_count(tmp_path: Path) -> None:
    """What is counted between two connections comes with the first harvest of the next."""
    *_, last = harvested(
        tmp_path,
        """
core = agent.application("shop")
orders.inc(1, route="buy")
harvest()
core.stop_data_samplers()
orders.inc(7, route="buy")
core.start_data_samplers()
harvest()
import os; os._exit(0)
""",
    )
    assert last["Custom/shop/orders/route:buy"][0] == 7


def test_two_applications_are_two_consumers() -> None:
    """Each has its own differences."""
    made = data_source({})["factory"]
    one, other = made({"consumer.name": "one"}), made({"consumer.name": "other"})
    one.start()
    shop = Instruments("newrelic_shop")
    orders = shop.counter("orders")
    other.start()

    def told(source: DataSource) -> Any:
        return dict(source()).get("newrelic_shop/orders")

    orders.inc(2)
    assert told(one) == {"count": 2}
    orders.inc(3)
    assert (told(one), told(other)) == ({"count": 3}, {"count": 5})
    assert told(one) is None, "it has not moved"


def test_a_source_that_was_never_started_has_nothing() -> None:
    """New Relic's agent has not connected yet."""
    assert list(DataSource({})()) == []


def test_settings_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no settings: take interval out"):
        data_source({"interval": "10"})


TEXTS = st.text(max_size=300) | st.text("ab:/-", max_size=6)
LABELS = st.dictionaries(st.sampled_from(["a", "b", "a.b"]), TEXTS, max_size=3)


@given(LABELS, LABELS)
def test_different_series_have_different_names_that_fit(one, other) -> None:
    """Whatever their values hold."""
    seen = {}
    for labels in (one, other):
        registry = Registry()
        sample = [("b", 1, labels)]
        registry.register({"name": "a", "sample": lambda sample=sample: sample})
        with Collector(registry) as consumer:
            for series, _ in consumer.collect():
                path = path_of(series)
                assert len(f"Custom/{path}") <= 255
                assert seen.setdefault(path, series.labels) == series.labels


OBSERVED = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


@given(OBSERVED, st.sampled_from([None, (0.0, 1.0, 10.0), (-50.0, 50.0)]))
def test_statistics_bound_what_was_observed(observed, buckets) -> None:
    """As far as the buckets know it: the last one may be exceeded, but by no mean."""
    value = HistogramValue(
        len(observed),
        sum(observed),
        [(upper, sum(each <= upper for each in observed)) for upper in buckets or ()],
    )
    stats = stats_of(value)
    assert stats["count"] == len(observed)
    assert stats["total"] == sum(observed)
    mean = sum(observed) / len(observed)
    assert stats["min"] <= mean <= stats["max"]
    if buckets:
        highest = max(observed)
        assert stats["max"] >= min(highest, buckets[-1])


def test_statistics_of_the_largest_bounds_are_numbers() -> None:
    """Their sums and squares are none; JSON has no word for that."""
    value = HistogramValue(3, None, ((1e308, 0), (1.7e308, 2)))
    assert all(map(isfinite, stats_of(value).values()))


def test_the_loss_report_uses_the_words_of_adapters_and_is_on_the_page() -> None:
    assert set(DataSource.unsupported) <= set(UNSUPPORTED)
    page = " ".join(PAGE.read_text().split())
    for word, sentence in DataSource.unsupported.items():
        assert f"| {word} | {sentence} |" in page
