"""Path segments, label segments and prefix templates."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sampler.adapterkit.dotted_paths import (
    MAX_SEGMENT,
    Alphabet,
    expand_template,
    label_segments,
    segment,
    series_path,
    template_fault,
)
from tests.adapters.shapes import IDENTITY, labels, names, texts

SAFE = re.compile(r"[A-Za-z0-9_-]+")
TWINS = ("\u4e27\u4e18", "\u4e27\u5465")
"""Two texts whose SHA-256 begins with the same 32 bits, found in half a second."""
ALPHABETS = st.sampled_from(["_-", "_.-", "_.:-"]).map(Alphabet)


@pytest.mark.parametrize("text", ["idle", "a_b-C9", "-", "x" * 200, "-deadbeef", "a-" + "b" * 25])
def test_safe_text_is_its_own_segment(text):
    """Nothing is changed unnecessarily."""
    assert segment(text) == text


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("a b", "a_b"),
        ("GET /x", "GET_x"),
        ("x-" + "a7" * 13, "x-" + "a7" * 13),
        ("é", ""),
        ("", ""),
    ],
)
def test_other_text_becomes_stem_and_digest(text, stem):
    """The stem stays readable; a text that looks like a result is changed, too."""
    assert re.fullmatch(re.escape(stem) + "-[a-z2-7]{26}", segment(text))


@given(st.one_of(texts, st.text()), st.integers(27, MAX_SEGMENT))
def test_a_segment_is_safe_and_bounded(text, limit):
    """Only letters, digits, _ and -, and at most the limit."""
    assert SAFE.fullmatch(segment(text, limit))
    assert len(segment(text, limit)) <= limit


@given(st.one_of(texts, st.text()), st.one_of(texts, st.text()))
@example("a b", "a_b")
@example("a b", segment("a b"))
@example("a\nb", "a b")
def test_segments_of_different_texts_differ(one, other):
    """The mapping is injective, its own results included."""
    assert (segment(one) == segment(other)) == (one == other)


@given(ALPHABETS, st.lists(st.one_of(texts, st.text()), min_size=2), st.integers(27, MAX_SEGMENT))
def test_every_way_of_writing_keeps_texts_apart_and_within_the_limit(alphabet, given, limit):
    """For tag values and segments; a result may be the input of another call."""
    given += [alphabet.write(text, limit) for text in given]
    written = {text: alphabet.write(text, limit) for text in given}
    assert len(set(written.values())) == len(written)
    assert all(1 <= len(text) <= limit for text in written.values())


@pytest.mark.scenario(57)
@pytest.mark.parametrize("more", ["_-", "_.-", "_.:-"])
def test_texts_whose_digests_begin_alike_are_written_differently(more):
    """Stem and length are the same, and 32 bits of a mark would be."""
    first, second = map(Alphabet(more).write, TWINS)
    assert first != second
    assert len(first) == len(second) == 27


@pytest.mark.scenario(57)
def test_labels_and_identities_whose_digests_begin_alike_have_paths_of_their_own():
    """In a value, in a key that is cut and in a prefix."""
    first, second = ({"service": text} for text in TWINS)
    assert label_segments(first) != label_segments(second)
    assert expand_template("{service}", first) != expand_template("{service}", second)


@given(labels, labels)
@example({"a.b": "x"}, {"a_b": "x"})
@example({"a": "b.c-d"}, {"a": "b", "c": "d"})
@example({"a" * 150: "x"}, {"a" * 149: "x"})
def test_label_segments_of_different_labels_differ(one, other):
    """Keys with dots, long keys and values that look like other labels stay apart."""
    assert (label_segments(one) == label_segments(other)) == (one == other)


def test_labels_are_sorted_segments_of_key_and_value():
    """Dots of a key are doubled underscores."""
    assert label_segments({"state": "idle", "db.name": "a.b"}) == (
        f"db__name-{segment('a.b')}.state-idle"
    )


@given(names, labels)
def test_every_segment_of_a_series_path_is_safe(name, pairs):
    """Also of the longest labels."""
    for part in series_path(name, pairs, "count").split("."):
        assert SAFE.fullmatch(part)
        assert len(part) <= MAX_SEGMENT


def test_a_suffix_stands_behind_the_name():
    """So that name and suffix are together, labels or not."""
    assert series_path("db.wait", {"pool": "a"}, "count") == "db.wait.count.pool-a"


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("{service}.{host}.{instance}", "shop.web_example.0"),
        ("", ""),
        ("prod.{service}-{pid}", "prod.shop-7"),
    ],
)
def test_a_template_is_filled_from_the_identity(template, expanded):
    """A host's dots become underscores."""
    assert template_fault(template) is None
    assert expand_template(template, IDENTITY) == expanded


@given(st.dictionaries(st.sampled_from(["service", "host", "instance", "role"]), st.text()))
def test_an_expanded_template_is_safe_whatever_the_identity(identity):
    """Missing, empty and hostile values included."""
    for part in expand_template("{service}.{host}{instance}{role}", identity).split("."):
        assert SAFE.fullmatch(part)
        assert len(part) <= MAX_SEGMENT


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{servce}", "did you mean 'service'?"),
        ("{service", "brace"),
        ("service}", "brace"),
        ("{host!r}", "unknown placeholder"),
        ("{host:>9}", "unknown placeholder"),
        ("{}", "unknown placeholder"),
        ("a b", "' ' is not allowed"),
        ("a;b", "';' is not allowed"),
        ("a{{b", "'{' is not allowed"),
        ("a..b", "empty segment"),
        ("{service}.", "empty segment"),
        (".", "empty segment"),
    ],
)
def test_a_bad_template_is_explained(template, words):
    """One sentence says what is wrong."""
    assert words in template_fault(template)
