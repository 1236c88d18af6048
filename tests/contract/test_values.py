"""One value at its limits: what is kept, what is left out, and why something is refused."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import pytest

from sampler import HistogramValue, Series
from sampler._contract.histogram import difference, merge
from sampler._contract.values import (
    RefusedSample,
    add,
    copy_mapping,
    fell,
    in_range,
    plain_value,
    subtract,
)

BIG = 2**63
HISTOGRAM = Series("m.h", {}, "histogram")


@pytest.mark.parametrize(
    ("value", "fitting"),
    [
        (0, True),
        (BIG - 1, True),
        (BIG, False),
        (-BIG, True),
        (-BIG - 1, False),
        (0.0, True),
        (1.5, True),
        (-1.7e308, True),
        (math.inf, False),
        (math.nan, False),
        (HistogramValue(BIG - 1, None), True),
        (HistogramValue(BIG, None), False),
        (HistogramValue(1, 2.5), True),
        (HistogramValue(1, BIG - 1), True),
        (HistogramValue(1, BIG), False),
        (HistogramValue(1, math.inf), False),
    ],
)
def test_a_sum_fits_as_far_as_a_snapshot_holds_numbers(value: Any, fitting: bool) -> None:
    """64 bits of integer, finite floats; of a histogram, count and sum."""
    assert in_range(value) is fitting


@pytest.mark.parametrize(
    ("given", "scale", "zero"),
    [
        ({"scale": 2**31 - 1}, 2**31 - 1, None),
        ({"scale": -(2**31) + 1}, -(2**31) + 1, None),
        ({"scale": 2**31}, None, None),
        ({"scale": -(2**31)}, None, None),
        ({"scale": True}, None, None),
        ({"scale": 1.0}, None, None),
        ({"zero_threshold": 0}, None, 0.0),
        ({"zero_threshold": 0.25}, None, 0.25),
        ({"zero_threshold": BIG - 1}, None, float(BIG)),
        ({"zero_threshold": BIG}, None, None),
        ({"zero_threshold": -1e-9}, None, None),
        ({"zero_threshold": math.nan}, None, None),
        ({"zero_threshold": "0"}, None, None),
    ],
)
def test_what_only_describes_a_histogram_is_left_out_when_it_is_odd(
    given: dict[str, Any], scale: int | None, zero: float | None
) -> None:
    """The counts stand."""
    taken = plain_value({"count": 1, "buckets": {1: 1}, **given}, HISTOGRAM)
    assert taken == HistogramValue(1, None, ((1.0, 1),), scale, zero)
    assert isinstance(taken, HistogramValue)
    assert type(taken.zero_threshold) in {float, type(None)}


@pytest.mark.parametrize("sum_", [None, math.nan])
def test_a_sum_may_be_unknown(sum_: Any) -> None:
    """Then there is none; a sum of 0 is one."""
    assert plain_value({"count": 1, "sum": sum_}, HISTOGRAM) == HistogramValue(1, None)
    assert plain_value({"count": 1, "sum": 0}, HISTOGRAM) == HistogramValue(1, 0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"count": 1, "buckets": [(1, 1)]}, "histogram"),
        ({"count": 1, "buckets": 7}, "histogram"),
        ({"count": -1}, "histogram"),
        ({"count": 1.0}, "histogram"),
        ({"sum": 1}, "histogram"),
        ({"count": 1, "buckets": {1: 1.0}}, "histogram"),
        ({"count": 1, "buckets": {1: 2}}, "histogram"),
        ({"count": 3, "buckets": {1: 2, 2: 1}}, "histogram"),
        ({"count": 3, "buckets": {1: -1}}, "histogram"),
        ({"count": 3, "buckets": {math.inf: 2}}, "histogram"),
        ({"count": 3, "buckets": {-math.inf: 0}}, "histogram"),
        ({"count": 3, "buckets": {math.nan: 0}}, "histogram"),
        ({"count": 3, "buckets": {"1": 1, 1.0: 1}}, "type"),
        ({"count": BIG}, "out_of_range"),
        ({"count": 1, "sum": math.inf}, "not_finite"),
        ({"count": "1"}, "type"),
        (7, "type"),
        (7.0, "type"),
        ("text", "type"),
    ],
)
def test_a_torn_histogram_says_what_is_torn(value: Any, reason: str) -> None:
    """By the reason under which it is counted, and with the series' name."""
    with pytest.raises(RefusedSample) as refused:
        plain_value(value, HISTOGRAM)
    assert refused.value.reason == reason
    assert "m.h" in refused.value.message
    assert refused.value.clause == "S-21"


def test_a_bound_is_given_once_however_it_is_written() -> None:
    """Minus zero is zero, an integer its float."""
    taken = plain_value({"count": 2, "buckets": {-0.0: 1, 2: 2, math.inf: 2}}, HISTOGRAM)
    assert isinstance(taken, HistogramValue)
    assert taken.buckets == ((0.0, 1), (2.0, 2))
    assert math.copysign(1, taken.buckets[0][0]) == 1
    with pytest.raises(RefusedSample, match="twice"):
        plain_value({"count": 2, "buckets": {1: 1, Twin(1.0): 1}}, HISTOGRAM)


class Endless(dict[int, int]):
    """An empty dict that says it has keys without end."""

    def __iter__(self) -> Any:
        return count()

    keys = __iter__

    def __getitem__(self, key: int) -> int:
        return key


class Twin(float):
    """Equal to a float, and another key."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 12345

    def __eq__(self, other: object) -> bool:
        return self is other


def test_a_table_is_copied_to_one_key_beyond_what_is_taken() -> None:
    """Whole when it is no larger."""
    whole = {n: str(n) for n in range(3)}
    assert copy_mapping(whole, 3) == copy_mapping(whole, 4) == whole
    assert copy_mapping(whole, 3) is not whole
    assert len(copy_mapping({n: n for n in range(9)}, 3)) > 3
    assert len(copy_mapping(Endless(), 3)) > 3


@pytest.mark.parametrize(
    ("q", "expected"),
    [(0.0, 0.0), (0.25, 5.0), (0.5, 10.0), (0.75, 30.0), (0.9, 30.0), (1.0, 30.0)],
)
def test_a_quantile_is_found_within_its_bucket(q: float, expected: float) -> None:
    """From zero, or the first bound below it; above the last bound that bound stands."""
    assert HistogramValue(8, None, ((10.0, 4), (20.0, 4), (30.0, 6))).quantile(q) == expected
    shifted = HistogramValue(4, None, ((-5.0, 2), (5.0, 4)))
    assert (shifted.quantile(0.25), shifted.quantile(0.75)) == (-5.0, 0.0)


def test_what_has_no_quantile() -> None:
    """No observation, or no bound."""
    assert HistogramValue(0, 0.0, ((1.0, 0),)).quantile(0.5) is None
    assert HistogramValue(3, 1.0).quantile(0.5) is None


@pytest.mark.parametrize("combine", [merge, difference])
@pytest.mark.parametrize(
    ("scale", "zero", "kept"),
    [(3, 0.5, (3, 0.5)), (2, 0.5, (None, None)), (3, 0.25, (None, None))],
)
def test_a_scale_stays_while_both_have_it(
    combine: Any, scale: int, zero: float, kept: Any
) -> None:
    """With the width of the zero bucket."""
    one = HistogramValue(3, 3.0, ((1.0, 2),), 3, 0.5)
    other = HistogramValue(1, 1.0, ((1.0, 1),), scale, zero)
    combined = combine(one, other)
    assert (combined.scale, combined.zero_threshold) == kept


def test_a_histogram_is_a_mapping_and_never_false() -> None:
    """Of what is known of it."""
    empty, whole = HistogramValue(0, None), HistogramValue(2, 3.0, ((1.0, 1),), 3, 0.5)
    assert bool(empty) is True
    assert dict(empty) == {"count": 0, "buckets": {}}
    assert (len(empty), len(whole)) == (2, 5)
    assert list(whole.values()) == [2, 3.0, {1.0: 1}, 3, 0.5]
    assert "sum" not in empty
    assert empty.get("sum") is None
    assert whole["scale"] == 3
    with pytest.raises(KeyError):
        empty["sum"]
    with pytest.raises(KeyError):
        whole["lineage"]


@pytest.mark.parametrize(
    ("later", "earlier", "fallen"),
    [
        (5, 5, False),
        (0.5, 0.5, False),
        (5, 4, False),
        (4, 5, True),
        (HistogramValue(2, 2.0), HistogramValue(2, 2.0), False),
        (HistogramValue(1, 1.0), HistogramValue(2, 2.0), True),
        (HistogramValue(2, 2.0, ((1.0, 1),)), HistogramValue(2, 2.0, ((1.0, 2),)), True),
        (HistogramValue(3, 2.0, ((1.0, 1),)), HistogramValue(2, 2.0, ((1.0, 1),)), False),
        (HistogramValue(3, 2.0, ((1.0, 3),)), HistogramValue(2, 2.0, ((1.0, 1),)), True),
    ],
)
def test_what_stays_has_not_fallen(later: Any, earlier: Any, fallen: bool) -> None:
    """Of a histogram: no observation has left any range that both have."""
    assert bool(fell(later, earlier)) is fallen


def test_values_are_added_and_subtracted_as_what_they_are() -> None:
    """Numbers as numbers, histograms bucket by bucket."""
    assert (add(2, 3), subtract(3, 2)) == (5, 1)
    one, other = HistogramValue(3, 4.0, ((1.0, 2),)), HistogramValue(1, 1.5, ((1.0, 1),))
    assert add(one, other) == HistogramValue(4, 5.5, ((1.0, 3),))
    assert subtract(one, other) == HistogramValue(2, 2.5, ((1.0, 1),))
    assert add(one, HistogramValue(1, None, ((1.0, 1),))) == HistogramValue(4, None, ((1.0, 3),))


def test_a_value_that_is_an_exception_is_shown_and_another_named() -> None:
    """A gauge's function that failed is told by what it raised."""
    gauge = Series("m.g", {})
    with pytest.raises(RefusedSample, match=r"got ValueError\('full'\)"):
        plain_value(ValueError("full"), gauge)
    with pytest.raises(RefusedSample, match=r"got list$"):
        plain_value([], gauge)
