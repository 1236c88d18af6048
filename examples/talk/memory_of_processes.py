"""Memory: what one more process takes, and what adding up resident sizes makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame.load import Closed
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

TWO, FOUR, FORKED, THREADED = "2 processes", "4 processes", "4 preloaded", "1 of 4 threads"
_APPLICATION = {"TALK_IMPORTS": "sqlalchemy.orm", "TALK_OBJECTS": "300000"}


def _play(stage: Stage) -> None:
    for name, workers, options in (
        (TWO, 2, ()),
        (FOUR, 4, ()),
        (FORKED, 4, ("--preload",)),
        (THREADED, 1, ("-k", "gthread", "--threads", "4")),
    ):
        with (
            stage.serve(
                *options,
                workers=workers,
                nginx=False,
                samplers=["examples.talk.application:MEMORY"],
                env=_APPLICATION,
            ) as served,
            stage.phase(name),
        ):
            stage.load(served.port, 2, Closed(4, "/wait/0.02"))


SCENARIO = Scenario(
    name="memory_of_processes",
    title="Memory is processes times what each has for itself, and resident sizes do not add up",
    play=_play,
    programs=(),
    packages=("sqlalchemy",),
    signals=(
        Signal(
            "pss",
            "memory of all workers (PSS)",
            RISES,
            lambda w: w.last("memory_pss_bytes"),
            "By",
            "memory.pss",
        ),
        Signal(
            "unique",
            "what they share with nobody (USS)",
            RISES,
            lambda w: w.last("memory_unique_bytes"),
            "By",
            "memory.unique",
        ),
        Signal(
            "resident",
            "resident sizes, added up",
            MISLEADS,
            lambda w: w.last("process_memory_usage_bytes"),
            "By",
            "process.memory.usage",
        ),
    ),
    claims=(
        Claim(
            "Two workers take {pss[2 processes]}, of which {unique[2 processes]} are theirs "
            "alone. So two more should come to the sum of both; four take {pss[4 processes]}.",
            lambda f: (
                abs(f["pss"][TWO] + f["unique"][TWO] - f["pss"][FOUR]) < 0.2 * f["pss"][FOUR]
            ),
        ),
        Claim(
            "Loaded before the fork, four take {pss[4 preloaded]}.",
            lambda f: f["pss"][FORKED] < 0.85 * f["pss"][FOUR],
        ),
        Claim(
            "Their resident sizes add up to {resident[4 preloaded]}: what they share is in it "
            "four times.",
            lambda f: f["resident"][FORKED] > 1.3 * f["pss"][FORKED],
        ),
        Claim(
            "One process with four threads takes {pss[1 of 4 threads]}.",
            lambda f: f["pss"][THREADED] < 0.6 * f["pss"][FOUR],
        ),
    ),
)
