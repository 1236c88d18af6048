"""One overload, and how it is played: a server, its clients, and what the advice is then."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from examples.talk.frame.stage import Stage
from sampler.advise import Statement, advise
from sampler.cli.scrapes import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.talk.frame.load import Clients

CAPACITY = "processes and threads"
WARM = 2.0
"""Seconds of load before the page is watched."""
WATCHED = 8.0
"""Seconds for which it is."""
_PLAN = re.compile(r"([0-9]{1,3}) process(?:es)?(?: with ([0-9]{1,4}) threads?(?: each)?)?")


@attrs.frozen
class Overload:
    """What is wrong with a server, and what its clients do.

    Attributes:
        name: of the overload.
        clients: who comes.
        cause: what names the cause: verdicts by what they are about; one suffices.
        truths: verdicts that may stand, by what they are about; any other one is wrong.
        workers: gunicorn's.
        threads: of each; None: synchronous workers.
        nginx: whether it is in front.
        cpu: whether it is about CPU, and so needs a host that is idle otherwise.
        samplers: further ones.
        around: starts what the application needs, and returns its environment.
    """

    name: str
    clients: tuple[Clients, ...]
    cause: dict[str, tuple[str, ...]]
    truths: dict[str, tuple[str, ...]]
    workers: int = 1
    threads: int | None = 4
    nginx: bool = True
    cpu: bool = False
    samplers: tuple[str, ...] = ()
    around: Callable[[ExitStack, Path], dict[str, str]] | None = None


@attrs.frozen
class Played:
    """What came of one play.

    Attributes:
        statements: by what they are about.
        answers: that clients had in a second.
        waiting: median seconds until clients had an answer.
    """

    statements: dict[str, Statement]
    answers: float
    waiting: float

    @property
    def plan(self) -> tuple[int, int | None] | None:
        """Processes and threads that are advised; None: no others are."""
        said = self.statements[CAPACITY]
        found = _PLAN.match(said.verdict) if said.remedy.startswith("run ") else None
        return None if found is None else (int(found[1]), int(found[2]) if found[2] else None)

    @property
    def overloaded(self) -> bool:
        """Whether requests wait, or it is not known."""
        return self.statements["queue"].verdict != "none"

    @property
    def full(self) -> bool:
        """Whether it says that the host is full."""
        said = self.statements[CAPACITY]
        return "host is full" in said.verdict + said.text


def named(overload: Overload, played: Played) -> bool:
    """Tell whether the cause was named."""
    return any(
        played.statements[about].verdict.startswith(verdicts)
        for about, verdicts in overload.cause.items()
    )


def wrong(overload: Overload, played: Played) -> list[str]:
    """Return statements that are decided, and are not so."""
    return [
        f"{about}: {said.verdict}"
        for about, allowed in overload.truths.items()
        if (said := played.statements[about]).decided and not said.verdict.startswith(allowed)
    ]


def play(overload: Overload, workers: int, threads: int | None) -> Played:
    """Start the server, have the clients come, watch its page and ask.

    Args:
        overload: which.
        workers: gunicorn's.
        threads: of each; None: synchronous workers.
    """
    options = ("-k", "gthread", "--threads", str(threads)) if threads else ()
    samplers = ("memory", "system", "cpython", *overload.samplers)
    with tempfile.TemporaryDirectory(prefix="overload-") as name, ExitStack() as around:
        folder = Path(name)
        folder.chmod(0o755)
        env = {} if overload.around is None else overload.around(around, folder)
        stage = Stage(folder)
        with stage.serve(
            *options,
            workers=workers,
            nginx=overload.nginx,
            samplers=samplers,
            env=env,
        ) as served:
            seconds = WARM + WATCHED + 1
            load = threading.Thread(
                target=stage.load, args=(served.port, seconds, *overload.clients), daemon=True
            )
            began = time.monotonic()
            load.start()
            time.sleep(WARM)
            source = Source(f"http://127.0.0.1:{served.gunicorn.page}/metrics")
            scrapes = tuple(source.window(WATCHED))
            load.join(60)
            heard = [
                each
                for each in stage.timeline.heard
                if began + WARM <= each.time <= began + WARM + WATCHED and each.name == "clients"
            ]
    waits = sorted(each.seconds for each in heard)
    return Played(
        {each.about: each for each in advise(scrapes)},
        len(heard) / WATCHED,
        waits[len(waits) // 2] if waits else 0.0,
    )
