"""What a sample says of its metric: its fourth item."""

from __future__ import annotations

from typing import Any

import pytest

from sampler import Collector, HistogramValue, Registry
from tests.contract.build import mapping, values

COUNTER = {"kind": "counter", "unit": "By", "help": "Bytes sent."}


def pulls(*rounds: list[tuple[Any, ...]], **keys: Any) -> tuple[list[Any], dict[str, int]]:
    """Pull one sampler once for each round; return the series of the last one, and refusals."""
    turns = iter(rounds)
    registry = Registry()
    registry.register({"name": "lab", "sample": lambda: next(turns), **keys})
    with Collector(registry) as consumer:
        for _ in rounds:
            snapshot = consumer.collect()
            assert not snapshot.failures
        return [series for series, _ in snapshot], consumer.statistics()[0].refused


@pytest.mark.clause("S-08", "S-14")
def test_the_first_sample_of_a_metric_describes_it_for_good() -> None:
    """With all that a description says; later ones are not read."""
    said = {**COUNTER, "scope": "host", "labels": ["to"]}
    again = [("sent", 2, {"to": "a"}, {"kind": "gauge"}), ("sent", 1, {"to": "b"})]
    series, refused = pulls([("sent", 1, {"to": "a"}, said)], again)
    for each in series:
        assert (each.kind, each.unit, each.help) == ("counter", "By", "Bytes sent.")
        assert each.scope == "host"
    assert (len(series), refused) == (2, {})


@pytest.mark.clause("S-08")
def test_a_metric_that_its_first_sample_does_not_describe_is_a_gauge_for_good() -> None:
    """Also when the series has gone and comes back."""
    series, _ = pulls([("n", 1)], [], [("n", 2, None, COUNTER)], [("n", 3, None, COUNTER)])
    assert [each.kind for each in series] == ["gauge"]


@pytest.mark.clause("S-08")
def test_what_the_mapping_says_of_a_metric_stands() -> None:
    """The fourth item is for metrics that it does not have; there it is not read."""
    metrics = {"n": {"kind": "counter"}}
    series, refused = pulls(
        [("n", 1, None, {"kind": "gauge"})], [("n", 2, None, 7)], metrics=metrics
    )
    assert [each.kind for each in series] == ["counter"]
    assert refused == {}


@pytest.mark.clause("S-08")
def test_a_family_that_comes_late_has_its_kind() -> None:
    """As those that a bridge learns of while it is pulled."""
    histogram = {"count": 2, "sum": 1.0, "buckets": {1: 2}}
    late = ("wait", histogram, {"to": "a"}, {"kind": "histogram"})
    series, _ = pulls([("n", 1)], [("n", 1), late])
    assert [each.kind for each in series] == ["gauge", "histogram"]


@pytest.mark.parametrize(
    "said",
    [
        7,
        "counter",
        [],
        {"kind": 3},
        {"unit": 3},
        {"help": "\ud800"},
        {"labels": "state"},
        {"labels": ["Bad"]},
        {"scope": "thread"},
        {"merge": "last"},
        {"kind": "counter", "merge": "sum"},
    ],
)
@pytest.mark.clause("C-12", "S-26", "S-28", "S-29", "S-30")
def test_a_bad_description_costs_its_sample(said: Any) -> None:
    """And no other; the next sample of the metric may describe it."""
    series, refused = pulls([("n", 1, None, said), ("m", 1), ("n", 2, {"k": "v"}, COUNTER)])
    assert {str(each): each.kind for each in series} == {
        "lab.m": "gauge",
        'lab.n{k="v"}': "counter",
    }
    assert refused == {"description": 1}


@pytest.mark.clause("S-14", "C-11")
def test_none_in_the_place_of_a_description_is_none() -> None:
    """An unknown kind is a gauge, and keys that are not known are ignored."""
    said = {"kind": "quantile", "acme.owner": "x", "later": 1}
    series, refused = pulls([("n", 1, None, None), ("m", 1, {}, said)])
    assert {each.kind for each in series} == {"gauge"}
    assert refused == {}


def test_a_description_that_raises_costs_its_sample() -> None:
    """It is an author's own mapping."""

    class Torn(dict[str, Any]):
        def get(self, *_: object) -> Any:
            raise ValueError("torn")

    series, refused = pulls([("n", 1, None, Torn(kind="counter")), ("m", 1)])
    assert [str(each) for each in series] == ["lab.m"]
    assert refused == {"shape": 1}


def test_memory_is_bounded_by_the_series_that_there_are() -> None:
    """A sampler that makes up new metrics for ever does not fill it."""
    registry = Registry()
    state = {"n": 0}

    def sample() -> Any:
        yield "kept", 1, None, COUNTER
        for _ in range(6_000):
            state["n"] += 1
            yield f"m{state['n']}", 1, None, {"kind": "counter"}

    registry.register({"name": "lab", "sample": sample})
    with Collector(registry, deadline=20.0) as consumer:
        for _ in range(4):
            snapshot = consumer.collect()
        (source,) = consumer._sources
        assert len(source.intake._admission._described) <= 12_001
        assert next(iter(snapshot))[0].kind == "counter"


@pytest.mark.clause("S-08")
def test_two_consumers_read_descriptions_each_for_itself() -> None:
    """What one met first does not bind the other."""
    registry = Registry()
    turns = iter([[("n", 1)], [("n", 1, None, COUNTER)], [("n", 2, None, COUNTER)]])
    registry.register({"name": "lab", "sample": lambda: next(turns)})
    with Collector(registry) as one, Collector(registry) as two:
        one.collect()
        kinds = [next(iter(consumer.collect()))[0].kind for consumer in (two, one)]
    assert kinds == ["counter", "gauge"]


@pytest.mark.clause("S-14")
def test_descriptions_change_no_value_of_the_fast_path() -> None:
    """Four items are read as three are, pull after pull."""
    rows = [("n", 1.0, {"i": n}, COUNTER) for n in range(50)]
    registry = Registry()
    registry.register(mapping("lab", *rows))
    with Collector(registry) as consumer:
        first, second = consumer.collect(), consumer.collect()
    assert values(first) == values(second)
    assert first.blocks[0].series is second.blocks[0].series
    assert not isinstance(next(iter(second))[1], HistogramValue)
