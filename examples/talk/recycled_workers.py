"""Recycling: a worker that ends after so many requests takes what it had loaded with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Open
from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

KEPT, RECYCLED, PRELOADED = "kept", "max-requests 20", "max-requests 20, preloaded"
_HEAVY = "sqlalchemy.orm"


def _play(stage: Stage) -> None:
    clients = Open(25, f"/import/{_HEAVY}")
    recycled = ("--max-requests", "20")
    for name, options, env in (
        (KEPT, (), {}),
        (RECYCLED, recycled, {}),
        (PRELOADED, (*recycled, "--preload"), {"TALK_IMPORTS": _HEAVY}),
    ):
        with stage.serve(*options, workers=2, env=env) as served, stage.phase(name, whole=True):
            stage.load(served.port, 6, clients)


SCENARIO = Scenario(
    name="recycled_workers",
    title="Recycling hides a leak, and each new worker is slow again",
    play=_play,
    packages=("sqlalchemy",),
    signals=(
        Signal("slow", "clients who waited over 0.1 s", SEEN, lambda w: w.slower(0.1)),
        Signal(
            "starts",
            "workers started",
            RISES,
            lambda w: w.last("server_process_starts_total"),
            metric="server.process.starts",
        ),
        signals.modules(RISES),
        signals.first(RISES),
        signals.waited(title="answer, median"),
        Signal(
            "memory",
            "resident sizes, added up",
            MISLEADS,
            lambda w: w.highest("process_memory_usage_bytes"),
            "By",
            "process.memory.usage",
        ),
    ),
    claims=(
        Claim(
            "With max-requests {starts[max-requests 20]} workers were started instead of "
            "{starts[kept]}.",
            lambda f: f["starts"][RECYCLED] > f["starts"][KEPT],
        ),
        Claim(
            "Each imports what it needs in a request again: {modules[max-requests 20]} modules, "
            "instead of {modules[kept]}.",
            lambda f: f["modules"][RECYCLED] > 1.2 * f["modules"][KEPT],
        ),
        Claim(
            "Memory stays where it is, at {memory[max-requests 20]} at most; with workers that "
            "are kept {memory[kept]}.",
            lambda f: f["memory"][RECYCLED] < 1.6 * f["memory"][KEPT],
        ),
        Claim(
            "Preloaded, new workers have it from the start: {modules[max-requests 20, "
            "preloaded]} modules are imported by requests, and the longest first one takes "
            "{first[max-requests 20, preloaded]} instead of {first[max-requests 20]}.",
            lambda f: (
                f["starts"][PRELOADED] > f["starts"][KEPT]
                and f["modules"][PRELOADED] < f["modules"][KEPT] / 5
            ),
        ),
    ),
)
