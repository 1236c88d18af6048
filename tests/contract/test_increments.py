"""What cumulative series grew by: ``sampler.Increments``."""

from __future__ import annotations

from typing import Any

import pytest

from sampler import Collector, HistogramValue, Increments, Registry
from tests.contract.build import mapping

METRICS = {"c": {"kind": "counter"}, "h": {"kind": "histogram"}, "g": {}}


def taken(increments: Increments, consumer: Collector) -> dict[str, Any]:
    """Return what each series grew by."""
    return {str(series): grown for series, grown, _ in increments.take(consumer.collect())}


@pytest.mark.clause("C-16")
def test_first_values_are_baselines_and_later_ones_differences(registry: Registry) -> None:
    """A gauge has not grown; a histogram grows in all of its parts."""
    state = {"c": 5, "h": {"count": 2, "sum": 3.0, "buckets": {1: 1}}, "g": 7}
    registry.register({"name": "t", "sample": lambda: list(state.items()), "metrics": METRICS})
    increments = Increments()
    with Collector(registry) as consumer:
        first = taken(increments, consumer)
        assert (first["t.c"], first["t.g"], first["t.h"].count) == (0, None, 0)
        state.update(c=8, h={"count": 5, "sum": 4.0, "buckets": {1: 3}})
        again = taken(increments, consumer)
    assert (again["t.c"], again["t.g"]) == (3, None)
    assert again["t.h"] == HistogramValue(3, 1.0, ((1.0, 2),))


@pytest.mark.clause("C-17")
def test_after_a_restart_all_of_the_value_has_grown(registry: Registry) -> None:
    """Told by ``start``, or by a lower value; what comes back begins anew."""
    state: dict[str, Any] = {"start": 1.0, "n": 5}

    def sample() -> Any:
        return [] if state["n"] is None else [("c", state["n"])]

    sampler = {"name": "t", "sample": sample, "start": lambda: state["start"], "metrics": METRICS}
    registry.register(sampler)
    increments, found = Increments(), []
    with Collector(registry) as consumer:
        for start, n in ((1.0, 5), (2.0, 6), (2.0, 4), (2.0, None), (2.0, 9), (2.0, 9)):
            state.update(start=start, n=n)
            found.append(taken(increments, consumer).get("t.c"))
    assert found == [0, 6, 4, None, 9, 0]


@pytest.mark.clause("C-15")
def test_a_failed_pull_ends_nothing(registry: Registry) -> None:
    """What came meanwhile is in the next difference."""
    state: dict[str, Any] = {"n": 5, "fails": False}

    def sample() -> Any:
        if state["fails"]:
            raise OSError("away")
        return [("c", state["n"])]

    registry.register({"name": "t", "sample": sample, "metrics": METRICS})
    increments = Increments()
    with Collector(registry) as consumer:
        found = []
        for n, fails in ((5, False), (6, True), (8, False)):
            state.update(n=n, fails=fails)
            found.append(taken(increments, consumer))
    assert found == [{"t.c": 0}, {}, {"t.c": 3}]


@pytest.mark.clause("C-16")
def test_a_sampler_that_is_registered_later_counts_from_there(registry: Registry) -> None:
    """Its zero lies within the consumer's time."""
    increments = Increments()
    with Collector(registry) as consumer:
        taken(increments, consumer)
        registry.register(mapping("t", ("c", 4), metrics=METRICS))
        assert taken(increments, consumer) == {"t.c": 4}


def test_what_has_ended_is_forgotten(registry: Registry) -> None:
    """Nothing is kept for a series that is gone."""
    state = {"n": 0}

    def sample() -> Any:
        state["n"] += 1
        return [("c", 1, {"i": state["n"] * 1_000 + i}) for i in range(1_000)]

    registry.register({"name": "t", "sample": sample, "metrics": METRICS})
    increments = Increments()
    with Collector(registry) as consumer:
        for _ in range(5):
            taken(increments, consumer)
        assert len(increments._since) == 1_000
