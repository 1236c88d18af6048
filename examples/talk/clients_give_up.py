"""Clients give up: the server goes on working for people who have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import GAVE_UP, Open
from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

FITS, TWICE, SHED = "half of what fits", "twice what fits", "twice, with shed = 0.4"
_PATIENCE = 1.0
"""Seconds after which these clients leave."""
_WEB = "[web]\nstale = 1.0\n"


def _play(stage: Stage) -> None:
    def strangers(rate: float) -> Open:
        return Open(rate, "/wait/0.1", patience=_PATIENCE)

    with stage.serve("-k", "gthread", "--threads", "2", toml=_WEB) as served:
        with stage.phase(FITS):
            stage.load(served.port, 4, strangers(10))
        with stage.phase(TWICE):
            stage.load(served.port, 8, strangers(40))
    with (
        stage.serve("-k", "gthread", "--threads", "2", toml=f"{_WEB}shed = 0.4\n") as served,
        stage.phase(SHED),
    ):
        stage.load(served.port, 8, strangers(40))


SCENARIO = Scenario(
    name="clients_give_up",
    title="An overloaded server works for clients who have left",
    play=_play,
    signals=(
        Signal("gave_up", "clients who gave up", SEEN, lambda w: w.answers(status=GAVE_UP)),
        Signal("served", "clients who got their page", SEEN, lambda w: w.answers(status=200)),
        signals.queue(RISES),
        signals.counted(
            "abandoned", "abandoned requests", RISES, "http.server.abandoned_requests"
        ),
        signals.counted("stale", "stale when they began", RISES, "http.server.stale_requests"),
        signals.counted("requests", "requests ended", MISLEADS, "http.server.requests"),
        signals.application(MISLEADS),
        signals.busy(MISLEADS, threads=2),
    ),
    claims=(
        Claim(
            "At twice the load that fits, {gave_up[twice what fits]} clients gave up and "
            "{served[twice what fits]} got their page.",
            lambda f: f["gave_up"][TWICE] > 3 * f["served"][TWICE],
        ),
        Claim(
            "Of {requests[twice what fits]} requests that the application ended meanwhile, "
            "{abandoned[twice what fits]} were abandoned and {stale[twice what fits]} had waited "
            "longer than any client does when they began.",
            lambda f: (
                f["abandoned"][TWICE] > f["requests"][TWICE] / 2
                and f["stale"][TWICE] > f["requests"][TWICE] / 2
                and f["abandoned"][FITS] + f["stale"][FITS] == 0
            ),
        ),
        Claim(
            "The application's own time is {application[twice what fits]}, as before, and its "
            "throughput is the best that it ever had: both would be called healthy.",
            lambda f: (
                f["application"][TWICE] < 3 * f["application"][FITS]
                and f["requests"][TWICE] > f["requests"][FITS]
            ),
        ),
        Claim(
            "When requests that have waited 0.4 s are refused at once, "
            "{served[twice, with shed = 0.4]} clients get their page.",
            lambda f: f["served"][SHED] > 3 * f["served"][TWICE],
        ),
    ),
)
