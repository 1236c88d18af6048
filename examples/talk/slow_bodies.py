"""Slow bodies and readers: threads wait for what clients send, and for what they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.talk.frame import signals
from examples.talk.frame.load import Open, SlowReaders, SlowSenders
from examples.talk.frame.scenario import MISLEADS, RISES, Claim, Scenario, Signal

if TYPE_CHECKING:
    from examples.talk.frame.stage import Stage

BODIES, READERS, BEHIND = "4 slow bodies", "4 slow readers", "all 8, nginx"
_LARGE = "/give/16000000"


def _play(stage: Stage) -> None:
    others = Open(10, "/wait/0.01")
    bodies, readers = SlowSenders(4, body=True), SlowReaders(4, _LARGE)
    with stage.serve("-k", "gthread", "--threads", "4", nginx=False) as served:
        with stage.phase(BODIES):
            stage.load(served.port, 4, bodies, others)
        with stage.phase(READERS):
            stage.load(served.port, 4, readers, others)
    with stage.serve("-k", "gthread", "--threads", "4") as served, stage.phase(BEHIND):
        stage.load(served.port, 4, bodies, readers, others)


SCENARIO = Scenario(
    name="slow_bodies",
    title="Slow bodies and slow readers hold threads, and nginx takes that off them, too",
    play=_play,
    told=(BEHIND, BODIES),
    signals=(
        signals.waited(title="answer to the others, median"),
        Signal(
            "read",
            "threads that wait for bodies",
            RISES,
            lambda w: w.rate("http_server_request_read_time_seconds_total"),
            metric="http.server.request.read.time",
            limit=4,
        ),
        Signal(
            "write",
            "threads that wait for readers",
            RISES,
            lambda w: w.rate("http_server_response_write_time_seconds_total"),
            metric="http.server.response.write.time",
            limit=4,
        ),
        signals.busy(RISES, threads=4),
        signals.oldest(RISES),
        signals.backlog(MISLEADS),
        signals.cpu(MISLEADS),
    ),
    claims=(
        Claim(
            "Of 4 threads {read[4 slow bodies]} wait for bodies, or {write[4 slow readers]} for "
            "readers, and the others' clients wait {waited[4 slow bodies]} and "
            "{waited[4 slow readers]}.",
            lambda f: (
                f["read"][BODIES] > 2
                and f["write"][READERS] > 2
                and min(f["waited"][BODIES], f["waited"][READERS]) > 0.3
            ),
        ),
        Claim(
            "The oldest request is {oldest[4 slow bodies]} and {oldest[4 slow readers]} old.",
            lambda f: min(f["oldest"][BODIES], f["oldest"][READERS]) > 1,
        ),
        Claim(
            "The kernel's backlog has {backlog[4 slow bodies]} and {backlog[4 slow readers]}, "
            "and the CPU is at {cpu[4 slow bodies]} and {cpu[4 slow readers]} of a core.",
            lambda f: (
                max(f["backlog"][BODIES], f["backlog"][READERS]) < 5 and f["cpu"][BODIES] < 0.5
            ),
        ),
        Claim(
            "Behind nginx, which reads bodies and keeps answers, both come to "
            "{read[all 8, nginx]} and {write[all 8, nginx]} threads, and the others wait "
            "{waited[all 8, nginx]}.",
            lambda f: (
                f["read"][BEHIND] + f["write"][BEHIND] < 1
                and f["waited"][BEHIND] < f["waited"][BODIES] / 5
            ),
        ),
    ),
)
