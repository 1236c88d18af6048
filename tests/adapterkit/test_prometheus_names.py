"""What Prometheus calls a series, wherever it is sent."""

from __future__ import annotations

import pytest

from sampler import Collector, Registry
from sampler.adapterkit.prometheus_names import called, unit_name


@pytest.mark.parametrize(
    ("unit", "suffix"),
    [("{request}/s", "per_second"), ("{request/s", ""), ("request}/s", ""), ("{request}", "")],
)
def test_what_stands_in_braces_is_no_word(unit: str, suffix: str) -> None:
    """Both of them: half of a pair is an amount that nobody knows."""
    assert unit_name("gauge", unit) == suffix


@pytest.mark.parametrize(
    ("kind", "name"), [("counter", "shop_wait_seconds_total"), ("gauge", "shop_wait_seconds")]
)
def test_a_series_is_called_as_on_the_page(kind: str, name: str) -> None:
    """With its unit, and a counter's end."""
    registry = Registry()
    registry.register(
        {
            "name": "shop",
            "sample": lambda: [("wait", 1)],
            "metrics": {"wait": {"kind": kind, "unit": "s"}},
        }
    )
    with Collector(registry) as collector:
        ((series, _),) = collector.collect()
    assert called(series) == name
