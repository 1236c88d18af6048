"""Where two tuples of series differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit._same_ends import same_ends
from tests.adapters.shapes import gauge

SERIES = [gauge(f"a.n{i}") for i in range(5)]
some = st.lists(st.sampled_from(SERIES), max_size=6).map(tuple)


@given(before=some, after=some)
def test_what_is_between_the_ends_is_all_that_differs(before, after):
    """And the ends are as long as they can be."""
    first, last = same_ends(before, after)
    assert before[:first] == after[:first]
    assert before[len(before) - last :] == after[len(after) - last :]
    shorter = min(len(before), len(after))
    assert first + last <= shorter
    if first < shorter:
        assert before[first] is not after[first]
    if first + last < shorter:
        assert before[-last - 1] is not after[-last - 1]
