"""Histogram arithmetic: what is kept is exact, what is not known is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import HistogramValue
from sampler._contract.histogram import Lineage, difference, merge

observations = st.lists(st.integers(0, 20), max_size=25)
bounds = st.lists(st.integers(0, 20), max_size=8, unique=True).map(sorted)


def made(seen: list[int], uppers: list[int]) -> HistogramValue:
    """What a source with these bounds reports; bounds that do not matter may be left out."""
    pairs = tuple((float(u), sum(v <= u for v in seen)) for u in uppers)
    return HistogramValue(len(seen), float(sum(seen)), pairs)


@given(seen=observations, uppers=bounds, at=st.integers(-1, 21))
def test_a_count_that_is_known_is_right(seen, uppers, at) -> None:
    """Between two bounds the count is known exactly when nothing can lie between them."""
    known = made(seen, uppers).at(at)
    assert known is None or known == sum(v <= at for v in seen)
    if at in uppers or not seen:
        assert known is not None


@given(one=observations, other=observations, a=bounds, b=bounds)
@pytest.mark.clause("C-20")
def test_a_merge_is_the_histogram_of_all_observations(one, other, a, b) -> None:
    """Every bound it keeps has the true count, and bounds common to both are kept."""
    merged = merge(made(one, a), made(other, b))
    assert (merged.count, merged.sum) == (len(one) + len(other), sum(one) + sum(other))
    kept = dict(merged.buckets)
    assert kept == {u: sum(v <= u for v in one + other) for u in kept}
    assert set(a) & set(b) <= kept.keys()
    assert sorted(kept) == list(kept)


@given(earlier=observations, more=observations, a=bounds, b=bounds)
@pytest.mark.clause("C-20")
def test_a_difference_is_the_histogram_of_what_came_between(earlier, more, a, b) -> None:
    """Also when the source changed its bounds meanwhile; no reset is seen where there was none."""
    before, after = made(earlier, a), made(earlier + more, b)
    assert not after.fell_since(before)
    grown = difference(after, before)
    assert (grown.count, grown.sum) == (len(more), sum(more))
    assert all(count == sum(v <= u for v in more) for u, count in grown.buckets)


@given(seen=observations.filter(bool), uppers=bounds.filter(bool))
def test_fewer_observations_are_a_reset(seen, uppers) -> None:
    """A lower count, or a lower count at a shared bound, cannot follow."""
    whole = made(seen, uppers)
    assert made(seen[1:], uppers).fell_since(whole)
    low = min(seen)
    if low <= uppers[-1]:
        moved = [21 if v == low else v for v in seen]
        assert made(moved, uppers).fell_since(whole)


@given(seen=observations.filter(bool), uppers=bounds.filter(bool), q=st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_its_rank(seen, uppers, q) -> None:
    """It never lies above the highest bound, nor outside the bucket that holds the rank."""
    value = made(seen, uppers).quantile(q)
    assert value is not None
    assert min(0, uppers[0]) <= value <= uppers[-1]
    reached = [u for u in uppers if sum(v <= u for v in seen) >= q * len(seen)]
    if reached and sum(v <= reached[0] for v in seen) > 0:
        assert value <= reached[0]


def test_nothing_observed_has_no_quantile() -> None:
    """Without observations, or without bounds, there is nothing to say."""
    assert HistogramValue(0, 0.0, ((1.0, 0),)).quantile(0.5) is None
    assert HistogramValue(3, 1.0).quantile(0.5) is None
    assert merge(HistogramValue(1, None), HistogramValue(1, 2.0)).sum is None


@pytest.mark.parametrize(
    "other",
    [
        HistogramValue(3, 1.0, ((1.0, 1),), 3, 0.5),
        HistogramValue(2, 2.0, ((1.0, 1),), 3, 0.5),
        HistogramValue(2, None, ((1.0, 1),), 3, 0.5),
        HistogramValue(2, 1.0, ((1.0, 2),), 3, 0.5),
        HistogramValue(2, 1.0, ((2.0, 1),), 3, 0.5),
        HistogramValue(2, 1.0, ((1.0, 1),), 4, 0.5),
        HistogramValue(2, 1.0, ((1.0, 1),), 3, 0.25),
    ],
)
def test_histograms_are_equal_when_all_that_they_say_is(other) -> None:
    """Whatever they were read from; and nothing else is equal to one."""
    one = HistogramValue(2, 1.0, ((1.0, 1),), 3, 0.5)
    same = HistogramValue(2, 1.0, ((1.0, 1),), 3, 0.5, lineage=Lineage())
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != (2, 1.0)
    assert len({one, same, other}) == 2
