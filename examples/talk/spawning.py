"""Spawning under load: starting more workers takes the CPU that those at work need."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Open
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

BEFORE, SPAWNING, FORKING = "2 workers", "6 more", "6 more, preloaded"
_MORE = 6
_IMPORTS = {"TALK_IMPORTS": "sqlalchemy.orm,asyncio,xml.dom.minidom,http.server"}


def _play(stage: Stage) -> None:
    clients = Open(110, "/compute/0.01")
    for name, options in ((SPAWNING, ()), (FORKING, ("--preload",))):
        with stage.serve(*options, workers=2, env=_IMPORTS) as served:
            if name == SPAWNING:
                with stage.phase(BEFORE):
                    stage.load(served.port, 4, clients)
            with stage.phase(name, whole=True):
                asks = Thread(target=served.gunicorn.grow, args=(_MORE,))
                asks.start()
                stage.load(served.port, 3, clients)
                asks.join()


SCENARIO = Scenario(
    name="spawning",
    title="Starting workers under load makes a full host fuller",
    play=_play,
    packages=("sqlalchemy",),
    alone=True,
    signals=(
        signals.waited(title="answer, median"),
        signals.queue(RISES),
        Signal(
            "starts",
            "workers started",
            RISES,
            lambda w: w.last("server_process_starts_total"),
            metric="server.process.starts",
        ),
        signals.cpu(RISES),
        Signal(
            "workers",
            "workers there are",
            MISLEADS,
            lambda w: w.last("server_process_current"),
            metric="server.process.count",
        ),
    ),
    claims=(
        Claim(
            "While six more workers start, requests wait {queue[6 more]} for the application; "
            "with two at work they waited {queue[2 workers]}.",
            lambda f: f["queue"][SPAWNING] > 3 * f["queue"][BEFORE],
        ),
        Claim(
            "The number of workers goes from {workers[2 workers]} to {workers[6 more]}: help "
            "seems to have come.",
            lambda f: f["workers"][SPAWNING] > f["workers"][BEFORE],
        ),
        Claim(
            "Where they are forked from a master that has loaded the application, requests wait "
            "{queue[6 more, preloaded]}.",
            lambda f: f["queue"][FORKING] < f["queue"][SPAWNING] / 2,
        ),
    ),
)
