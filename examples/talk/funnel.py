"""A funnel: nginx takes all who come, and the tier behind it takes two at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Closed
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

FITS, MORE, MOST = "2 clients", "20 clients", "60 clients"


def _play(stage: Stage) -> None:
    with stage.serve("-k", "gthread", "--threads", "2") as served:
        for name, clients in ((FITS, 2), (MORE, 20), (MOST, 60)):
            with stage.phase(name):
                stage.load(served.port, 5, Closed(clients, "/wait/0.02"))


SCENARIO = Scenario(
    name="funnel",
    title="Where a large tier feeds a small one, the queue is between them",
    play=_play,
    signals=(
        signals.waited(),
        signals.queue(RISES),
        signals.nginx("writing", RISES),
        signals.busy(MISLEADS, threads=2),
        signals.backlog(MISLEADS),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "Waiting between nginx and the application goes from {queue[2 clients]} to "
            "{queue[20 clients]} and {queue[60 clients]}.",
            lambda f: f["queue"][MOST] > 1.5 * f["queue"][MORE] > 15 * f["queue"][FITS],
        ),
        Claim(
            "nginx has {nginx_writing[2 clients]}, {nginx_writing[20 clients]} and "
            "{nginx_writing[60 clients]} requests under way.",
            lambda f: (
                f["nginx_writing"][MOST] > 2 * f["nginx_writing"][MORE]
                and f["nginx_writing"][MORE] > 3 * f["nginx_writing"][FITS]
            ),
        ),
        Claim(
            "Threads at work cannot tell a full house from one with a queue to the next street: "
            "{busy[2 clients]}, {busy[20 clients]} and {busy[60 clients]} of 2.",
            lambda f: f["busy"][MOST] < 1.5 * f["busy"][FITS],
        ),
        Claim(
            "The kernel's backlog has {backlog[60 clients]}, and the CPU is at "
            "{cpu[60 clients]} of a core.",
            lambda f: f["backlog"][MOST] < f["nginx_writing"][MOST] / 3 and f["cpu"][MOST] < 0.5,
        ),
    ),
)
