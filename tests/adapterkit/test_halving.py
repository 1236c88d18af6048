"""Batches that are halved: of lines, and of formats whose size is not known before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit.halving import halved_lines, written_halves
from sampler.agent import Batch


@given(st.lists(st.integers(0, 300), max_size=60))
def test_batches_are_below_the_limit_and_have_every_entry_once(sizes):
    """In order; one that is too long alone is refused."""

    def write(entries):
        return b"".join(b"%d" % place + b"." * size + b"\n" for place, size in entries)

    batches = list(written_halves(list(enumerate(sizes)), write, 200))
    assert sum(batch.entries for batch in batches) == len(sizes)
    assert all(batch.size <= 200 for batch in batches)
    places = [line.split(b".")[0] for b in batches for f in b.frames for line in f.splitlines()]
    fits = [
        b"%d" % place for place, size in enumerate(sizes) if len(write([(place, size)])) <= 200
    ]
    assert places == fits
    refused = sum(batch.refused.get("too_long", 0) for batch in batches)
    assert refused == len(sizes) - len(fits)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), min_size=2))
def test_halves_of_lines_are_all_of_them(lines):
    """With the note, and what is refused once."""
    data = b"".join(line + b"\n" for line in lines)
    batch = Batch((data[:5], data[5:]), len(lines), {"collision": 2}, "note")
    one, other = halved_lines(batch)
    assert b"".join(one.frames + other.frames) == data
    assert (one.samples + other.samples, one.entries + other.entries) == (
        len(lines),
        batch.entries,
    )
    assert min(one.samples, other.samples) == len(lines) // 2
    assert one.note == other.note == "note"
