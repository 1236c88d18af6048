"""A histogram's parts have their names for themselves, though only one is kept."""

from __future__ import annotations

import pytest

from sampler.adapterkit.part_names import PART, part_families
from sampler.adapterkit.render_cache import COLLISION, RenderCache
from tests.adapters.shapes import counter, gauge, histogram, snapshot


def stem(name, labels, word=PART):
    return f"{name}.{word} {dict(labels)}"


def render(series):
    if series.kind == "histogram":
        return stem(series.name, series.labels)
    return f"{series.name} {dict(series.labels)}"


@pytest.mark.parametrize(
    ("series", "refused"),
    [
        ([histogram("a.b"), counter("a.b.sum")], [1]),
        ([counter("a.b.sum"), histogram("a.b")], [1]),
        ([counter("a.b.sum"), gauge("a.b.count"), histogram("a.b")], [2]),
        ([histogram("a.b"), histogram("a.b")], [1]),
        ([histogram("a.b"), counter("a.b.sum", k="v")], []),
        ([histogram("a.b"), counter("a.b.p50")], []),
        ([histogram("a.b"), histogram("a.b.sum")], []),
        ([counter("a.b.sum"), gauge("a.b.count")], []),
    ],
)
def test_a_series_that_is_named_like_a_part_cannot_have_its_name(series, refused):
    """With the same labels, and whoever comes first."""
    cache = RenderCache(render, family=part_families(("sum", "count"), stem))
    ((_, made),) = cache.of(snapshot(*((each, 1) for each in series)))
    assert [i for i, each in enumerate(made) if each is COLLISION] == refused


def test_a_name_is_free_when_the_last_of_its_sort_has_gone():
    """The histogram that waited has it then."""
    cache = RenderCache(render, family=part_families(("sum", "count"), stem))
    one, other, wait = counter("a.b.sum"), gauge("a.b.count"), histogram("a.b")
    for series, refused in (([one, other, wait], [2]), ([other, wait], [1]), ([wait], [])):
        ((_, made),) = cache.of(snapshot(*((each, 1) for each in series)))
        assert [i for i, each in enumerate(made) if each is COLLISION] == refused
