"""Lazy start-up: what is imported by the first request is paid by a client, in each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Closed
from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

LAZY, EAGER, PRELOADED = "imported by requests", "imported at the start", "preloaded"
_HEAVY = "sqlalchemy.orm"


def _play(stage: Stage) -> None:
    clients = Closed(3, f"/import/{_HEAVY}")
    for name, options, env in (
        (LAZY, (), {}),
        (EAGER, (), {"TALK_IMPORTS": _HEAVY}),
        (PRELOADED, ("--preload",), {"TALK_IMPORTS": _HEAVY}),
    ):
        with stage.serve(*options, workers=2, env=env) as served, stage.phase(name, whole=True):
            stage.load(served.port, 3, clients, least=100)


SCENARIO = Scenario(
    name="lazy_start",
    title="What is loaded lazily is loaded while a client waits, once for each worker",
    play=_play,
    told=(EAGER, LAZY),
    packages=("sqlalchemy",),
    signals=(
        Signal("slowest", "slowest answer", SEEN, lambda w: w.waited(part=1.0), "s"),
        signals.first(RISES),
        signals.modules(RISES),
        signals.waited(title="answer, median"),
        signals.application(MISLEADS),
    ),
    claims=(
        Claim(
            "The first request of a worker takes {first[imported by requests]} when it has to "
            "import what it needs, and {first[imported at the start]} when that is there.",
            lambda f: f["first"][LAZY] > 3 * f["first"][EAGER],
        ),
        Claim(
            "Two workers import {modules[imported by requests]} modules in requests; "
            "{modules[imported at the start]} when the application imports them as it starts, "
            "{modules[preloaded]} when it is loaded before the workers are forked.",
            lambda f: (
                f["modules"][LAZY] > 100
                and f["modules"][EAGER] < f["modules"][LAZY] / 5
                and f["modules"][PRELOADED] < f["modules"][LAZY] / 5
            ),
        ),
        Claim(
            "The mean in the application is {application[imported by requests]}, "
            "the clients' median {waited[imported by requests]}: a few requests among thousands.",
            lambda f: f["application"][LAZY] < f["first"][LAZY] / 5,
        ),
    ),
)
