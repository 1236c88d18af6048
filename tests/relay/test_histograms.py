"""Histograms of many processes, added up: by the rule of the PEP (C-20), however they differ."""

from __future__ import annotations

from functools import reduce
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from sampler.agent import HistogramValue, merge
from sampler.relay.histograms import HistogramTotal, cells_of, counts_at, grown

EDGES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)


@st.composite
def values(draw: st.DrawFn) -> HistogramValue:
    """A histogram with some of the edges."""
    bounds = sorted(draw(st.sets(st.sampled_from(EDGES))))
    cells = draw(st.lists(st.integers(0, 3), min_size=len(bounds), max_size=len(bounds)))
    above = draw(st.integers(0, 3))
    at = list(accumulate(cells))
    return HistogramValue(sum(cells) + above, 1, tuple(zip(bounds, at, strict=True)))


@given(st.lists(values(), min_size=1, max_size=8))
def test_a_total_is_what_the_values_merge_to(all_values):
    """Known at the same bounds, with the same counts."""
    total = HistogramTotal()
    for value in all_values:
        total.know(value)
        total.add(value.bounds, cells_of(value.counts), value.count, value.sum)
    found, wanted = total.read(), reduce(merge, all_values)
    assert (found.count, found.sum) == (wanted.count, wanted.sum)
    assert [found.at(edge) for edge in EDGES] == [wanted.at(edge) for edge in EDGES]


@given(values(), values())
def test_growth_is_the_difference_or_all_after_a_reset(old, more):
    """Whatever their bounds."""
    new = merge(old, more)
    assert not new.fell_since(old)
    since = grown(new, old)
    assert since.count == more.count
    assert grown(old, new) == (old if old.fell_since(new) else grown(old, new))


@given(values(), st.sets(st.sampled_from(EDGES)))
def test_counts_at_more_bounds_are_those_that_are_known(value, more):
    """All of them or none; a bound that is missing leaves none."""
    bounds = tuple(sorted(more | set(value.bounds)))
    found = counts_at(bounds, value.bounds, value.counts, value.count)
    known = value.resampled(bounds)
    assert (found is None) == (known.bounds != bounds)
    if found is not None:
        assert tuple(found[0]) == known.counts
        assert sorted(found[1]) == sorted(more - set(value.bounds))
    if value.bounds:
        assert counts_at(bounds[1:], value.bounds, value.counts, value.count) is None or (
            bounds[0] not in value.bounds
        )


def test_a_total_stays_the_same_object_until_it_changes():
    """Encoders keep what they wrote for it."""
    total = HistogramTotal()
    value = HistogramValue(2, 1.0, ((1.0, 1), (2.0, 2)))
    total.know(value)
    total.add(value.bounds, cells_of(value.counts), value.count, value.sum)
    assert total.read() is total.read()
    total.know(value)
    assert total.read() is total.read()


def test_bounds_are_shown_before_anything_is_observed():
    """As a page's buckets are there from the start."""
    total = HistogramTotal()
    total.know(HistogramValue(7, 1.0, ((1.0, 3), (2.0, 7))))
    assert total.read().buckets == ((1.0, 0), (2.0, 0))


def test_a_lost_bound_is_told():
    """And only that: bounds between which nothing lies are not lost."""
    total = HistogramTotal()
    for value in (
        HistogramValue(1, 1.0, ((0.5, 0), (2.0, 1))),
        HistogramValue(1, 1.0, ((2.0, 0), (5.0, 1))),
    ):
        total.know(value)
        total.add(value.bounds, cells_of(value.counts), value.count, value.sum)
    assert not total.lost
    total.add((1.0, 2.0), (1, 0), 1, 1.0)
    assert total.lost
