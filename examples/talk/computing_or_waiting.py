"""Computing or waiting: threads help those who wait, and processes those who compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Closed
from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

WAITS, COMPUTES, PROCESSES = "waits 20 ms", "computes 5 ms", "computes, 2 processes"


def _play(stage: Stage) -> None:
    with stage.serve("-k", "gthread", "--threads", "8") as served:
        for name, path in ((WAITS, "/wait/0.02"), (COMPUTES, "/compute/0.005")):
            with stage.phase(name):
                stage.load(served.port, 5, Closed(8, path))
    with (
        stage.serve("-k", "gthread", "--threads", "4", workers=2) as served,
        stage.phase(PROCESSES),
    ):
        stage.load(served.port, 5, Closed(8, "/compute/0.005"))


SCENARIO = Scenario(
    name="computing_or_waiting",
    title="What computes is full at one core, however many threads are free",
    play=_play,
    told=(WAITS, COMPUTES),
    alone=True,
    signals=(
        Signal(
            "served",
            "answers in a second",
            SEEN,
            lambda w: w.rate("http_server_requests_total"),
            metric="http.server.requests",
        ),
        Signal(
            "cpu",
            "CPU of serving threads, of a core",
            RISES,
            lambda w: w.rate("http_server_thread_cpu_time_seconds_total"),
            "%",
            "http.server.thread.cpu.time",
        ),
        Signal(
            "share",
            "CPU of the time at work",
            RISES,
            lambda w: w.ratio(
                "http_server_thread_cpu_time_seconds_total", "http_server_busy_time_seconds_total"
            ),
            "%",
            "http.server.thread.cpu.time",
        ),
        signals.queue(RISES),
        signals.busy(MISLEADS, threads=8),
        signals.backlog(MISLEADS),
    ),
    claims=(
        Claim(
            "Of the time at work {share[waits 20 ms]} is CPU where requests wait, and "
            "{share[computes 5 ms]} where they compute and wait for each other to let go of the "
            "interpreter.",
            lambda f: f["share"][COMPUTES] > 2 * f["share"][WAITS],
        ),
        Claim(
            "Those that compute are at {cpu[computes 5 ms]} of a core, which is all that one "
            "process has.",
            lambda f: f["cpu"][COMPUTES] > 0.75,
        ),
        Claim(
            "Threads at work say the contrary: {busy[computes 5 ms]} of 8, and "
            "{busy[waits 20 ms]} where there is nothing to compute.",
            lambda f: f["busy"][COMPUTES] < 0.85 * f["busy"][WAITS],
        ),
        Claim(
            "With two processes of four threads instead of one of eight, "
            "{served[computes, 2 processes]} are served in a second, with one "
            "{served[computes 5 ms]}.",
            lambda f: f["served"][PROCESSES] > 1.3 * f["served"][COMPUTES],
        ),
    ),
)
