"""Renderings are kept, only changes cost time, and no two have the same name."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sampler.adapterkit.render_cache import NotRendered, RenderCache, Unencodable
from tests.adapters.shapes import block, counter, gauge, snapshot, snapshot_of

COLLISION = NotRendered("collision")


def flat(series):
    return series.name.replace(".", "_")


class Counting:
    """A render function that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, series):
        self.calls += 1
        return flat(series)


def renderings(rendered, *blocks):
    return [list(made) for _, made in rendered.of(snapshot_of(*blocks))]


def test_a_series_is_rendered_once_while_its_tuple_stays():
    """A second pull with other values renders nothing."""
    render = Counting()
    rendered = RenderCache(render)
    pool = block((gauge("pool.a"), 1), (gauge("pool.b"), 2))
    first = rendered.of(snapshot_of(pool))
    pool.values = [3, 4]
    second = rendered.of(snapshot_of(pool))
    assert render.calls == 2
    assert first[0][1] is second[0][1]


def test_churn_in_one_block_costs_that_block_only():
    """One new series among a thousand is one call, and other blocks keep their lists."""
    render = Counting()
    rendered = RenderCache(render)
    still = block(*((gauge(f"still.m{i}"), i) for i in range(500)), sampler="still")
    entries = [(gauge(f"busy.m{i}"), i) for i in range(500)]
    before = rendered.of(snapshot_of(still, block(*entries)))
    assert render.calls == 1000
    entries = [*entries[1:], (gauge("busy.new"), 0)]
    after = rendered.of(snapshot_of(still, block(*entries)))
    assert render.calls == 1001
    assert before[0][1] is after[0][1]
    assert after[1][1][-1] == "busy_new"


def test_what_cannot_be_rendered_is_refused_with_its_reason():
    """Only that series is refused."""

    def render(series):
        if series.name == "pool.bad":
            raise Unencodable("too_long")
        return flat(series)

    made = renderings(RenderCache(render), block((gauge("pool.bad"), 1), (gauge("pool.good"), 1)))
    assert made == [[NotRendered("too_long"), "pool_good"]]


def test_of_two_series_with_one_name_the_first_owner_stays(caplog):
    """Whichever block the second is in; the log says so once."""
    rendered = RenderCache(flat)
    owner, other = block((gauge("a.b_c"), 1), sampler="a"), block((gauge("a_b.c"), 1))
    assert renderings(rendered, owner) == [["a_b_c"]]
    with caplog.at_level(logging.WARNING, "sampler"):
        assert renderings(rendered, other, owner) == [[COLLISION], ["a_b_c"]]
        more = block((gauge("a_b.c"), 1), (gauge("a_b.d"), 1))
        assert renderings(rendered, more, owner) == [[COLLISION, "a_b_d"], ["a_b_c"]]
    assert len(caplog.records) == 1
    assert "a.b_c" in caplog.text
    assert "a_b.c" in caplog.text


def test_a_name_becomes_free_when_its_owner_goes():
    """The refused one gets it in that pull, though its own block did not change."""
    rendered = RenderCache(flat)
    owner, other = block((gauge("a.b_c"), 1), sampler="a"), block((gauge("a_b.c"), 1))
    renderings(rendered, owner, other)
    assert renderings(rendered, other) == [["a_b_c"]]
    assert renderings(rendered, other, owner) == [["a_b_c"], [COLLISION]]


def test_a_reset_does_not_cost_an_owner_its_name():
    """To the backend the series after the reset is the same."""
    rendered = RenderCache(flat)
    series = counter("a.b_c")
    other = block((gauge("a_b.c"), 1))
    renderings(rendered, block((series, 9), sampler="a"), other)
    reset = block((series.restarted(5.0), 1), sampler="a")
    assert renderings(rendered, other, reset) == [[COLLISION], ["a_b_c"]]


def test_a_shared_name_is_refused_to_those_who_would_share_it_otherwise():
    """Series of one family share its name; a series of another kind is refused."""

    class Named(NamedTuple):
        names: tuple[tuple[str, str], ...]

    rendered = RenderCache(
        lambda s: (s.name, s.kind, *s.labels.values()),
        family=lambda s: Named(((s.name, s.kind),)),
    )
    one, two = gauge("x.y", state="a"), gauge("x.y", state="b")
    family = block((one, 1), (two, 1), (counter("x.y", state="c"), 1))
    (made,) = renderings(rendered, family)
    assert made[2] == COLLISION
    assert COLLISION not in made[:2]
    alone = block((family.series[2], 1))
    assert COLLISION not in renderings(rendered, alone)[0]


def test_many_collisions_at_once_are_a_few_lines(caplog):
    """The log names some and counts the rest."""
    with caplog.at_level(logging.WARNING, "sampler"):
        entries = [(gauge("a.b", n=str(i)), i) for i in range(100)]
        renderings(RenderCache(flat), block(*entries))
    assert len(caplog.records) == 6
    assert "94 more" in caplog.text


def test_a_defect_of_a_render_function_leaves_the_state_sound():
    """The next pull is as if nothing had happened."""
    broken = True

    def render(series):
        if broken and series.name == "pool.b":
            raise ZeroDivisionError
        return flat(series)

    rendered = RenderCache(render)
    pool = block((gauge("pool.a"), 1), (gauge("pool.b"), 1))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            rendered.of(snapshot_of(pool))
    broken = False
    assert renderings(rendered, pool) == [["pool_a", "pool_b"]]


def test_an_empty_snapshot_has_no_renderings():
    """And an empty block an empty list."""
    assert RenderCache(flat).of(snapshot_of()) == []
    assert renderings(RenderCache(flat), snapshot().blocks[0]) == [[]]


def test_a_rendering_may_name_a_name_twice():
    """When its series goes, others can have that name, and keep theirs."""
    rendered = RenderCache(flat, lambda made: (made, made))
    still = block((gauge("still.a"), 1), sampler="still")
    renderings(rendered, block((gauge("a.b"), 1)), still)
    assert renderings(rendered, still) == [["still_a"]]
    assert renderings(rendered, block((gauge("a.b"), 1)), still) == [["a_b"], ["still_a"]]


def test_an_update_that_is_stopped_halfway_leaves_no_name_taken():
    """As a signal's handler does it; the next snapshot is named anew."""
    broken = []

    def names(made):
        if broken:
            raise TimeoutError
        return (made,)

    rendered = RenderCache(flat, names)
    renderings(rendered, block((gauge("a.b"), 1)))
    broken.append(1)
    new = block((gauge("a.b"), 1), (gauge("a.c"), 1))
    with pytest.raises(TimeoutError):
        rendered.of(snapshot_of(new))
    broken.clear()
    assert renderings(rendered, new) == [["a_b", "a_c"]]


class Ownership(RuleBasedStateMachine):
    """Blocks come, go and change; names stay distinct and none is refused without a rival."""

    def __init__(self):
        super().__init__()
        self.render = Counting()
        self.rendered = RenderCache(self.render, self.names)
        self.blocks = {}
        self.seen = set()
        self.carried = set()
        self.alive = []

    @staticmethod
    def names(made):
        yield made, None
        yield made + "_count", None

    @rule(
        sampler=st.sampled_from("abc"),
        metrics=st.lists(
            st.sampled_from(["x", "x_count", "x_count_count", "y", "z"]), unique=True
        ),
        keep=st.booleans(),
    )
    def change(self, sampler, metrics, keep):
        """A sampler's set of series changes; series that stay may be reset."""
        old = {s.name: s for s in self.blocks[sampler].series} if sampler in self.blocks else {}
        series = [old[m] if keep and m in old else gauge(m) for m in metrics]
        self.blocks[sampler] = block(*((s, 1) for s in series), sampler=sampler)

    @rule(sampler=st.sampled_from("abc"))
    def leave(self, sampler):
        """A sampler goes."""
        self.blocks.pop(sampler, None)

    @invariant()
    def names_are_distinct_and_all_given_out(self):
        """Also: each series was rendered once, and an owner that lives keeps its name."""
        pulled = self.rendered.of(snapshot_of(*self.blocks.values()))
        carried, refused, here = {}, [], set()
        for each, made in pulled:
            self.seen.update(map(id, each.series))
            for series, rendering in zip(each.series, made, strict=True):
                here.add((each.sampler, series.name))
                if isinstance(rendering, NotRendered):
                    refused.append(series)
                    continue
                for name, _ in self.names(rendering):
                    assert name not in carried
                    carried[name] = (each.sampler, series.name)
        for series in refused:
            assert any(name in carried for name, _ in self.names(flat(series)))
        owners = set(carried.values())
        assert self.carried & here <= owners
        self.carried = owners
        self.alive += self.blocks.values()  # so that no id is used twice
        assert self.render.calls == len(self.seen)


TestOwnership = Ownership.TestCase
TestOwnership.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
