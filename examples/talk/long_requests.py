"""Long requests: a few take all threads, and short ones wait behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Closed, Open
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

SHORT, BOTH, THREADS = "short ones", "4 long ones, too", "16 threads"


def _play(stage: Stage) -> None:
    short, long = Open(20, "/wait/0.01", name="short"), Closed(4, "/wait/1.5", name="long")
    for threads in (4, 16):
        with stage.serve("-k", "gthread", "--threads", str(threads)) as served:
            if threads == 4:
                with stage.phase(SHORT):
                    stage.load(served.port, 4, short)
            with stage.phase(BOTH if threads == 4 else THREADS):
                stage.load(served.port, 6, short, long)


SCENARIO = Scenario(
    name="long_requests",
    title="A few long requests make all short ones long",
    play=_play,
    signals=(
        signals.waited("short", "answer to a short one, median"),
        signals.queue(RISES),
        signals.oldest(RISES),
        signals.busy(RISES, threads=4),
        Signal(
            "application",
            "in the application, median",
            MISLEADS,
            lambda w: w.middle("http_server_request_duration_seconds"),
            "s",
            "http.server.request.duration",
        ),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "Clients wait {waited[4 long ones, too]} for an answer that takes 10 ms to make; "
            "without the long ones they waited {waited[short ones]}.",
            lambda f: f["waited"][BOTH] > 5 * f["waited"][SHORT],
        ),
        Claim(
            "Requests wait {queue[4 long ones, too]} for a thread on average, and the oldest "
            "one in progress was {oldest[4 long ones, too]} old: that is what all threads are "
            "at.",
            lambda f: f["queue"][BOTH] > 5 * f["queue"][SHORT] and f["oldest"][BOTH] > 0.7,
        ),
        Claim(
            "The median in the application is {application[4 long ones, too]}, since most "
            "requests are short.",
            lambda f: (
                f["waited"][BOTH] > 3 * f["application"][BOTH]
                and f["application"][BOTH] < 3 * f["application"][SHORT]
            ),
        ),
        Claim(
            "The CPU has nothing to do: {cpu[4 long ones, too]} of a core.",
            lambda f: f["cpu"][BOTH] < 0.5,
        ),
        Claim(
            "With 16 threads instead of 4, the same long requests cost the short ones nothing: "
            "{waited[16 threads]}.",
            lambda f: f["waited"][BOTH] > 3 * f["waited"][THREADS],
        ),
    ),
)
