"""Slow heads: clients who send the head of their request slowly hold workers that look idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Open, SlowSenders
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

CALM, DIRECT, BEHIND = "nobody is slow", "4 slow heads", "4 slow heads, nginx"


def _play(stage: Stage) -> None:
    others, slow = Open(5, "/wait/0.01"), SlowSenders(4)
    with stage.serve(workers=2, nginx=False) as served:
        with stage.phase(CALM):
            stage.load(served.port, 3, others)
        with stage.phase(DIRECT):
            stage.load(served.port, 6, slow, others)
    with stage.serve(workers=2) as served, stage.phase(BEHIND):
        stage.load(served.port, 6, slow, others)


SCENARIO = Scenario(
    name="slow_heads",
    title="Slow clients hold workers, unless nginx holds the clients",
    play=_play,
    signals=(
        signals.waited(title="answer to the others, median"),
        signals.backlog(RISES),
        Signal(
            "heartbeat",
            "age of a worker's heartbeat, most",
            RISES,
            lambda w: w.highest("gunicorn_heartbeat_age_seconds"),
            "s",
            "gunicorn.heartbeat.age",
        ),
        signals.nginx("reading", RISES),
        signals.busy(MISLEADS, threads=2),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "With four clients who send their head slowly, the others wait "
            "{waited[4 slow heads]} instead of {waited[nobody is slow]}.",
            lambda f: f["waited"][DIRECT] > 10 * f["waited"][CALM],
        ),
        Claim(
            "Both workers are held, and seem idle: {busy[4 slow heads]} of 2 at work. A worker "
            "calls the application when it has the head. The CPU idles, too.",
            lambda f: f["busy"][DIRECT] < 0.5 and f["cpu"][DIRECT] < 0.5,
        ),
        Claim(
            "What shows is that {backlog[4 slow heads]} connections wait while workers are "
            "idle, and that a worker has not said for {heartbeat[4 slow heads]} that it lives.",
            lambda f: (
                f["backlog"][DIRECT] >= 5 > f["backlog"][CALM]
                and f["heartbeat"][DIRECT] > 2 * f["heartbeat"][CALM]
            ),
        ),
        Claim(
            "Behind nginx, which reads {nginx_reading[4 slow heads, nginx]} heads at once and "
            "passes on none before it is whole, the others wait {waited[4 slow heads, nginx]}.",
            lambda f: (
                f["nginx_reading"][BEHIND] >= 4 and f["waited"][BEHIND] < f["waited"][DIRECT] / 10
            ),
        ),
    ),
)
