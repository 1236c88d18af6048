"""Gauges with ``merge``: several samples of one series in one pull are one value (S-25)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, Registry
from tests.contract.build import values

GAUGES = {name: {"merge": name} for name in ("sum", "max", "min")} | {"plain": {}}
COMBINE: dict[str, Any] = {"sum": sum, "max": max, "min": min}

numbers = st.one_of(st.none(), st.integers(-50, 50), st.just(True), st.just(float("nan")))
rounds_ = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["sum", "max", "min"]), numbers, st.sampled_from([None, "a", "b"])
        ),
        max_size=12,
    ),
    min_size=1,
    max_size=5,
)


def collect_all(rounds: list[list[Any]]) -> tuple[list[dict[str, Any]], Any]:
    turns = iter(rounds)
    registry = Registry()
    registry.register({"name": "lab", "sample": lambda: next(turns), "metrics": GAUGES})
    with Collector(registry) as consumer:
        found = []
        for _ in rounds:
            snapshot = consumer.collect()
            assert not snapshot.failures
            found.append(values(snapshot))
        return found, consumer.statistics()[0]


@given(rounds=rounds_)
@pytest.mark.clause("S-25")
def test_the_value_is_the_sum_maximum_or_minimum_of_those_given(rounds: list[Any]) -> None:
    """In any order and number, known series or new ones; none has nothing to say."""
    given_rounds = [
        [(metric, value, None if label is None else {"k": label}) for metric, value, label in pull]
        for pull in rounds
    ]
    found, statistics = collect_all(given_rounds)
    entries = 0
    for pull, got in zip(rounds, found, strict=True):
        expected: dict[str, list[int]] = {}
        for metric, value, label in pull:
            name = f"lab.{metric}" if label is None else f'lab.{metric}{{k="{label}"}}'
            if value is not None and value == value:
                expected.setdefault(name, []).append(int(value))
        model = {name: COMBINE[name[4:7]](numbers) for name, numbers in expected.items()}
        assert got == model
        entries += len(model)
    assert statistics.refused == {}
    assert statistics.yielded == statistics.collected == entries


@pytest.mark.clause("S-25", "C-12")
def test_a_gauge_without_merge_does_not_combine() -> None:
    """Its first sample stands, whatever its value."""
    found, statistics = collect_all(
        [[("plain", 1), ("plain", 2)], [("plain", None), ("plain", 2)]]
    )
    assert found == [{"lab.plain": 1}, {}]
    assert statistics.refused == {"duplicate": 2}


@pytest.mark.clause("C-12")
def test_a_bad_value_among_those_that_combine_costs_itself_only() -> None:
    """First or later; the account adds up."""
    rows = [("sum", "x"), ("sum", 5), ("sum", 6), ("sum", object()), ("max", 2**63), ("max", 1)]
    found, statistics = collect_all([rows, rows])
    assert found == [{"lab.sum": 11, "lab.max": 1}] * 2
    assert statistics.refused == {"type": 4, "out_of_range": 2}
    assert statistics.yielded == statistics.collected + 6


@pytest.mark.clause("S-19", "C-12")
def test_a_sum_out_of_range_refuses_the_sample_that_made_it_so() -> None:
    """What was combined before stands."""
    found, statistics = collect_all(
        [[("sum", 2**62), ("sum", 2**62), ("sum", 1), ("sum", 2**62)]] * 2
    )
    assert found == [{"lab.sum": 2**62 + 1}] * 2
    assert statistics.refused == {"out_of_range": 4}
