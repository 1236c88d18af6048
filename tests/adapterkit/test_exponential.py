"""Exponential histograms by bucket index."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Instruments, Registry
from sampler.adapterkit.exponential import exponential
from sampler.agent import HistogramValue


@given(st.lists(st.just(0.0) | st.floats(1e-12, 1e12), min_size=1, max_size=50))
def test_what_an_instrument_observed_is_in_the_right_buckets(values):
    """Each in one whose edges are around it; what is below the first bucket counts as zero."""
    registry = Registry()
    waits = Instruments("shop", registry).histogram("wait", unit="s")
    for value in values:
        waits.observe(value)
    with Collector(registry) as consumer:
        ((_, value),) = consumer.collect()
    found = exponential(value)
    assert found is not None
    assert found.scale == 3
    buckets = dict(found.buckets)
    assert found.zero_count + sum(buckets.values()) == len(values)
    assert found.zero_count == sum(value <= found.zero_threshold for value in values)
    wanted = {}
    for value in values:
        if value > found.zero_threshold:
            index = round(math.log2(value) * 8) - 1
            while 2.0 ** (index / 8) < value:
                index += 1
            wanted[index] = wanted.get(index, 0) + 1
    assert buckets == wanted


@pytest.mark.parametrize(
    "value",
    [
        HistogramValue(1, 1.0, ((1.0, 1),)),
        HistogramValue(2, 1.0, ((1.0, 0), (2.0, 1)), 0),
        HistogramValue(1, -1.0, ((-1.0, 1), (0.0, 1)), 0),
        HistogramValue(1, 3.0, ((1.0, 0), (3.0, 1)), 0),
        HistogramValue(2, 3.0, ((1.0, 0), (2.0, 1), (8.0, 2)), 0),
    ],
    ids=["no scale", "above all", "below zero", "no bound of the scale", "two buckets in one"],
)
def test_one_that_would_lose_something_is_none(value):
    """Its bounds say more."""
    assert exponential(value) is None
