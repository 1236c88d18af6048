"""What is kept of a block: new values are found, and what stays is taken over."""

from __future__ import annotations

import pytest

from sampler.adapterkit.kept_blocks import KeptBlocks, new_places
from sampler.adapterkit.render_cache import NotRendered
from sampler.agent import ABSENT, Block, GiveWayTimer
from tests.adapters.shapes import counter, gauge, histogram
from tests.support.interpreter import knows_objects

A, B, C = gauge("a.b"), gauge("a.c"), counter("a.d")


def blocks(kept, series, made, values):
    """Return the block with what is kept of it."""
    ((block, found),) = kept.of([(Block("a", series, values, 1.0), made)], GiveWayTimer())
    return block, found


def update(block, found, write=str):
    """Write what is new, and return it."""
    with found.updating(block.values) as before:
        places = new_places(block.values, before, 0, len(block.values))
        for place in places:
            found.items[place] = write(block.values[place])
    return places


@knows_objects
def test_only_values_that_are_other_objects_are_new():
    """Equal ones of another type are, as their texts differ."""
    kept, series, made = KeptBlocks(""), (A, B), ["x", "y"]
    assert update(*blocks(kept, series, made, [1, 2.5])) == [0, 1]
    two = float("2.5")
    assert update(*blocks(kept, series, made, [1.0, two])) == [0, 1]
    assert update(*blocks(kept, series, made, [1, two])) == [0]


def test_what_was_written_for_series_that_stay_is_taken_over():
    """Wherever they are now, and nothing of others; a new rendering is written anew."""
    kept, values = KeptBlocks(""), [1.5, 2.5, 3.5]
    made = ["x", "y", "z"]
    update(*blocks(kept, (A, B, C), made, values))
    block, found = blocks(kept, (C, A), ["z", "x"], [values[2], values[0]])
    assert found.items == ["3.5", "1.5"]
    assert update(block, found) == []
    other = NotRendered("collision")
    block, found = blocks(kept, (C, A), [other, "x"], block.values)
    assert found.refused == {0: "collision"}
    assert update(block, found) == [0]


def test_nothing_counts_as_written_when_the_encoder_was_stopped_halfway():
    """Also if the values are those of the time before."""
    kept, series, made = KeptBlocks(""), (A, B), ["x", "y"]
    update(*blocks(kept, series, made, [0, 0]))
    block, found = blocks(kept, series, made, [1, 1])

    def fails(value):
        found.items[0] = str(value)
        raise OSError

    with pytest.raises(OSError):
        update(block, found, fails)
    assert update(*blocks(kept, series, made, [0, 0])) == [0, 1]
    assert found.items == ["0", "0"]


def test_runs_are_of_one_kind_and_not_too_long():
    """Histograms take longer, so there are fewer of them in a run."""
    series = (*(gauge(f"a.g{i}") for i in range(501)), *(histogram(f"a.h{i}") for i in range(101)))
    _, found = blocks(KeptBlocks(""), series, [""] * 602, [1] * 602)
    assert found.runs == [
        ("gauge", 0, 500),
        ("gauge", 500, 501),
        ("histogram", 501, 601),
        ("histogram", 601, 602),
    ]


def test_what_is_missing_has_its_reason():
    """An absent value is no entry, refused or not."""
    made = [NotRendered("long"), "y", NotRendered("long")]
    block, found = blocks(KeptBlocks(""), (A, B, C), made, [1, ABSENT, ABSENT])
    assert found.missing(block, 0, 3) == [(0, "long"), (1, ""), (2, "")]
    assert found.missing(block, 1, 2) == [(0, "")]


def test_blocks_of_one_name_keep_what_is_theirs():
    """Registrations may share a name if their constant labels differ."""
    kept, series = KeptBlocks(""), [(A, B), (C,)]
    made = [["x", "y"], ["z"]]

    def of(values):
        blocks = [
            Block("a", each, numbers, 1.0) for each, numbers in zip(series, values, strict=True)
        ]
        found = kept.of(list(zip(blocks, made, strict=True)), GiveWayTimer())
        return [update(block, each) for block, each in found]

    one, two, three = 1.5, 2.5, 3.5
    assert of([[one, two], [three]]) == [[0, 1], [0]]
    assert of([[one, two], [three]]) == [[], []]
    series[0], made[0] = (B,), ["y"]
    assert of([[two], [three]]) == [[], []]
