"""Threads starved: all of them wait for something, and requests wait for a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Closed
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

FEW, MANY = "2 clients", "40 clients"


def _play(stage: Stage) -> None:
    with stage.serve("-k", "gthread", "--threads", "4", workers=2) as served:
        for name, clients in ((FEW, 2), (MANY, 40)):
            with stage.phase(name):
                stage.load(served.port, 5, Closed(clients, "/wait/0.02"))


SCENARIO = Scenario(
    name="starved_threads",
    title="When all threads wait, requests queue, and the usual signals are calm",
    play=_play,
    signals=(
        signals.waited(),
        signals.queue(RISES),
        signals.busy(RISES, threads=8),
        signals.accepted(RISES),
        signals.application(MISLEADS),
        signals.backlog(MISLEADS),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "Of 8 threads {busy[40 clients]} are at work, with 2 clients {busy[2 clients]}.",
            lambda f: f["busy"][MANY] > 2 * f["busy"][FEW],
        ),
        Claim(
            "A request waits {queue[40 clients]} for a thread; with 2 clients it was "
            "{queue[2 clients]}.",
            lambda f: f["queue"][MANY] > 5 * f["queue"][FEW],
        ),
        Claim(
            "In the application it takes {application[40 clients]}, as before: most of what "
            "clients wait for, {waited[40 clients]}, is not in the application's own figures.",
            lambda f: (
                f["waited"][MANY] > 2 * f["application"][MANY]
                and f["application"][MANY] < 2 * f["application"][FEW]
            ),
        ),
        Claim(
            "The workers have accepted {accepted[40 clients]} requests that they have not "
            "begun, so the kernel's backlog has {backlog[40 clients]}: it is no sign. "
            "Nor is the CPU, at {cpu[40 clients]} of a core.",
            lambda f: f["accepted"][MANY] > 15 > 2 * f["backlog"][MANY] and f["cpu"][MANY] < 1,
        ),
    ),
)
