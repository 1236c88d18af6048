"""Foreign names: valid ones stay, all others become valid, and no two become one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler._contract.names import is_name
from sampler.bridges import _names
from sampler.bridges._names import LONGEST, LabelNames, Names

NAMES = st.text(st.sampled_from("aAbB1_:./-é "), min_size=1, max_size=8) | st.text(max_size=300)


@given(st.lists(NAMES, max_size=30))
def test_any_names_become_valid_ones_and_no_two_become_one(originals):
    """Not even where a backend writes dots as underscores."""
    names = Names()
    found = {each: names.of(each) for each in originals}
    assert all(is_name(name) and len(name) <= LONGEST for name in found.values())
    assert len({name.replace(".", "_") for name in found.values()}) == len(found)


@given(st.lists(st.from_regex(r"[a-z]{1,3}(_[a-z0-9]{1,2}){0,2}", fullmatch=True), max_size=20))
def test_valid_names_stay_as_they_are(originals):
    """Whatever else is learned with them."""
    names = Names()
    names.learn([*(each.upper() for each in originals), *originals])
    assert [names.of(each) for each in originals] == originals


@given(st.lists(NAMES, max_size=20, unique=True), st.randoms())
def test_names_that_are_learned_together_are_the_same_in_any_order(originals, random):
    """So all processes of a server call a series alike."""
    one, other = Names(), Names()
    one.learn(originals)
    random.shuffle(originals)
    other.learn(originals)
    assert [one.of(each) for each in originals] == [other.of(each) for each in originals]


def test_a_mapped_name_can_still_be_read():
    """Humps and separators part words."""
    names = Names()
    assert names.of("httpRequests") == "http_requests"
    assert names.of("job:latency:mean5m") == "job.latency.mean5m"
    assert names.of("Memory/Physical Used") == "memory.physical_used"
    assert names.of("5xx") == "n5xx"
    assert names.of("http_Requests").startswith("http_requests_")


def test_a_name_that_may_not_be_used_is_marked():
    """As the label that consumers keep for themselves."""
    assert LabelNames().of("overflow").startswith("overflow_")


def test_names_that_never_end_take_bounded_memory_and_stay_apart(monkeypatch):
    """As where a key is a customer. Those that are remembered keep their names."""
    monkeypatch.setattr(_names, "_MOST", 100)
    names = Names()
    known = {each: names.of(each) for each in ("statusCode", "status_code", "depth")}
    found = {names.of(f"User{n}") for n in range(1_000)}
    assert len(found) == 1_000
    assert len(names._known) == 100
    assert names.of("user999") == "user999"
    assert names.of("User999") in found
    assert {each: names.of(each) for each in known} == known
    assert names.of("status.code") != known["status_code"]


@given(st.lists(NAMES, max_size=30))
def test_of_labels_valid_ones_stay_though_others_differ_in_dots_only(originals):
    """They are of other series; and no two become one."""
    names = LabelNames()
    valid = [each for each in originals if is_name(each) and each != "overflow"]
    names.learn([*originals, "a_b", "a.b"])
    assert [names.of(each) for each in (*valid, "a_b", "a.b")] == [*valid, "a_b", "a.b"]
    every = {*originals, "a_b", "a.b"}
    assert len({names.of(each) for each in every}) == len(every)
