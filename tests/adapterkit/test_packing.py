"""Batches of whole entries: as many as fit, each entry counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit.packing import Packing, interleaved

words = st.text("ab", max_size=6).map(str.encode)


@given(st.lists(st.lists(words, max_size=12), max_size=5), st.integers(1, 20), st.booleans())
def test_each_batch_holds_as_many_whole_entries_as_fit(parts, limit, trimmed):
    """Added in any parts, in order; only an entry that is longer goes beyond the limit, alone."""
    packing, batches = Packing(limit, 1 if trimmed else 0), []
    entries = [word + b"\n" for part in parts for word in part]
    for part in parts:
        lines = [word + b"\n" for word in part]
        sizes = map(len, lines)
        batches += packing.add(b"".join(lines), len(lines), (), sizes)
    batches += packing.rest()
    wanted, size = [[]], 0
    for entry in entries:
        if wanted[-1] and size + len(entry) > limit + trimmed:
            wanted.append([])
            size = 0
        wanted[-1].append(entry)
        size += len(entry)
    shown = [b"".join(each) for each in wanted if each]
    assert [batch.samples for batch in batches] == [len(each) for each in wanted if each]
    assert [batch.frames for batch in batches] == [
        (each[:-1] if trimmed else each,) for each in shown
    ]


@given(st.lists(st.lists(words, max_size=12), max_size=5), st.integers(1, 20))
def test_lines_are_cut_where_their_sizes_would_cut_them(parts, limit):
    """The faster way is the same way."""
    one, other = Packing(limit, 1), Packing(limit, 1)
    for part in parts:
        lines = [word + b"\n" for word in part]
        data = b"".join(lines)
        found = list(one.add(data, len(lines), (), map(len, lines)))
        assert list(other.add(data, len(lines), (), map(len, lines), lines=True)) == found
    assert list(one.rest()) == list(other.rest())


def test_what_is_missing_counts_in_the_batch_of_its_place():
    """A reason is counted, an absent value is no entry, and neither takes bytes."""
    packing = Packing(4)
    sizes = [0, 2, 2, 0, 2]
    batches = [*packing.add(b"a\nb\nc\n", 5, [(0, "long"), (3, "")], sizes), *packing.rest()]
    assert [(b.frames, b.samples, b.refused) for b in batches] == [
        ((b"a\nb\n",), 2, {"long": 1}),
        ((b"c\n",), 1, {}),
    ]


def test_what_must_not_be_separated_begins_a_batch():
    """And is a frame of its own, where frames are not joined."""
    packing, batches = Packing(5, joined=False), []
    for data in (b"aaa", b"bb", b"cc"):
        batches += packing.add(data, 1)
    batches += packing.rest()
    assert [batch.frames for batch in batches] == [(b"aaa", b"bb"), (b"cc",)]


def test_entries_without_bytes_are_a_batch_without_frames():
    """As counters that have not moved; without entries there is no batch."""
    packing = Packing(9)
    packing.count(2)
    (batch,) = packing.rest()
    assert (batch.frames, batch.samples) == ((), 2)
    assert list(packing.rest()) == []


def test_an_entry_without_an_item_has_no_head():
    """Heads and items take turns."""
    assert interleaved([b"a", b"b"], [b"1", b""]) == ([b"a", b""], b"a1")
