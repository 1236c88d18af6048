"""What is the program's own, and what comes with this project."""

from __future__ import annotations

from importlib.metadata import distribution

from sampler.page.ranks import ACCOUNT, BUILT_IN, COUNTED, PROGRAM, RANKS, rank_of

UNANNOUNCED = {
    "http.server": COUNTED,
    "server": BUILT_IN,
    "sampler.relay": BUILT_IN,
    "sampler": ACCOUNT,
}
"""Samplers that are there without an entry point: of the middleware, a relay, and an agent."""
GROUPS = ("sampler.built_in", "sampler.once", "sampler.samplers.")


def announced() -> dict[str, int]:
    """Return the rank that each sampler of our entry points should have."""
    points = distribution("sampler-api").entry_points
    return {
        point.name: COUNTED if point.module.startswith("sampler.contrib.") else BUILT_IN
        for point in points
        if point.group.startswith(GROUPS)
    }


def test_every_sampler_that_comes_with_this_project_has_its_rank() -> None:
    """And nothing else has one."""
    assert {**announced(), **UNANNOUNCED} == RANKS


def test_what_nobody_knows_is_the_programs_own() -> None:
    """Bridges, too: what others count is the program's."""
    assert {rank_of(name) for name in ("shop", "sampler_x", "prometheus_client")} == {PROGRAM}
