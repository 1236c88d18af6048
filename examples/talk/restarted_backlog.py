"""A restart: what waits in the kernel is still there, and the new worker gets it first."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import GAVE_UP, Open
from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

BEFORE, AFTER, ANEW = "overloaded", "HUP, few clients", "started anew, few clients"
_WEB = "[web]\nstale = 1.0\n"


def _play(stage: Stage) -> None:
    many, few = (Open(rate, "/wait/0.1", patience=1.0) for rate in (30, 3))
    options = ("--backlog", "512")
    with stage.serve(*options, toml=_WEB) as served:
        with stage.phase(BEFORE):
            stage.load(served.port, 6, many)
        served.gunicorn.signal(signal.SIGHUP)
        with stage.phase(AFTER, whole=True):
            stage.load(served.port, 5, few)
    with stage.serve(*options, toml=_WEB) as served, stage.phase(ANEW, whole=True):
        stage.load(served.port, 5, few)


SCENARIO = Scenario(
    name="restarted_backlog",
    title="A backlog survives a restart, and the new process begins with work for nobody",
    play=_play,
    signals=(
        Signal("gave_up", "clients who gave up", SEEN, lambda w: w.answers(status=GAVE_UP)),
        Signal("served", "clients who got their page", SEEN, lambda w: w.answers(status=200)),
        signals.backlog(RISES),
        signals.queue(RISES),
        signals.counted("stale", "stale when they began", RISES, "http.server.stale_requests"),
        Signal(
            "starts",
            "workers started",
            MISLEADS,
            lambda w: w.last("server_process_starts_total"),
            metric="server.process.starts",
        ),
        signals.application(MISLEADS),
    ),
    claims=(
        Claim(
            "When the worker is replaced by HUP, {backlog[overloaded]} connections wait in the "
            "kernel, and its successor finds {backlog[HUP, few clients]}: the socket is the "
            "arbiter's, and stays.",
            lambda f: (
                f["starts"][AFTER] > f["starts"][BEFORE]
                and f["backlog"][AFTER] > f["backlog"][BEFORE] / 2 > 5
            ),
        ),
        Claim(
            "So it begins with {stale[HUP, few clients]} requests whose clients have left, and "
            "of those who come now, a third of what fits, {gave_up[HUP, few clients]} give up "
            "and {served[HUP, few clients]} get their page.",
            lambda f: f["stale"][AFTER] >= 5 and f["gave_up"][AFTER] > f["served"][AFTER],
        ),
        Claim(
            "A server that was stopped and started anew has a new socket: "
            "{served[started anew, few clients]} get their page, and "
            "{gave_up[started anew, few clients]} give up.",
            lambda f: f["served"][ANEW] > 3 * f["gave_up"][ANEW],
        ),
        Claim(
            "The application takes {application[HUP, few clients]}, as ever.",
            lambda f: f["application"][AFTER] < 3 * f["application"][ANEW],
        ),
    ),
)
